/*
 * The ways in and out: start of the process, upcalls and the return to the guest, the one routine that blocks,
 * signal entry, birth and death of threads.  See abi/bartizan_abi.h, "RESUMING".
 */
#include "host/linux/layout.h"

	.section .text.start, "ax"
	.globl _start
_start:
	xor %ebp, %ebp
	mov %rsp, %rdi
	and $-16, %rsp
	call boot_stack			/* reads the auxiliary vector, makes thread block 0 */
	mov %rax, %rsp			/* leave the kernel's stack for good */
	xor %ebp, %ebp
	call boot_main
	ud2

	.text

/*
 * long host_block(nr, a, b, c, d, e, f): the only place from which a host call is made that may block and that
 * thread_interrupt must stop.  A signal that arrives after the mark was looked at and before the `syscall`
 * instruction was executed finds rip between host_block_begin and host_block_end, and its handler moves
 * the thread to host_block_interrupted: no interrupt is lost, however late it comes.
 */
	.globl host_block
	.hidden host_block
host_block:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	.globl host_block_begin, host_block_end, host_block_interrupted
	.hidden host_block_begin, host_block_end, host_block_interrupted
host_block_begin:
	cmpl $0, %gs:TCB_INTERRUPTED
	jne host_block_interrupted
	syscall
host_block_end:				/* here the call was made: what it returned holds */
	ret
host_block_interrupted:
	mov $-4, %rax			/* -EINTR */
	ret

/*
 * Upcalls.  A signal handler arranged the registers: rsp = top of the library OS stack (16-byte aligned), GS =
 * the thread's block, rdi and rsi the arguments, flags clear.
 */
	.globl host_enter_exception, host_enter_remote, host_enter_start
	.hidden host_enter_exception, host_enter_remote, host_enter_start
host_enter_exception:			/* rdi: context, rsi: exception */
	call upcall_exception
	jmp host_resume
host_enter_remote:			/* rdi: context */
	call upcall_remote
	jmp host_resume

/*
 * A system call as a function call (bz_abi.syscall_entry): rcx = address to go on at, r11 free, all else the guest's; its
 * flags are saved before anything touches them, and its stack is never written.  A fault before host_syscall_entry_unsaved
 * (a GS that is not ours), or a single step on the first instruction, is taken as a trapped call by the signal handler.
 * rbp stays the guest's: nothing here walks frames.
 */
	.globl host_syscall_entry, host_syscall_entry_unsaved
	.hidden host_syscall_entry, host_syscall_entry_unsaved
	.balign 64
host_syscall_entry:
	mov %gs:0, %r11
	mov %rsp, BLOCK_CTX+CTX_RSP(%r11)
host_syscall_entry_unsaved:
	mov TCB_STACK_TOP(%r11), %rsp
	pushfq
	mov %rcx, BLOCK_BACK(%r11)
	add -8(%rcx), %rcx
	mov %rdi, BLOCK_CTX+112(%r11)
	lea BLOCK_CTX(%r11), %rdi
	mov %rcx, BLOCK_BACK_RIP(%r11)
	mov %rcx, CTX_RIP(%rdi)
	mov %rcx, CTX_RCX(%rdi)
	mov %r15, 0(%rdi)
	mov %r14, 8(%rdi)
	mov %r13, 16(%rdi)
	mov %r12, 24(%rdi)
	mov %rbp, 32(%rdi)
	mov %rbx, 40(%rdi)
	mov %r10, 56(%rdi)
	mov %r9, 64(%rdi)
	mov %r8, 72(%rdi)
	mov %rax, 80(%rdi)
	mov %rdx, 96(%rdi)
	mov %rsi, 104(%rdi)
	movl $0, CTX_FLAGS(%rdi)
	mov TCB_RESUME_FLAG(%r11), %rax
	pop %rcx
	mov %rcx, CTX_RFLAGS(%rdi)
	mov %rcx, CTX_R11(%rdi)			/* r11 = rflags, as `syscall` leaves it */
	test %rax, %rax
	jz 1f
	movl $0, (%rax)
1:	test $FLAGS_NOT_OURS, %ecx
	jz 2f
	pushq $0x202
	popfq
2:	xor %esi, %esi
	call *host_upcall_exception(%rip)
	mov %gs:0, %rdi
	test %eax, %eax
	jz host_resume_block

	/* Nothing but rax is other than it was: back to where the call came from.  See host_resume for the order. */
	mov TCB_RESUME_FLAG(%rdi), %rcx
	test %rcx, %rcx
	jz 1f
	movl $1, (%rcx)
	cmpl $0, 4(%rcx)
	jne host_resume_remote
