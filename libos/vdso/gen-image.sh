#!/bin/sh
# gen-image.sh VDSO OUTPUT: assembler text that carries the vDSO's image as bytes.
cat > "$2" <<EOF
	.section .rodata
	.globl vdso_image, vdso_image_end
	.balign 16
vdso_image:
	.incbin "$(realpath "$1")"
vdso_image_end:
	.section .note.GNU-stack,"",@progbits
EOF
