/* What ThreadSanitizer's runtime of this compiler lacks; once in each program that runs the library OS under it. */
/* READ_ONCE and WRITE_ONCE say themselves that others read or write meanwhile (gcc: --param tsan-distinguish-volatile=1). */
#define VOLATILE(n)                                                                                          \
	void __tsan_volatile_read##n(void *p);                                                               \
	void __tsan_volatile_write##n(void *p);                                                              \
	void __tsan_unaligned_volatile_read##n(void *p);                                                     \
	void __tsan_unaligned_volatile_write##n(void *p);                                                    \
	void __tsan_volatile_read##n(void *p) {}                                                             \
	void __tsan_volatile_write##n(void *p) {}                                                            \
	void __tsan_unaligned_volatile_read##n(void *p) {}                                                   \
	void __tsan_unaligned_volatile_write##n(void *p) {}
VOLATILE(1)
VOLATILE(2)
VOLATILE(4)
VOLATILE(8)
VOLATILE(16)
