/*
 * Any bytes as a Solo5 image: read, and where they are taken for a good one, what the loader relies on holds, and a filter
 * can be made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guests/solo5/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_bytes(void *arg, void *out, uint64_t at, uint64_t len)
{
	memcpy(out, (const uint8_t *)arg + at, len);
	return 0;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_segments(const struct solo5_image *image, uint64_t memory, uint64_t size)
{
	uint64_t end = SOLO5_KERNEL_MIN;

	must(image->segment_count <= SOLO5_SEGMENTS_MAX && image->entry < memory);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct solo5_segment *g = &image->segments[i];

		must(g->begin >= end && g->end <= memory && g->begin % 4096 == 0 && g->end % 4096 == 0);
		must(g->address >= g->begin && g->address + g->memory_size <= g->end && g->file_size <= g->memory_size);
		must(g->offset <= size && g->file_size <= size - g->offset);
		must((g->prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC));
		end = g->end;
	}
	must(!image->segment_count || image->kernel_end == end);
}

/* The bytes at `leave` are nobody's, and executable. */
static void check_leave(const struct solo5_image *image, uint64_t leave)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct solo5_segment *g = &image->segments[i];

		if (leave < g->begin || leave >= g->end)
			continue;
		must(g->prot & PROT_EXEC && leave + SOLO5_LEAVE_SIZE <= g->end);
		must(leave >= g->address + g->memory_size || leave + SOLO5_LEAVE_SIZE <= g->address);
		return;
	}
	abort();
}

static void start(struct solo5_image *image, uint64_t memory)
{
	static const char *const arguments[] = {"a", "b c", NULL};
	static struct sock_filter filter[FILTER_MAX];
	static struct solo5_sandbox sandbox;
	struct filter_options options = {.notify = true};
	char err[512];

	for (uint32_t i = 1; i < image->manifest.count; i++) {
		struct solo5_entry *e = &image->manifest.entries[i];

		if (e->type == SOLO5_BLOCK) {
			e->block.capacity = 1ull << 40;
			e->block.block_size = 512;
		} else {
			e->net.mtu = 1500;
		}
		e->fd = 100 + i;
	}
	if (solo5_start_make(&sandbox, image, memory, false, arguments, err, sizeof(err)))
		return;
	check_leave(image, sandbox.start.leave);
	must(sandbox.start.device_count == image->manifest.count - 1 || image->manifest.count > sandbox.start.device_count);
	must(sandbox.guest.rule_count <= SOLO5_RULES_MAX && sandbox.start.boot_size <= sizeof(sandbox.start.boot));
	options.rules = sandbox.guest.rules;
	options.rule_count = sandbox.guest.rule_count;
	must(filter_build(&options, filter, FILTER_MAX) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t memories[] = {2 << 20, 512 << 20, SOLO5_MEMORY_MAX};
	struct solo5_source source = {.read = read_bytes, .arg = (void *)data, .size = size};
	struct solo5_image image;
	char err[512];

	solo5_probe(&source);
	if (solo5_read(&source, &image, err, sizeof(err)))
		return 0;
	must(image.manifest.count >= 1 && image.manifest.count <= SOLO5_ENTRIES_MAX);
	for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++)
		if (!solo5_read_segments(&source, memories[i], &image, err, sizeof(err))) {
			check_segments(&image, memories[i], size);
			start(&image, memories[i]);
			solo5_read(&source, &image, err, sizeof(err)); /* the manifest anew */
		}
	return 0;
}
