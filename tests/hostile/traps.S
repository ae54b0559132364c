/* Instructions that must arrive as exceptions; each at its own label so that the test knows the address. */
	.section .guest.asm, "ax"
	.macro guest_label name
	.globl \name
	.hidden \name
\name:
	.endm

	guest_label guest_traps
	mov $39, %eax			/* getpid as 32-bit code numbers it is 20: neither is made */
	guest_label guest_int80
	int $0x80
	guest_label guest_after_int80
	nop
	guest_label guest_int3
	int3
	guest_label guest_divide
	xor %ecx, %ecx
	xor %edx, %edx
	mov $1, %eax
	guest_label guest_div
	div %ecx
	guest_label guest_after_div
	nop
	guest_label guest_ud
	ud2
	guest_label guest_noncanonical
	mov $0x0123456789abcdef, %rax
	guest_label guest_load
	mov (%rax), %rax
	guest_label guest_after_load
	/* the vsyscall page: gettimeofday, time, getcpu; each returns to its caller */
	mov $0xffffffffff600000, %rax
	lea guest_buffer(%rip), %rdi
	xor %esi, %esi
	call *%rax
	guest_label guest_after_gettimeofday
	mov $0xffffffffff600400, %rax
	call *%rax
	guest_label guest_after_time
	mov $0xffffffffff600800, %rax
	call *%rax
	guest_label guest_after_getcpu
	nop
	guest_label guest_jump
	/* a wild jump into the middle of nowhere, one into the arena, one to an address no processor has */
	mov $0x0000250000000000, %rax
	call *%rax
	guest_label guest_after_jump
	mov $0x0000200808000000, %rax
	call *%rax
	guest_label guest_after_arena
	mov $0x1000000000000000, %rax
	guest_label guest_call_noncanonical
	call *%rax
	guest_label guest_after_noncanonical
	/* the stack pointer is nobody's business but the guest's */
	mov %rsp, %rbx
	mov $0x10, %rsp
	guest_label guest_bad_stack
	ud2
	mov %rbx, %rsp
	guest_label guest_sysenter
	mov %rsp, %rbp
	mov $20, %eax
	sysenter
	guest_label guest_sysenter_low
	mov $0x400f00, %ebp		/* mapped, so that the kernel gets as far as making the call */
	mov $20, %eax
	sysenter
	guest_label guest_buffer
	.skip 16
