/*
 * Running an image: nothing of it is mapped before its digests were checked, and what its manifest says is a
 * request: its command, environment and identity are taken, its wished-for grants are not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/run.h"
#include "image/progress.h"
#include "monitor/escape.h"

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	progress(done, total);
}

static void verify(struct run *r)
{
	struct image_error err = {0};
	int error;

	if (r->options.verify) {
		/* By descriptor: what was verified is what runs, though the name may have changed its
		 * meaning. */
		int fd = dup(r->program.fd);
		char *argv[] = {"verify", "--key", (char *)r->options.verify, "--show-as", (char *)r->program.host_path,
				must_format("/proc/self/fd/%d", fd), NULL};
		int code = files_run_image(argv);

		close(fd);
		if (code) /* it said why */
			exit(EXIT_BARTIZAN);
	}
	progress_start("verifying");
	error = image_verify(&r->image, 0, NULL, show_progress, NULL, &err);
	progress_end();
	if (error)
		fail(EXIT_BARTIZAN, "%s: %s", r->program.host_path, err.text);
}

static const char *shown(const char *hostile)
{
	static char text[512];

	escape_text(text, sizeof(text), hostile, strlen(hostile), 0);
	return text;
}

static bool granted(const struct run_options *o, const char *guest)
{
	for (size_t i = 0; i < o->volume_count; i++)
		if (!strcmp(o->volumes[i].guest, guest))
			return true;
	for (size_t i = 0; i < o->tmpfs_count; i++)
		if (!strcmp(o->tmpfs[i].guest, guest))
			return true;
	return false;
}

static void name_what_is_not_granted(const struct run *r)
{
	const struct bartizan_manifest *m = &r->image.manifest;

	for (uint32_t i = 0; i < m->volumes.count; i++)
		if (!granted(&r->options, m->volumes.item[i].name))
			warn("not granted: the image wishes for a volume at %s; add -v HOST:%s%s",
			     shown(m->volumes.item[i].name), shown(m->volumes.item[i].name),
			     m->volumes.item[i].write ? "" : ":ro");
	for (uint32_t i = 0; i < m->outbound.count; i++)
		warn("not granted: the image wishes to connect to %s; this version has no network",
		     shown(m->outbound.item[i].name));
	for (uint32_t i = 0; i < m->ports.count; i++)
		warn("not granted: the image wishes to listen on port %u; this version has no network",
		     m->ports.item[i].port);
}

static void take_command(struct run *r)
{
	struct image_error err = {0};
	struct bartizan_manifest m = r->image.manifest;
	const char *entry[] = {r->options.entrypoint, NULL};
	char **argv;

	if (r->options.entrypoint) { /* as Docker: the image's command goes with its entrypoint */
		m.entrypoint = (struct bartizan_list){1, entry};
		m.cmd = (struct bartizan_list){0, NULL};
	}
	if (manifest_argv(&m, r->options.args, &argv, &err))
		fail(EXIT_NOPROGRAM, "%s: %s", r->program.host_path, err.text);
	for (size_t i = 0; argv[i]; i++)
		strings_add(&r->argv, argv[i]);
	r->spec.exe = r->argv.item[0];
}

static void take_ulimit(struct run_options *o, uint32_t resource, uint64_t value)
{
	bool asked = !value || o->ulimit_count == ULIMITS_MAX;

	struct rlimit here;

	for (size_t i = 0; i < o->ulimit_count; i++)
		asked |= o->ulimits[i].resource == resource;
	/* More descriptors than this host gives is no reason not to run: nobody who runs it asked for them. */
	if (resource == RLIMIT_NOFILE && getrlimit(resource, &here) == 0 && value > here.rlim_max)
		value = here.rlim_max;
	if (!asked)
		o->ulimits[o->ulimit_count++] = (struct bz_rlimit){resource, 0, value, value};
}

/* An image's wishes for limits bind it where the operator said nothing: they only lower. */
static void take_limits(struct run *r)
{
	const struct bartizan_limits *l = &r->image.manifest.limits;
	struct run_options *o = &r->options;

	if (!o->memory.asked && l->memory)
		o->memory = (struct limit){true, l->memory};
	if (!o->pids.asked && l->pids)
		o->pids = (struct limit){true, l->pids};
	if (!o->cpus.asked && l->cpus_milli)
		o->cpus = (struct limit){true, l->cpus_milli};
	take_ulimit(o, RLIMIT_NOFILE, l->nofile);
	take_ulimit(o, RLIMIT_STACK, l->stack);
	take_ulimit(o, RLIMIT_FSIZE, l->fsize);
}

/* What needs a component that the image's library OS was linked without is refused, before anything starts. */
static void check_components(const struct run *r)
{
	const struct run_options *o = &r->options;
	const struct bartizan_list *linked = &r->image.manifest.components;
	const struct {
		const char *component, *option;
		bool asked;
	} needs[] = {
	    {"trace", "--trace", o->trace},
	    {"tty", "-t", o->tty},
	    {"hostfs", "-v", o->volume_count > 0},
	    {"hostfs", "--here", o->here},
	    {"hostfs", "--overlay", o->overlay != NULL},
	    {"overlay", "--overlay", o->overlay != NULL},
	    {"rewrite", "--rewrite all", o->rewrite == SANDBOX_PATCH_EAGER},
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		uint32_t n = 0;

		while (n < linked->count && strcmp(linked->item[n], needs[i].component))
			n++;
		if (needs[i].asked && n == linked->count)
			fail(EXIT_BARTIZAN, "%s: %s was linked without the component '%s' (see bartizan inspect; build it again with it)",
			     needs[i].option, r->program.host_path, needs[i].component);
	}
}

void image_prepare(struct run *r)
{
	const struct bz_image_section *section;
	struct image_error err = {0};

	if (image_open(&r->image, r->program.fd, &err))
		fail(EXIT_BARTIZAN, "%s: %s", r->program.host_path, err.text);
	verify(r);
	section = image_section(&r->image, BZ_SECTION_EROFS);
	r->spec.image_fd = r->program.fd;
	r->spec.image_size = section->length;
	section = image_section(&r->image, BZ_SECTION_LIBOS);
	if (section && solo5_is_packed(r->program.fd, section)) {
		solo5_prepare_image(r, section);
		return;
	}
	if (section) {
		r->spec.libos_fd = r->program.fd;
		r->spec.libos_offset = section->offset;
		r->spec.libos_size = section->length;
		if (r->image.manifest.components.count)
			check_components(r);
	}
	take_command(r);
	for (uint32_t i = 0; i < r->image.manifest.env.count; i++)
		strings_set(&r->env, r->image.manifest.env.item[i]);
	if (!r->spec.cwd && r->image.manifest.workdir && *r->image.manifest.workdir)
		r->spec.cwd = r->image.manifest.workdir;
	if (!r->options.hostname && r->image.manifest.hostname && *r->image.manifest.hostname)
		r->spec.hostname = r->image.manifest.hostname;
	take_limits(r);
	name_what_is_not_granted(r);
}