1:	testl $FLAGS_NOT_OURS, BLOCK_CTX+CTX_RFLAGS(%rdi)
	jnz host_resume_block
	.globl host_return_begin, host_return_end
	.hidden host_return_begin, host_return_end
host_return_begin:				/* as between host_resume_begin and host_resume_end */
	cmpl $0, TCB_INTERRUPTED(%rdi)
	jne host_resume_remote
	mov BLOCK_CTX+0(%rdi), %r15
	mov BLOCK_CTX+8(%rdi), %r14
	mov BLOCK_CTX+16(%rdi), %r13
	mov BLOCK_CTX+24(%rdi), %r12
	mov BLOCK_CTX+32(%rdi), %rbp
	mov BLOCK_CTX+40(%rdi), %rbx
	mov BLOCK_CTX+56(%rdi), %r10
	mov BLOCK_CTX+64(%rdi), %r9
	mov BLOCK_CTX+72(%rdi), %r8
	mov BLOCK_CTX+96(%rdi), %rdx
	mov BLOCK_CTX+104(%rdi), %rsi
	/* popfq takes longer than all the rest: the overflow flag by an addition (rflags 8..15 is 2 or 10), the others by sahf. */
	movb BLOCK_CTX+CTX_RFLAGS+1(%rdi), %al
	movb BLOCK_CTX+CTX_RFLAGS(%rdi), %ah
	addb $0x76, %al
	sahf
	mov BLOCK_CTX+80(%rdi), %rax
	mov BLOCK_CTX+CTX_RIP(%rdi), %rcx
	mov BLOCK_CTX+CTX_R11(%rdi), %r11
	mov BLOCK_CTX+CTX_RSP(%rdi), %rsp
	mov BLOCK_CTX+112(%rdi), %rdi
	jmp *%gs:BLOCK_BACK
host_return_end:

/*
 * A call that the host makes for the guest itself (bz_abi.direct_entry): rcx = address to go on at, r11 free.  `syscall` destroys
 * both.  A signal before host_direct_made finds the call not made yet and begins at host_syscall_entry, one behind it
 * the call made (signal.c).
 */
	.globl host_direct_entry, host_direct_made, host_direct_end
	.hidden host_direct_entry, host_direct_made, host_direct_end
	.balign 64
host_direct_entry:
	mov %rcx, %gs:BLOCK_DIRECT_BACK
	syscall
host_direct_made:
	mov %gs:BLOCK_DIRECT_BACK, %r11
	mov -8(%r11), %rcx			/* the address behind the call, as `syscall` leaves it */
	lea (%rcx,%r11), %rcx
	jmp *%r11
host_direct_end:

host_enter_start:			/* rdi: argument, rsi: context */
	fldcw BLOCK_FPU_CONTROL-BLOCK_CTX(%rsi)
	ldmxcsr BLOCK_MXCSR-BLOCK_CTX(%rsi)
	call upcall_thread_start

/*
 * Resume the guest with the context in the thread's block.  From host_resume_begin on only registers are
 * written and the context stays as it is, so that a signal handler can abandon the attempt and make the remote
 * upcall (or report a fault: a bad rip in the context) with the same context.
 */
host_resume:
	mov %gs:0, %rdi
host_resume_block:
	mov TCB_RESUME_FLAG(%rdi), %rax
	test %rax, %rax
	jz 1f
	movl $1, (%rax)			/* no barrier: see RESUMING */
	cmpl $0, 4(%rax)
	jne host_resume_remote
1:	mov BLOCK_CTX+CTX_RIP(%rdi), %rax
	mov %rax, %rsi
	cmp BLOCK_BACK_RIP(%rdi), %rax
	cmove BLOCK_BACK(%rdi), %rsi
	mov %rsi, BLOCK_TARGET(%rdi)
	mov BLOCK_CTX+CTX_RFLAGS(%rdi), %rcx
	mov BLOCK_CTX+CTX_RSP(%rdi), %rdx
	mov %rax, BLOCK_IRET(%rdi)
	movq $USER_CS, BLOCK_IRET+8(%rdi)
	mov %rcx, BLOCK_IRET+16(%rdi)
	mov %rdx, BLOCK_IRET+24(%rdi)
	movq $USER_SS, BLOCK_IRET+32(%rdi)
	.globl host_resume_begin, host_resume_end
	.hidden host_resume_begin, host_resume_end
