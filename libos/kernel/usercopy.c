/* Guest memory access in C: range checks around the routines of usercopy.S. */
#include "libos/kernel/kernel.h"
#include "libos/mm/mm.h"

size_t usercopy_raw(void *dst, const void *src, size_t n);
size_t usercopy_aside_raw(void *dst, const void *src, size_t n);
size_t userzero_raw(void *dst, size_t n);
ssize_t userstr_raw(char *dst, const char *src, size_t n);
int user_cmpxchg32_raw(u32 *uaddr, u32 expected, u32 desired, u32 *old);
int user_xchg32_raw(u32 *uaddr, u32 val, u32 *old);
int user_add32_raw(u32 *uaddr, u32 val, u32 *old);

/* The library OS's own range is not guest memory: a guest pointer into it is as bad as a kernel address. */
bool access_ok(const void *addr, size_t len)
{
	u64 a = (u64)addr, end = a + len;

	if (end < a || end > BZ_GUEST_HIGH)
		return false;
	return end <= BZ_RESERVED_LOW || a >= BZ_RESERVED_HIGH;
}

size_t copy_from_user_partial(void *dst, const void *uaddr, size_t n)
{
	size_t left = access_ok(uaddr, n) ? usercopy_raw(dst, uaddr, n) : n;

	/* Pages that memory management brings in on a guest's fault (a stack, a file that grew) come for us as well. */
	if (unlikely(left) && mm_fault_in((u64)uaddr + n - left, left, false))
		left = usercopy_raw((char *)dst + n - left, (const char *)uaddr + n - left, left);
	return left;
}

size_t copy_from_user_aside(void *dst, const void *uaddr, size_t n)
{
	size_t left = access_ok(uaddr, n) ? usercopy_aside_raw(dst, uaddr, n) : n;

	return left ? copy_from_user_partial((char *)dst + n - left, (const char *)uaddr + n - left, left) : 0;
}

size_t copy_aside(void *dst, const void *src, size_t n)
{
	return usercopy_aside_raw(dst, src, n);
}

size_t copy_to_user_partial(void *uaddr, const void *src, size_t n)
{
	size_t left = access_ok(uaddr, n) ? usercopy_raw(uaddr, src, n) : n;

	if (unlikely(left) && mm_fault_in((u64)uaddr + n - left, left, true))
		left = usercopy_raw((char *)uaddr + n - left, (const char *)src + n - left, left);
	return left;
}

int copy_from_user(void *dst, const void *uaddr, size_t n)
{
	return copy_from_user_partial(dst, uaddr, n) ? -EFAULT : 0;
}

int copy_to_user(void *uaddr, const void *src, size_t n)
{
	return copy_to_user_partial(uaddr, src, n) ? -EFAULT : 0;
}

int clear_user(void *uaddr, size_t n)
{
	return !access_ok(uaddr, n) || userzero_raw(uaddr, n) ? -EFAULT : 0;
}

size_t copy_fault_safe(void *dst, const void *src, size_t n)
{
	return usercopy_raw(dst, src, n);
}

long strncpy_from_user(char *dst, const char *uaddr, size_t n)
{
	size_t room = n;
	ssize_t len;

	if (!access_ok(uaddr, 1))
		return -EFAULT;
	/* Stop at the end of the guest's range rather than refuse a short string near it. */
	if ((u64)uaddr < BZ_RESERVED_LOW)
		room = min((u64)n, BZ_RESERVED_LOW - (u64)uaddr);
	else
		room = min((u64)n, BZ_GUEST_HIGH - (u64)uaddr);
	len = userstr_raw(dst, uaddr, room);
	if (len == (ssize_t)room)
		return room < n ? -EFAULT : -ENAMETOOLONG;
	return len;
}

static bool word_ok(const u32 *uaddr)
{
	return access_ok(uaddr, sizeof(*uaddr));
}

int user_cmpxchg32(u32 *uaddr, u32 expected, u32 desired, u32 *old)
{
	return word_ok(uaddr) ? user_cmpxchg32_raw(uaddr, expected, desired, old) : -EFAULT;
}

int user_xchg32(u32 *uaddr, u32 val, u32 *old)
{
	return word_ok(uaddr) ? user_xchg32_raw(uaddr, val, old) : -EFAULT;
}

int user_add32(u32 *uaddr, u32 val, u32 *old)
{
	return word_ok(uaddr) ? user_add32_raw(uaddr, val, old) : -EFAULT;
}

/* The operations that x86 has no value-returning instruction for: a compare-and-exchange loop. */
#define USER_OP(name, expr)                                                                                  \
	int name(u32 *uaddr, u32 val, u32 *old)                                                              \
	{                                                                                                    \
		u32 cur;                                                                                     \
		int err = get_user(cur, uaddr);                                                              \
                                                                                                             \
		while (!err) {                                                                               \
			err = user_cmpxchg32(uaddr, cur, (expr), old);                                       \
			if (err || *old == cur)                                                              \
				break;                                                                       \
			cur = *old;                                                                          \
		}                                                                                            \
		return err;                                                                                  \
	}
USER_OP(user_or32, cur | val)
USER_OP(user_and32, cur & val)
USER_OP(user_xor32, cur ^ val)
