#!/bin/sh
# Makes the table of system call names for syscall_names.c from the compiler's own <asm/unistd_64.h>.
# usage: gen-syscalls.sh OUTPUT CC...
set -e
out=$1
shift
echo '#include <asm/unistd_64.h>' | "$@" -E -dM - |
	sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$/[\2] = "\1",/p' | sort -t'[' -k2n > "$out"
test -s "$out"
