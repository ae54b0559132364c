/*
 * Running a Solo5 image: what its manifest names is attached as the operator said, and nothing else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/run.h"
#include "guests/solo5/attach.h"
#include "guests/solo5/start.h"
#include "monitor/escape.h"

#define MEMORY_DEFAULT (512ull << 20)

static const char *shown(const char *hostile)
{
	static char text[SOLO5_NAME_MAX * 4 + 1];

	escape_text(text, sizeof(text), hostile, strlen(hostile), 0);
	return text;
}

static struct solo5_entry *find(struct solo5_manifest *m, const char *name, size_t len)
{
	for (uint32_t i = 1; i < m->count; i++)
		if (strlen(m->entries[i].name) == len && !memcmp(m->entries[i].name, name, len))
			return &m->entries[i];
	return NULL;
}

/* Each of NAME=VALUE must name a device of that type. */
static void check_names(const struct run *r, struct solo5_manifest *m, const char *option, const struct strings *list,
			uint32_t type)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *text = list->item[i];
		const size_t len = strcspn(text, "=");
		const struct solo5_entry *e = find(m, text, len);

		if (!e || e->type != type)
			fail(EXIT_BARTIZAN, "%s: %s has no %s device '%.*s' in its manifest (see bartizan inspect)", option,
			     r->program.host_path, solo5_type_name(type), (int)len, text);
	}
}

static const uint8_t *parse_mac(const char *text, uint8_t mac[6])
{
	char end;

	if (!text)
		return NULL;
	if (strlen(text) != 17 || sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2], &mac[3],
					 &mac[4], &mac[5], &end) != 6)
		fail(EXIT_BARTIZAN, "--net-mac: '%s' is not six pairs of hexadecimal digits with colons between", text);
	if (mac[0] & 1)
		fail(EXIT_BARTIZAN, "--net-mac: '%s' is a group's address; its first byte must be even", text);
	return mac;
}

/* Data alone, hole after hole skipped: 0, or a negative error number. */
static int copy_data(int from, uint64_t begin, int to, uint64_t length)
{
	uint64_t at = 0;

	while (at < length) {
		off_t data = lseek(from, begin + at, SEEK_DATA), hole;
		uint64_t end;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno; /* nothing but a hole is left */
		if ((uint64_t)data >= begin + length)
			return 0;
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || lseek(to, data - begin, SEEK_SET) < 0)
			return -errno;
		end = (uint64_t)hole < begin + length ? (uint64_t)hole : begin + length;
		while ((uint64_t)data < end) {
			ssize_t n = sendfile(to, from, &data, end - data);

			if (n <= 0)
				return n ? -errno : -EIO;
		}
		at = end - begin;
	}
	return 0;
}

