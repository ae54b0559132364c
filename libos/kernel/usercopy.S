/*
 * The only code that touches guest memory.  A fault inside continues at the landing label that the .fixups section
 * names (struct bz_fixup), with registers as they were.
 */
#include "libos/kernel/fixup.h"

	.text

/* size_t usercopy_raw(void *dst, const void *src, size_t n): returns the bytes NOT copied. */
	.globl usercopy_raw
	.hidden usercopy_raw
usercopy_raw:
	cmp $16, %rdx
	ja 3f
	/* Few bytes by two overlapping moves, or bytewise: beginning a `rep` takes longer than either. */
	cmp $8, %rdx
	jb 6f
4:	mov (%rsi), %rax
	mov -8(%rsi,%rdx), %rcx
	mov %rax, (%rdi)
	mov %rcx, -8(%rdi,%rdx)
5:	xor %eax, %eax
	ret
6:	cmp $4, %rdx
	jb 8f
7:	mov (%rsi), %eax
	mov -4(%rsi,%rdx), %ecx
	mov %eax, (%rdi)
	mov %ecx, -4(%rdi,%rdx)
9:	xor %eax, %eax
	ret
8:	test %rdx, %rdx
	jz 9b
10:	movzbl (%rsi), %eax
	mov %al, (%rdi)
11:	dec %rdx
	lea 1(%rsi), %rsi
	lea 1(%rdi), %rdi
	jnz 10b
	xor %eax, %eax
	ret
	/* What faulted begins again, up to the byte that is not there. */
3:	mov %rdx, %rcx
1:	rep movsb
2:	mov %rcx, %rax
	ret
	fixup 4b, 5b, 3b
	fixup 7b, 9b, 3b
	fixup 10b, 11b, 3b
	fixup 1b, 2b, 2b

/*
 * size_t usercopy_aside_raw(void *dst, const void *src, size_t n): the same past the caches, by stores that are not temporal: for what another
 * processor reads next, which otherwise gets each line from this one's cache.  dst begins with a line; what faults begins again, bytewise.
 */
	.globl usercopy_aside_raw
	.hidden usercopy_aside_raw
usercopy_aside_raw:
	mov %rdx, %rcx
1:	cmp $64, %rcx
	jb 3f
2:	mov (%rsi), %rax
	mov 8(%rsi), %rdx
	mov 16(%rsi), %r8
	mov 24(%rsi), %r9
	mov 32(%rsi), %r10
	mov 40(%rsi), %r11
	movnti %rax, (%rdi)
	movnti %rdx, 8(%rdi)
	mov 48(%rsi), %rax
	mov 56(%rsi), %rdx
	movnti %r8, 16(%rdi)
	movnti %r9, 24(%rdi)
	movnti %r10, 32(%rdi)
	movnti %r11, 40(%rdi)
	movnti %rax, 48(%rdi)
	movnti %rdx, 56(%rdi)
	add $64, %rsi
	add $64, %rdi
	sub $64, %rcx
	jmp 1b
3:	rep movsb
4:	sfence			/* before whoever is told of it reads it */
	mov %rcx, %rax
	ret
	fixup 2b, 3b, 3b
	fixup 3b, 4b, 4b

/* size_t userzero_raw(void *dst, size_t n): returns the bytes NOT cleared. */
	.globl userzero_raw
	.hidden userzero_raw
userzero_raw:
	mov %rsi, %rcx
	xor %eax, %eax
1:	rep stosb
2:	mov %rcx, %rax
	ret
	fixup 1b, 2b, 2b

/* ssize_t userstr_raw(char *dst, const char *src, size_t n): copies up to a NUL; returns the length without it, n if
 * there was none in n bytes, -14 (EFAULT) on a fault. */
	.globl userstr_raw
	.hidden userstr_raw
userstr_raw:
	xor %eax, %eax
1:	cmp %rdx, %rax
	jae 3f
2:	movb (%rsi,%rax), %cl
4:	movb %cl, (%rdi,%rax)
	test %cl, %cl
	jz 3f
	inc %rax
	jmp 1b
3:	ret
5:	mov $-14, %rax
	ret
	fixup 2b, 4b, 5b

/* int NAME(u32 *uaddr, u32 val, u32 *old): 0 or -14. */
	.globl user_cmpxchg32_raw
	.hidden user_cmpxchg32_raw
/* int user_cmpxchg32_raw(u32 *uaddr, u32 expected, u32 desired, u32 *old) */
user_cmpxchg32_raw:
	mov %esi, %eax
1:	lock cmpxchgl %edx, (%rdi)
2:	mov %eax, (%rcx)
	xor %eax, %eax
	ret
5:	mov $-14, %eax
	ret
	fixup 1b, 2b, 5b

	.globl user_xchg32_raw
	.hidden user_xchg32_raw
user_xchg32_raw:
1:	xchgl %esi, (%rdi)
2:	mov %esi, (%rdx)
	xor %eax, %eax
	ret
5:	mov $-14, %eax
	ret
	fixup 1b, 2b, 5b

	.globl user_add32_raw
	.hidden user_add32_raw
user_add32_raw:
1:	lock xaddl %esi, (%rdi)
2:	mov %esi, (%rdx)
	xor %eax, %eax
	ret
5:	mov $-14, %eax
	ret
	fixup 1b, 2b, 5b

	.section .note.GNU-stack, "", @progbits
