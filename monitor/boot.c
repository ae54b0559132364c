/*
 * The arena and what the monitor writes into it before a picoprocess exists: the boot block with the seccomp
 * filter and the start information (abi/bartizan_wire.h).  Also the sealed memfd that holds the host layer.
 * The monitor never reads the arena afterwards: it closes it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "monitor/filter.h"
#include "monitor/process.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif

/* The block while it grows: offsets are from struct bz_start. */
struct writer {
	char *base;
	size_t used, size;
	bool full;
};

static uint32_t put(struct writer *w, const void *data, size_t len, size_t align)
{
	size_t at = (w->used + align - 1) & ~(align - 1);

	if (w->full || len > w->size || at > w->size - len) {
		w->full = true;
		return 0;
	}
	memset(w->base + w->used, 0, at - w->used);
	if (data)
		memcpy(w->base + at, data, len);
	else
		memset(w->base + at, 0, len);
	w->used = at + len;
	return at;
}

static uint32_t put_string(struct writer *w, const char *text)
{
	return put(w, text, strlen(text) + 1, 1);
}

static uint32_t put_strings(struct writer *w, const char *const *list, uint32_t *count)
{
	uint32_t n = 0, at, one;

	while (list && list[n])
		n++;
	at = put(w, NULL, n * sizeof(uint32_t), 4);
	for (uint32_t i = 0; i < n && !w->full; i++) {
		one = put_string(w, list[i]);
		memcpy(w->base + at + i * sizeof(one), &one, sizeof(one));
	}
	*count = n;
	return at;
}

static int mount_order(const void *a, const void *b)
{
	const struct sandbox_mount *const *x = a, *const *y = b;
	size_t n = strlen((*x)->guest_path), k = strlen((*y)->guest_path);

	return n < k ? -1 : n > k ? 1 : *x < *y ? -1 : 1;
}

static void fill_mount(struct monitor *m, struct writer *w, const struct sandbox_mount *from,
		       struct bz_mount *to)
{
	memset(to, 0, sizeof(*to));
	to->flags = from->flags;
	to->guest_path = put_string(w, from->guest_path);
	to->is_file = from->is_file;
	if (from->flags & BZ_MOUNT_TMPFS) {
		to->option = from->size;
		to->option2 = from->mode & 07777;
	} else if (from->flags & BZ_MOUNT_TEXT) {
		to->option = put(w, from->text, from->text_len, 8);
		to->option2 = from->text_len;
	} else if (from->flags & BZ_MOUNT_SYMLINK) {
		to->option = put_string(w, from->text);
	} else {
		/* The server numbered the volumes in the spec's order. */
		to->root = 1;
		for (const struct sandbox_mount *i = m->spec->mounts; i < from; i++)
			to->root += i->fd >= 0;
		/* Saves the library OS a request a volume at start; without them it asks. */
		if (attr_of_fd(&m->server, m->server.volumes[to->root - 1].fd, BZ_ATTR_BASIC, &to->attr) < 0)
			memset(&to->attr, 0, sizeof(to->attr));
	}
}

static uint32_t put_mounts(struct monitor *m, struct writer *w)
{
	const struct sandbox_mount *order[SANDBOX_MOUNTS_MAX];
	size_t n = m->spec->mount_count;
	struct bz_mount one;
	uint32_t at;

	for (size_t i = 0; i < n; i++)
		order[i] = &m->spec->mounts[i];
	qsort(order, n, sizeof(order[0]), mount_order);
	at = put(w, NULL, n * sizeof(one), 8);
	for (size_t i = 0; i < n && !w->full; i++) {
		fill_mount(m, w, order[i], &one);
		memcpy(w->base + at + i * sizeof(one), &one, sizeof(one));
	}
	return at;
}