/* A packed block device: each run has a copy of its own in memory, for the image never changes. */
static bool attach_packed(struct run *r, struct solo5_entry *e)
{
	struct bz_block blocks[BZ_BLOCKS_MAX];
	struct image_error why;
	char err[512];
	int n = r->program.kind == PROGRAM_IMAGE ? image_blocks(&r->image, blocks, &why) : 0, i = 0, fd, error;

	if (n < 0)
		fail(EXIT_BARTIZAN, "%s: %s", r->program.host_path, why.text);
	while (i < n && strcmp(blocks[i].name, e->name))
		i++;
	if (i == n)
		return false;
	fd = memfd_create("bartizan-block", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	error = fd < 0 || ftruncate(fd, blocks[i].length) < 0
		    ? -errno
		    : copy_data(r->program.fd, blocks[i].offset, fd, blocks[i].length);
	if (!error && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		error = -errno;
	if (error)
		fail(EXIT_BARTIZAN, "%s: a copy of its block device '%s': %s", r->program.host_path, shown(e->name),
		     strerror(-error));
	if (solo5_attach_block_fd(e, shown(e->name), fd, blocks[i].length, blocks[i].sector_size, err, sizeof(err)))
		fail(EXIT_BARTIZAN, "%s: %s", r->program.host_path, err);
	return true;
}

static void attach_block(struct run *r, struct solo5_entry *e)
{
	const char *file = strings_get(&r->options.blocks, e->name), *sector = strings_get(&r->options.sectors, e->name);
	uint16_t size = sector ? parse_count("--block-sector-size", sector, 32768) : 0;
	char err[512];

	if (!file && !sector && attach_packed(r, e))
		return;
	if (!file)
		fail(EXIT_BARTIZAN, "%s: needs the block device '%s': add --block %s=FILE", r->program.host_path, shown(e->name),
		     shown(e->name));
	if (sector && !size)
		fail(EXIT_BARTIZAN, "--block-sector-size: 0 is no power of two from 512 up");
	if (solo5_attach_block(e, file, size, err, sizeof(err)))
		fail(EXIT_BARTIZAN, "--block: %s", err);
}

static void attach_net(struct run *r, struct solo5_entry *e)
{
	const char *tap = strings_get(&r->options.networks, e->name);
	uint8_t mac[6];
	char err[512];

	if (!tap)
		fail(EXIT_BARTIZAN, "%s: needs the network '%s': add --net %s=TAP", r->program.host_path, shown(e->name),
		     shown(e->name));
	if (solo5_attach_net(e, tap, parse_mac(strings_get(&r->options.macs, e->name), mac), err, sizeof(err)))
		fail(EXIT_BARTIZAN, "--net: %s", err);
}

static void attach(struct run *r, struct solo5_manifest *m)
{
	const struct run_options *o = &r->options;

	check_names(r, m, "--block", &o->blocks, SOLO5_BLOCK);
	check_names(r, m, "--block-sector-size", &o->sectors, SOLO5_BLOCK);
	check_names(r, m, "--net", &o->networks, SOLO5_NET);
	check_names(r, m, "--net-mac", &o->macs, SOLO5_NET);
	for (uint32_t i = 1; i < m->count; i++) {
		if (m->entries[i].type == SOLO5_BLOCK)
			attach_block(r, &m->entries[i]);
		else
			attach_net(r, &m->entries[i]);
	}
}

/* What is for Linux programs says so, and is not passed over. */
static void refuse_linux_options(const struct run *r)
{
	const struct run_options *o = &r->options;
	const struct {
		const char *option;
		bool asked;
	} linux_only[] = {
	    {"-v", o->volume_count},	 {"--tmpfs", o->tmpfs_count},	{"--here", o->here},
	    {"--overlay", o->overlay},	 {"--read-only", o->readonly},	{"--usr-local", o->usr_local},
	    {"-e", o->env.count},	 {"-w", o->workdir},		{"-u", o->user},
	    {"--hostname", o->hostname}, {"--entrypoint", o->entrypoint}, {"--trace", o->trace},
	    {"--rewrite", o->rewrite},	 {"--ulimit", o->ulimit_count}, {"--pids-limit", o->pids.asked},
	};

	for (size_t i = 0; i < sizeof(linux_only) / sizeof(linux_only[0]); i++)
		if (linux_only[i].asked)
			fail(EXIT_BARTIZAN, "%s: %s is a Solo5 guest: it has no files, users or system calls of Linux",
			     linux_only[i].option, r->program.host_path);
}

void solo5_refuse_options(const struct run *r)
{
	const struct run_options *o = &r->options;
	const char *option = o->blocks.count	 ? "--block"
			     : o->sectors.count	 ? "--block-sector-size"
			     : o->networks.count ? "--net"
			     : o->macs.count	 ? "--net-mac"
			     : o->exec_heap	 ? "--exec-heap"
						 : NULL;

	if (option)
		fail(EXIT_BARTIZAN, "%s: %s is not a Solo5 image", option,
		     r->program.host_path ? r->program.host_path : r->program.given);
}

static uint64_t memory_size(const struct run_options *o)
{
	const uint64_t size = (o->memory.asked ? o->memory.value : MEMORY_DEFAULT) & ~((1ull << 20) - 1);

	if (size > SOLO5_MEMORY_MAX)
		fail(EXIT_BARTIZAN, "--mem: at most %llu MB", SOLO5_MEMORY_MAX >> 20);
	return size;
}

bool solo5_is_packed(int fd, const struct bz_image_section *section)
{
	struct solo5_file file = {.fd = fd, .offset = section->offset};
	struct solo5_source source = solo5_source_of_file(&file, section->length);

	return solo5_probe(&source);
}

void solo5_prepare_image(struct run *r, const struct bz_image_section *section)
{
	const struct bartizan_manifest *m = &r->image.manifest;
	struct run_options *o = &r->options;

	for (uint32_t i = 0; !o->args[0] && i < m->cmd.count; i++)
		strings_add(&r->argv, m->cmd.item[i]);
	if (!o->memory.asked && m->limits.memory)
		o->memory = (struct limit){true, m->limits.memory};
	solo5_prepare(r, r->program.fd, section->offset, section->length);
}

static void explain_device(const struct run *r, const struct solo5_entry *e)
{
	if (e->type == SOLO5_BLOCK)
		printf("  %-28s %s, %llu sectors of %u bytes, read-write\n", shown(e->name),
		       strings_get(&r->options.blocks, e->name) ? strings_get(&r->options.blocks, e->name)
								: "a copy in memory of what the image holds",
		       (unsigned long long)e->block.capacity / e->block.block_size,
		       e->block.block_size);
	else
		printf("  %-28s %s, MTU %u, %02x:%02x:%02x:%02x:%02x:%02x (by the operator)\n", shown(e->name),
		       strings_get(&r->options.networks, e->name), e->net.mtu, e->net.mac[0], e->net.mac[1], e->net.mac[2],
		       e->net.mac[3], e->net.mac[4], e->net.mac[5]);
}

void solo5_explain(const struct run *r)
{
	const struct solo5_manifest *m = (const void *)(r->solo5->start.boot + sizeof(struct solo5_boot));

	printf("Program: %s, a Solo5 guest\n", r->program.host_path);
	printf("Command:");
	for (size_t i = 0; i < r->argv.count; i++)
		printf(" %s", r->argv.item[i]);
	printf("\nGranted:\n");
	for (uint32_t i = 1; i < m->count; i++)
		explain_device(r, &m->entries[i]);
	printf("  standard output              %s\n", r->options.detach ? "to the log" : "that of this command");
	printf("  heap and stack               %s\n",
	       r->options.exec_heap ? "EXECUTABLE (--exec-heap, by the operator)" : "not executable");
	printf("Host calls:\n");
	for (size_t i = 0; i < r->solo5->guest.rule_count; i++)
		printf("  %-28s %s\n", syscall_name(r->solo5->rules[i].nr),
		       r->solo5->rules[i].words ? r->solo5->rules[i].words : "");
}

void solo5_prepare(struct run *r, int fd, uint64_t offset, uint64_t size)
{
	const struct run_options *o = &r->options;
	struct solo5_file file = {.fd = fd, .offset = offset};
	struct solo5_source source = solo5_source_of_file(&file, size);
	struct solo5_image image;
	char err[512];

	r->solo5 = must_alloc(sizeof(*r->solo5));
	refuse_linux_options(r);
	if (solo5_read(&source, &image, err, sizeof(err)) ||
	    solo5_read_segments(&source, memory_size(o), &image, err, sizeof(err)))
		fail(EXIT_NOEXEC, "%s: %s", r->program.host_path, err);
	attach(r, &image.manifest);
	if (!r->argv.count)
		for (size_t i = 0; o->args[i]; i++)
			strings_add(&r->argv, o->args[i]);
	strings_add(&r->argv, NULL);
	r->argv.count--;
	if (solo5_start_make(r->solo5, &image, memory_size(o), o->exec_heap, r->argv.item, err, sizeof(err)))
		fail(EXIT_NOEXEC, "%s: %s", r->program.host_path, err);
	r->session.solo5 = true;
	r->spec.guest = &r->solo5->guest;
	r->spec.host_layer = solo5_loader_start;
	r->spec.host_layer_size = solo5_loader_end - solo5_loader_start;
	r->spec.libos_fd = fd;
	r->spec.libos_offset = offset;
	r->spec.libos_size = size;
	r->spec.exe = r->program.host_path;
	r->spec.argv = r->argv.item;
	r->spec.memory.value = memory_size(o);
	r->spec.cpus = o->cpus;
	r->spec.timeout = o->timeout;
	r->spec.flags |= (o->stats ? SANDBOX_STATS : 0) | (o->no_userns ? SANDBOX_NO_USERNS : 0);
}
