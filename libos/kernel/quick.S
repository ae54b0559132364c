/*
 * Calls that read a word and change nothing, made without a stack (bz_upcalls.quick_begin).  In: as at bz_abi.syscall_entry.
 * Flags and memory are not written, so comparisons are subtractions by lea; a signal before quick_commit finds the call not
 * made yet, one behind it the call made.  Few of them, for each costs all other calls an instruction or two.  sched_yield is the
 * host's (bz_abi.direct_entry).
 */
#include "libos/kernel/offsets.h"

	.text
	.globl quick_begin, quick_commit, quick_end
	.hidden quick_begin, quick_commit, quick_end
	.balign 64
quick_begin:
	mov %rcx, %r11
	lea -39(%rax), %rcx		/* getpid */
	jrcxz 1f
	lea -186(%rax), %rcx		/* gettid */
	jrcxz 2f
	lea -24(%rax), %rcx		/* sched_yield */
	jrcxz 3f
	mov %r11, %rcx
	jmp *quick_slow(%rip)
3:	mov %r11, %rcx
	jmp *quick_direct(%rip)
2:	mov %gs:TCB_LIBOS, %rcx
	mov THREAD_TID(%rcx), %ecx
	jmp 9f
1:	mov %gs:TCB_LIBOS, %rcx
	mov THREAD_PROCESS(%rcx), %rcx
	mov PROCESS_PID(%rcx), %ecx
9:	mov %rcx, %rax
quick_commit:
	mov -8(%r11), %rcx		/* the address behind the call, as `syscall` leaves it */
	lea (%rcx,%r11), %rcx
	jmp *%r11
quick_end:

	.section .note.GNU-stack, "", @progbits