static void fill_start(struct monitor *m, struct writer *w, struct bz_start *start)
{
	const struct sandbox_spec *spec = m->spec;
	struct timespec now;

	start->version = BZ_ABI_VERSION;
	start->arena_size = m->plan.arena_size;
	start->memory_limit = m->plan.memory_limit;
	start->image_size = spec->image_fd >= 0 ? spec->image_size : 0;
	start->flags = (spec->flags & SANDBOX_TRACE ? BZ_START_TRACE : 0) |
		       (spec->flags & SANDBOX_STATS ? BZ_START_STATS : 0) |
		       (spec->flags & SANDBOX_ROOT_READONLY ? BZ_START_ROOT_READONLY : 0) |
		       (spec->flags & SANDBOX_TTY ? BZ_START_TTY : 0) |
		       (spec->flags & SANDBOX_DETACHED ? 0 : BZ_START_JOB) |
		       (spec->flags & SANDBOX_TRAP_ONLY ? BZ_START_TRAP_ONLY : 0) |
		       (spec->flags & SANDBOX_PATCH_EAGER ? BZ_START_PATCH_EAGER : 0) |
		       (spec->rule_count ? BZ_START_OUTBOUND : 0);
	start->cpus = m->plan.cpus;
	start->threads_max = m->plan.threads_max;
	start->files_max = m->plan.files_max;
	start->uid = spec->uid;
	start->gid = spec->gid;
	start->user = spec->user ? put_string(w, spec->user) : 0;
	start->argv = put_strings(w, spec->argv, &start->argc);
	start->envp = put_strings(w, spec->envp, &start->envc);
	start->exe = put_string(w, spec->exe);
	start->cwd = put_string(w, spec->cwd ? spec->cwd : "/");
	start->hostname = put_string(w, spec->hostname ? spec->hostname : "bartizan");
	start->mounts = put_mounts(m, w);
	start->mount_count = spec->mount_count;
	start->groups = put(w, spec->groups, spec->group_count * sizeof(uint32_t), 4);
	start->group_count = spec->group_count;
	start->rlimits = put(w, spec->rlimits, spec->rlimit_count * sizeof(struct bz_rlimit), 8);
	start->rlimit_count = spec->rlimit_count;
	start->rows = spec->rows;
	start->cols = spec->cols;
	start->umask = spec->umask;
	if (getrandom(start->seed, sizeof(start->seed), 0) != sizeof(start->seed))
		w->full = true;
	clock_gettime(CLOCK_REALTIME, &now);
	start->generation = now.tv_sec * 1000000000ull + now.tv_nsec;
	memcpy(start->stdio, m->stdio, sizeof(start->stdio));
	start->ports = put(w, spec->ports, spec->port_count * sizeof(struct bz_port), 4);
	for (size_t i = 0; i < spec->port_count && !w->full; i++)
		if (spec->ports[i].scheme == BZ_UNIX) {
			uint32_t path = put_string(w, spec->port_paths[i]);

			((struct bz_port *)(w->base + start->ports))[i].guest = path;
		}
	start->port_count = spec->port_count;
	start->size = w->used;
}

static size_t start_size_bound(const struct sandbox_spec *spec)
{
	size_t n = 16384 + spec->group_count * 4 + spec->rlimit_count * sizeof(struct bz_rlimit) +
		   spec->port_count * sizeof(struct bz_port);

	for (size_t i = 0; i < spec->port_count; i++)
		n += spec->ports[i].scheme == BZ_UNIX ? strlen(spec->port_paths[i]) + 1 : 0;
	for (const char *const *s = spec->argv; s && *s; s++)
		n += strlen(*s) + 16;
	for (const char *const *s = spec->envp; s && *s; s++)
		n += strlen(*s) + 16;
	for (size_t i = 0; i < spec->mount_count; i++)
		n += sizeof(struct bz_mount) + strlen(spec->mounts[i].guest_path) + 16 +
		     (spec->mounts[i].flags & BZ_MOUNT_TEXT ? spec->mounts[i].text_len + 16 : 0) +
		     (spec->mounts[i].flags & BZ_MOUNT_SYMLINK ? strlen(spec->mounts[i].text) + 16 : 0);
	n += strlen(spec->exe) + (spec->cwd ? strlen(spec->cwd) : 0) +
	     (spec->hostname ? strlen(spec->hostname) : 0) + (spec->user ? strlen(spec->user) : 0);
	return n;
}

