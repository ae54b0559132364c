/*
 * Saving and restoring the guest's extended state, which is live in the registers while the library OS works.  Both touch
 * guest memory; a fault (a bad stack, a header that the processor refuses) returns -14 by fixup.
 */
#include "libos/kernel/fixup.h"

	.text

/* int xstate_save(void *user, u64 mask) */
	.globl xstate_save
	.hidden xstate_save
xstate_save:
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
1:	xsave64 (%rdi)
2:	xor %eax, %eax
	ret
3:	mov $-14, %eax
	ret
	fixup 1b, 2b, 3b

/* int xstate_restore(const void *area, u64 mask) */
	.globl xstate_restore
	.hidden xstate_restore
xstate_restore:
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
1:	xrstor64 (%rdi)
2:	xor %eax, %eax
	ret
3:	mov $-14, %eax
	ret
	fixup 1b, 2b, 3b

/* int fxstate_restore(const void *area) */
	.globl fxstate_restore
	.hidden fxstate_restore
fxstate_restore:
1:	fxrstor64 (%rdi)
2:	xor %eax, %eax
	ret
3:	mov $-14, %eax
	ret
	fixup 1b, 2b, 3b

	.section .note.GNU-stack, "", @progbits
