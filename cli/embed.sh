#!/bin/sh
# Strips an ELF file and writes the assembly that embeds it as NAME_start to NAME_end: embed.sh ELF STRIPPED ASSEMBLY NAME
set -e
strip -o "$2" "$1"
cat >"$3" <<END
	.section .rodata
	.balign 4096
	.globl $4_start, $4_end
$4_start:
	.incbin "$(realpath "$2")"
$4_end:
	.section .note.GNU-stack,"",@progbits
END
