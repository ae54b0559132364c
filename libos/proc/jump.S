/* The end of a vfork's child is the return of its parent, from wherever in the library OS that is: setjmp(3) and longjmp(3). */
	.text

/* int jump_mark(struct jump *to): 0; 1 when it returns again, by jump_back */
	.globl jump_mark
	.hidden jump_mark
jump_mark:
	mov %rbx, 0(%rdi)
	mov %rbp, 8(%rdi)
	mov %r12, 16(%rdi)
	mov %r13, 24(%rdi)
	mov %r14, 32(%rdi)
	mov %r15, 40(%rdi)
	lea 8(%rsp), %rdx	/* as it is after the return */
	mov %rdx, 48(%rdi)
	mov (%rsp), %rdx
	mov %rdx, 56(%rdi)
	xor %eax, %eax
	ret

/* void jump_back(const struct jump *to) */
	.globl jump_back
	.hidden jump_back
jump_back:
	mov 0(%rdi), %rbx
	mov 8(%rdi), %rbp
	mov 16(%rdi), %r12
	mov 24(%rdi), %r13
	mov 32(%rdi), %r14
	mov 40(%rdi), %r15
	mov 48(%rdi), %rsp
	mov $1, %eax
	jmp *56(%rdi)

	.section .note.GNU-stack, "", @progbits
