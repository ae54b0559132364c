/* Buffer lists of reads and writes: guest memory by usercopy, or the library OS's own.  See struct iov_iter. */
#include "libos/vfs/vfs.h"
#include <linux/uio.h>

void iov_iter_init(struct iov_iter *it, const struct bz_iov *iov, u32 n, bool kernel)
{
	*it = (struct iov_iter){.iov = iov, .count = n, .kernel = kernel};
	for (u32 i = 0; i < n; i++)
		it->left += iov[i].len;
}

void iov_advance(struct iov_iter *it, size_t n)
{
	it->left -= n;
	while (n) {
		size_t room = it->iov->len - it->skip;

		if (n < room) {
			it->skip += n;
			return;
		}
		n -= room;
		it->iov++;
		it->count--;
		it->skip = 0;
	}
}

enum direction { TO, FROM, ASIDE, ZERO };

/* Bytes moved in one entry; fewer than asked at a bad page. */
static size_t move(const struct iov_iter *it, char *mem, void *buf, size_t n, enum direction d)
{
	if (it->kernel) {
		if (d == TO)
			return n - copy_fault_safe(mem, buf, n);
		if (d == FROM)
			return n - copy_fault_safe(buf, mem, n);
		if (d == ASIDE)
			return n - copy_aside(buf, mem, n);
		memset(mem, 0, n);
		return n;
	}
	if (d == TO)
		return n - copy_to_user_partial(mem, buf, n);
	if (d == FROM)
		return n - copy_from_user_partial(buf, mem, n);
	if (d == ASIDE)
		return n - copy_from_user_aside(buf, mem, n);
	return clear_user(mem, n) ? 0 : n;
}

static size_t run(struct iov_iter *it, char *buf, size_t n, enum direction d)
{
	size_t done = 0;

	n = min(n, it->left);
	while (done < n) {
		size_t room, got;

		while (it->skip == it->iov->len) {
			it->iov++;
			it->count--;
			it->skip = 0;
		}
		room = min(n - done, it->iov->len - it->skip);
		got = move(it, (char *)it->iov->base + it->skip, buf ? buf + done : NULL, room, d);
		it->skip += got;
		it->left -= got;
		done += got;
		if (got < room)
			break;
	}
	return done;
}

size_t iov_copy_to(struct iov_iter *it, const void *src, size_t n)
{
	return run(it, (char *)src, n, TO);
}

size_t iov_copy_from(struct iov_iter *it, void *dst, size_t n)
{
	return run(it, dst, n, FROM);
}

size_t iov_copy_aside(struct iov_iter *it, void *dst, size_t n)
{
	/* Only as it begins a line. */
	return run(it, dst, n, it->iov->len - it->skip >= n && !((u64)dst & (CACHE_LINE - 1)) ? ASIDE : FROM);
}

size_t iov_zero(struct iov_iter *it, size_t n)
{
	return run(it, NULL, n, ZERO);
}

u32 iov_host(const struct iov_iter *it, struct bz_iov *out, u32 n, size_t max)
{
	size_t skip = it->skip;
	u32 k = 0;

	for (u32 i = 0; i < it->count && k < n && max; i++) {
		size_t len = min(it->iov[i].len - skip, max);

		if (len) {
			out[k].base = (char *)it->iov[i].base + skip;
			out[k++].len = len;
			max -= len;
		}
		skip = 0;
	}
	return k;
}

/* Copy in and check a vector: entries beyond RW_MAX in sum are cut, as Linux does. */
long iov_load(const struct iovec *uiov, u64 count, struct bz_iov *fast, struct bz_iov **out)
{
	struct bz_iov *iov = fast;
	size_t sum = 0;

	if (count > UIO_MAXIOV)
		return -EINVAL;
	if (count > IOV_FAST) {
		iov = kmalloc(count * sizeof(*iov));
		if (!iov)
			return -ENOMEM;
	}
	*out = iov;
	if (copy_from_user(iov, uiov, count * sizeof(*iov)))
		return -EFAULT;
	for (u64 i = 0; i < count; i++) {
		if ((ssize_t)iov[i].len < 0)
			return -EINVAL;
		if (!access_ok(iov[i].base, iov[i].len))
			return -EFAULT;
		iov[i].len = min(iov[i].len, RW_MAX - sum);
		sum += iov[i].len;
	}
	return 0;
}
