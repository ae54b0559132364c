/*
 * The loader's ways in and out.
 */
#define SYS_munmap 11

	.section .text.start, "ax"
	.globl _start
_start:
	xor %ebp, %ebp
	lea stub_stack_end(%rip), %rsp	/* the kernel's stack is about to go */
	call stub_main
	ud2

	.text

/*
 * long stub_call(nr, a, b, c, d, e, f)
 */
	.globl stub_call
	.hidden stub_call
stub_call:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	ret

/*
 * long stub_clone(flags, stack, tid): the new thread begins in stub_helper.  *tid is its number while it lives.
 */
	.globl stub_clone
	.hidden stub_clone
stub_clone:
	mov %rdx, %r10			/* the kernel writes it before the thread runs, and clears it at its end */
	xor %r8d, %r8d
	mov $56, %eax			/* clone */
	syscall
	test %rax, %rax
	jz 1f
	ret
1:	xor %ebp, %ebp
	call stub_helper
	ud2

/*
 * void stub_leave(entry, leave, stack, base, size): unmaps the loader by an instruction at `leave` (SOLO5_LEAVE), which
 * goes on to the entry.  Nothing of the loader's stays in a register but what that call needs.
 */
	.globl stub_leave
	.hidden stub_leave
stub_leave:
	mov %rdi, %rbx
	mov %rsi, %r9
	mov %rdx, %rsp
	mov %rcx, %rdi
	mov %r8, %rsi
	xor %edx, %edx
	xor %ebp, %ebp
	xor %r8d, %r8d
	xor %r10d, %r10d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
	mov $SYS_munmap, %eax
	cld
	jmp *%r9

	.bss
	.balign 16
	.space 16384
stub_stack_end:

	.section .note.GNU-stack, "", @progbits
