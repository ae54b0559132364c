/*
 * See start.h: boot information as the ABI lays it out, and the way out of the loader.
 */
#include "guests/solo5/start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_UP(x) (((x) + 4095ull) & ~4095ull)

/* Unused bytes behind or before the code of an executable segment, in its own pages; 0: there are none. */
static uint64_t find_leave(const struct solo5_image *image)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct solo5_segment *g = &image->segments[i];
		const uint64_t last = g->address + g->memory_size;

		if (!(g->prot & PROT_EXEC))
			continue;
		if (g->end - last >= SOLO5_LEAVE_SIZE)
			return last;
		if (g->address - g->begin >= SOLO5_LEAVE_SIZE)
			return g->begin;
	}
	return 0;
}

/* Returns the length with its NUL, or 0: too long. */
static size_t join(char *out, const char *const *arguments)
{
	size_t n = 0;

	for (; *arguments; arguments++) {
		size_t len = strlen(*arguments);

		if (len > SOLO5_CMDLINE_MAX - 1 - n)
			return 0;
		memcpy(out + n, *arguments, len);
		n += len;
		if (!arguments[1])
			break;
		if (n == SOLO5_CMDLINE_MAX - 1)
			return 0;
		out[n++] = ' ';
	}
	out[n] = 0;
	return n + 1;
}

static void take_devices(struct solo5_sandbox *s, struct solo5_manifest *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		struct solo5_entry *e = &m->entries[i];

		if (e->type == SOLO5_RESERVED_FIRST)
			continue;
		s->fds[n] = e->fd;
		s->start.handles[n] = e->type == SOLO5_NET ? (int32_t)i : -1;
		e->fd = SOLO5_FD_DEVICES + n++;
	}
	s->start.device_count = n;
}

int solo5_start_make(struct solo5_sandbox *s, struct solo5_image *image, uint64_t memory, bool exec_heap,
		     const char *const *arguments, char *err, size_t err_size)
{
	const size_t manifest_size = offsetof(struct solo5_manifest, entries) +
				     image->manifest.count * sizeof(image->manifest.entries[0]);
	struct solo5_start *start = &s->start;
	struct solo5_boot boot = {.memory_size = memory,
				  .kernel_end = image->kernel_end,
				  .manifest = SOLO5_BOOT_BASE + sizeof(boot),
				  .cmdline = SOLO5_BOOT_BASE + sizeof(boot) + manifest_size,
				  .epoll_fd = SOLO5_FD_EPOLL,
				  .timer_fd = SOLO5_FD_TIMER};
	size_t len;

	memset(s, 0, sizeof(*s));
	start->memory_size = memory;
	start->entry = image->entry;
	start->kernel_end = image->kernel_end;
	start->heap_prot = PROT_READ | PROT_WRITE | (exec_heap ? PROT_EXEC : 0);
	start->segment_count = image->segment_count;
	memcpy(start->segments, image->segments, image->segment_count * sizeof(image->segments[0]));
	start->leave = find_leave(image);
	if (!start->leave) {
		snprintf(err, err_size,
			 "its code fills its pages to the last %u bytes, and leaves no room for the way out of the loader: "
			 "link it with a little more",
			 SOLO5_LEAVE_SIZE);
		return -EINVAL;
	}
	take_devices(s, &image->manifest);
	memcpy(start->boot, &boot, sizeof(boot));
	memcpy(start->boot + sizeof(boot), &image->manifest, manifest_size);
	len = join(start->boot + sizeof(boot) + manifest_size, arguments);
	if (!len) {
		snprintf(err, err_size, "its arguments are longer than %u bytes", SOLO5_CMDLINE_MAX - 1);
		return -EINVAL;
	}
	start->boot_size = sizeof(boot) + manifest_size + len;
	s->guest = (struct sandbox_guest){
	    .rules = s->rules,
	    .rule_count = solo5_rules(&image->manifest, memory, s->rules),
	    .start = start,
	    .start_size = offsetof(struct solo5_start, boot) + start->boot_size,
	    .fds = s->fds,
	    .fd_count = start->device_count,
	};
	return 0;
}