static bool accepts(const struct sandbox_spec *spec)
{
	for (size_t i = 0; i < spec->port_count; i++)
		if (spec->ports[i].scheme == BZ_TCP)
			return true;
	return false;
}

static void fill_boot(struct monitor *m, struct bz_boot *boot)
{
	*boot = (struct bz_boot){
	    .magic = BZ_BOOT_MAGIC,
	    .version = BZ_ABI_VERSION,
	    .flags = (m->plan.notify ? BZ_BOOT_NOTIFY : 0) |
		     (m->spec->flags & SANDBOX_STATS ? BZ_BOOT_STATS : 0) |
		     (accepts(m->spec) ? BZ_BOOT_ACCEPT : 0) |
		     (m->spec->port_count || m->spec->rule_count ? BZ_BOOT_NETWORK : 0),
	    .libos_offset = m->spec->libos_offset,
	    .libos_size = m->spec->libos_size,
	    .pid_namespace = m->plan.namespaces,
	};
}

/* Filter and start information in one buffer, written by one call. */
static int boot_write(struct monitor *m, int arena)
{
	static struct sock_filter filter[FILTER_MAX];
	const struct sandbox_guest *guest = m->spec->guest;
	struct filter_options options = {.notify = m->plan.notify,
					 .orphans = !m->plan.namespaces,
					 .accept = accepts(m->spec),
					 .network = m->spec->port_count || m->spec->rule_count,
					 .rules = guest ? guest->rules : NULL,
					 .rule_count = guest ? guest->rule_count : 0};
	int n = filter_build(&options, filter, FILTER_MAX), error = 0;
	size_t head = (sizeof(struct bz_boot) + n * sizeof(filter[0]) + 63) & ~63ul;
	size_t size = guest ? guest->start_size : start_size_bound(m->spec);
	struct writer w = {0};
	struct bz_boot *boot;
	char *block;

	if (n < 0)
		return n;
	if (size > BZ_BOOT_MAX - head)
		return -E2BIG;
	block = calloc(1, head + size);
	if (!block)
		return -ENOMEM;
	boot = (struct bz_boot *)block;
	fill_boot(m, boot);
	boot->filter_offset = sizeof(*boot);
	boot->filter_count = n;
	memcpy(block + sizeof(*boot), filter, n * sizeof(filter[0]));
	boot->start_offset = head;
	w = (struct writer){.base = block + head, .size = size};
	if (guest) {
		put(&w, guest->start, size, 1);
	} else {
		w.used = sizeof(struct bz_start);
		fill_start(m, &w, (struct bz_start *)(block + head));
	}
	boot->start_size = w.used;
	if (w.full)
		error = -E2BIG;
	else if (pwrite(arena, block, head + w.used, BZ_BOOT_OFFSET) != (ssize_t)(head + w.used))
		error = -EIO;
	explicit_bzero(block, head + size); /* arguments and environment of the guest */
	free(block);
	return error;
}

static int memfd(const char *name, unsigned int flags)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	/* Kernels before 6.3 do not know the flags about execution. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

int arena_make(struct monitor *m)
{
	int fd = memfd("bartizan-arena", MFD_NOEXEC_SEAL), error;

	if (fd < 0)
		return fd;
	error = ftruncate(fd, m->plan.arena_size) < 0 ? -errno : boot_write(m, fd);
	if (!error && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int host_layer_make(struct monitor *m)
{
	int fd = memfd("bartizan-host", MFD_EXEC), error = 0;
	const char *from = m->spec->host_layer;
	size_t left = m->spec->host_layer_size;

	if (fd < 0)
		return fd;
	while (left && !error) {
		ssize_t n = write(fd, from, left);

		if (n <= 0)
			error = n ? -errno : -EIO;
		else
			from += n, left -= n;
	}
	if (!error && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}
