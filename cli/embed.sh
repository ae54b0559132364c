#!/bin/sh
# Strips the host layer and writes the assembly that embeds it: embed.sh ELF STRIPPED ASSEMBLY
set -e
strip -o "$2" "$1"
cat >"$3" <<END
	.section .rodata
	.balign 4096
	.globl host_layer_start, host_layer_end
host_layer_start:
	.incbin "$(realpath "$2")"
host_layer_end:
	.section .note.GNU-stack,"",@progbits
END