host_resume_begin:
	cmpl $0, TCB_INTERRUPTED(%rdi)
	jne host_resume_remote
	testl $3, BLOCK_CTX+CTX_FLAGS(%rdi)	/* BZ_CTX_FULL, BZ_CTX_GS */
	jnz 2f
	test $0x100, %ecx		/* single-stepping must begin with the guest: iretq does that */
	jnz 2f

	/* As after `syscall`: rcx = rip, r11 = rflags. */
	lea BLOCK_CTX(%rdi), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	pop %rcx			/* rip */
	mov (%rsp), %r11
	popfq
	pop %rsp
	jmp *%gs:BLOCK_TARGET

2:	testl $2, BLOCK_CTX+CTX_FLAGS(%rdi)	/* BZ_CTX_GS */
	jz 3f
	mov BLOCK_CTX+CTX_GS(%rdi), %rax
	wrgsbase %rax
3:	lea BLOCK_CTX(%rdi), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi			/* rsp: at rip of the context */
	lea BLOCK_IRET-BLOCK_CTX-CTX_RIP(%rsp), %rsp
	iretq
host_resume_end:

/* rdi: the thread's block.  An interrupt came before the guest's first instruction. */
host_resume_remote:
	mov TCB_RESUME_FLAG(%rdi), %rax
	test %rax, %rax
	jz 1f
	movl $0, (%rax)
1:	movl $0, TCB_INTERRUPTED(%rdi)
	mov TCB_STACK_TOP(%rdi), %rsp
	lea BLOCK_CTX(%rdi), %rdi
	jmp host_enter_remote

/*
 * void handler(sig, info, ucontext), on the alternate stack (or, in a thread's first instructions, on its
 * library OS stack: both are in its block).  The guest's GS, its direction and alignment flags are not ours; what GS was is the
 * last argument: the frame does not have it, and rt_sigreturn leaves it as it is.
 */
	.globl host_signal_entry, host_restorer
	.hidden host_signal_entry, host_restorer
host_signal_entry:
	sub $8, %rsp			/* the kernel left rsp = 8 modulo 16 */
	pushq $0x202
	popfq
	rdgsbase %r8
	mov %rsp, %rcx
	and $-BLOCK_SIZE, %rcx
	add $BLOCK_TCB, %rcx
	wrgsbase %rcx
	call host_signal
	add $8, %rsp
	ret				/* to host_restorer */
host_restorer:
	mov $15, %eax			/* rt_sigreturn */
	syscall
	ud2

/* void host_sigreturn(const struct ucontext *) */
	.globl host_sigreturn
	.hidden host_sigreturn
host_sigreturn:
	mov %rdi, %rsp
	mov $15, %eax
	syscall
	ud2

/* long host_clone_thread(flags, stack, child_tid, block): in the parent returns what clone did. */
	.globl host_clone_thread
	.hidden host_clone_thread
host_clone_thread:
	mov %rdx, %r10
	mov %rcx, %r9			/* survives the call */
	xor %edx, %edx
	xor %r8d, %r8d
	mov $56, %eax			/* clone */
	syscall
	test %eax, %eax
	jz 1f
	ret
1:	wrgsbase %r9
	xor %ebp, %ebp
	mov %r9, %rdi
	call thread_begin
	ud2

/*
 * void host_exit_thread(uint32_t *clear): tell the waiters of *clear and end, without touching memory of the thread
 * in between.  Its waiters may have asked for a shared or a private futex: wake both.
 */
	.globl host_exit_thread, host_exit_fixup, host_exit_fixup_end, host_exit_fixed
	.hidden host_exit_thread, host_exit_fixup, host_exit_fixup_end, host_exit_fixed
host_exit_thread:
	test %rdi, %rdi
	jz host_exit_fixed
host_exit_fixup:
	movl $0, (%rdi)			/* the guest's address: may fault, then goes on at host_exit_fixed */
host_exit_fixup_end:
	mov $0x7fffffff, %edx
	mov $1, %esi			/* FUTEX_WAKE */
	mov $202, %eax
	syscall
	mov $0x81, %esi			/* FUTEX_WAKE | FUTEX_PRIVATE_FLAG */
	mov $202, %eax
	syscall
host_exit_fixed:
	xor %edi, %edi
	mov $60, %eax			/* exit */
	syscall
	ud2

/*
 * The helper that hands the filter's listener over (sandbox.c): a process of its own, with our memory and
 * descriptors, that runs helper_main on the given stack and ends.
 * long host_clone_helper(flags, stack, child_tid, fn)
 */
	.globl host_clone_helper
	.hidden host_clone_helper
host_clone_helper:
	mov %rdx, %r10
	mov %rcx, %r9
	xor %edx, %edx
	xor %r8d, %r8d
	mov $56, %eax
	syscall
	test %eax, %eax
	jz 1f
	ret
1:	xor %ebp, %ebp
	call *%r9
	ud2
