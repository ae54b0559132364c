/*
 * void guest_registers(struct registers *): for ever: load every register with what struct registers says, enter the library
 * OS (a system call, or a fault if `fault` is set), write down what came back, and have it checked (call 6001).
 * Offsets are those of struct registers in resume.c.
 */
#define LOOPS 0
#define FAULT 8
#define FLAGS_IN 16
#define GPR_IN 24		/* rbx rbp r12 r13 r14 rdi rsi rdx r10 r8 r9 rcx r11 */
#define RED_IN 128		/* 16 words */
#define VEC_IN 256		/* 16 times 32 bytes */
#define RAX_OUT 768
#define FLAGS_OUT 776
#define GPR_OUT 784
#define RSP_IN 888
#define RSP_OUT 896
#define RED_OUT 912
#define VEC_OUT 1040

	.section .guest.asm, "ax"
	.globl guest_registers
	.hidden guest_registers
guest_registers:
	mov %rdi, %r15
1:	mov %rsp, RSP_IN(%r15)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu VEC_IN+32*\n(%r15), %ymm\n
	.endr
	pushq FLAGS_IN(%r15)
	popfq				/* from here on nothing changes flags */
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	mov RED_IN+8*\n-8(%r15), %rax
	mov %rax, -8*\n(%rsp)
	.endr
	mov GPR_IN+0(%r15), %rbx
	mov GPR_IN+8(%r15), %rbp
	mov GPR_IN+16(%r15), %r12
	mov GPR_IN+24(%r15), %r13
	mov GPR_IN+32(%r15), %r14
	mov GPR_IN+40(%r15), %rdi
	mov GPR_IN+48(%r15), %rsi
	mov GPR_IN+56(%r15), %rdx
	mov GPR_IN+64(%r15), %r10
	mov GPR_IN+72(%r15), %r8
	mov GPR_IN+80(%r15), %r9
	mov FAULT(%r15), %rcx
	jrcxz 2f
	mov GPR_IN+88(%r15), %rcx
	mov GPR_IN+96(%r15), %r11
	mov $6000, %eax
	ud2				/* two bytes, as `syscall` */
	jmp 3f
2:	mov $6000, %eax
	syscall
3:	mov %rax, RAX_OUT(%r15)
	mov %rsp, RSP_OUT(%r15)
	mov %rbx, GPR_OUT+0(%r15)
	mov %rbp, GPR_OUT+8(%r15)
	mov %r12, GPR_OUT+16(%r15)
	mov %r13, GPR_OUT+24(%r15)
	mov %r14, GPR_OUT+32(%r15)
	mov %rdi, GPR_OUT+40(%r15)
	mov %rsi, GPR_OUT+48(%r15)
	mov %rdx, GPR_OUT+56(%r15)
	mov %r10, GPR_OUT+64(%r15)
	mov %r8, GPR_OUT+72(%r15)
	mov %r9, GPR_OUT+80(%r15)
	mov %rcx, GPR_OUT+88(%r15)
	mov %r11, GPR_OUT+96(%r15)
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	mov -8*\n(%rsp), %rax
	mov %rax, RED_OUT+8*\n-8(%r15)
	.endr
	pushfq
	popq FLAGS_OUT(%r15)
	cld
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu %ymm\n, VEC_OUT+32*\n(%r15)
	.endr
	mov $6001, %eax
	syscall
	jmp 1b
