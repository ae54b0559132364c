/*
 * `bartizan run`: from what was asked to a specification, a sandbox, and an exit code.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cgroup.h"
#include "cli/files.h"
#include "cli/record.h"
#include "cli/run.h"
#include "build_id.h"
#include "image/buildid.h"

#define FILES_LEAST 64 /* and one a mount */
#define GUEST_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void prepare_argv(struct run *r)
{
	const struct run_options *o = &r->options;

	if (r->program.kind == PROGRAM_IMAGE)
		return; /* image_prepare did */
	strings_add(&r->argv, r->program.given);
	if (o->rootfs && o->entrypoint && o->program)
		strings_add(&r->argv, o->program);
	for (size_t i = 0; o->args[i]; i++)
		strings_add(&r->argv, o->args[i]);
	r->spec.exe = r->program.exe;
}

/* Nothing of the command's own environment but the terminal's type, the language and the time zone. */
static void prepare_env(struct run *r)
{
	static const char *const passed[] = {"LANG",	    "LC_ALL",	   "LC_CTYPE",	 "LC_COLLATE",
					     "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME",
					     "TZ",	    "TERM"};
	const bool host = r->program.kind == PROGRAM_HOST;
	struct strings *env = &r->env;

	if (!strings_get(env, "PATH"))
		strings_set(env, GUEST_PATH);
	if (!strings_get(env, "HOSTNAME"))
		strings_set(env, must_format("HOSTNAME=%s", r->spec.hostname));
	if (!r->spec.user && !strings_get(env, "HOME"))
		strings_set(env, host ? "HOME=/tmp" : r->spec.uid ? "HOME=/" : "HOME=/root");
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		const bool terminal = !strcmp(passed[i], "TERM");
		const char *value = (terminal ? r->options.tty : host) ? getenv(passed[i]) : NULL;

		if (value && *value)
			strings_set(env, must_format("%s=%s", passed[i], value));
		else if (terminal && r->options.tty)
			strings_set(env, "TERM=xterm");
	}
	for (size_t i = 0; i < r->options.env.count; i++)
		if (strchr(r->options.env.item[i], '='))
			strings_set(env, r->options.env.item[i]);
		else
			strings_unset(env, r->options.env.item[i]);
	r->spec.envp = env->item;
}

static void prepare_view(struct run *r)
{
	const struct run_options *o = &r->options;

	if (r->program.kind == PROGRAM_HOST)
		view_host(&r->view, o, &r->program, r->spec.user ? getuid() : r->spec.uid, r->spec.user ? getgid() : r->spec.gid);
	if (o->rootfs)
		view_rootfs(&r->view, o->rootfs);
	if (o->overlay)
		view_overlay(&r->view, o->overlay);
	view_options(&r->view, o, r->program.exe ? r->program.exe : "");
	if (r->program.kind == PROGRAM_HOST || o->net.hosts)
		view_text(&r->view, "/etc/hosts",
			  must_format("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t%s\n%s",
				      r->spec.hostname, o->net.hosts ? o->net.hosts : ""));
	/* The library OS's own (libos/inet/dns.c): it knows the names that are granted. */
	if (r->program.kind == PROGRAM_HOST || o->net.rule_count || o->net.hosts)
		view_text(&r->view, "/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n");
	r->spec.mounts = r->view.mounts;
	r->spec.mount_count = r->view.count;
}

static void prepare_limits(struct run *r)
{
	const struct run_options *o = &r->options;
	struct sandbox_spec *spec = &r->spec;
	const uint64_t least = FILES_LEAST + r->view.count;

	spec->memory = o->memory;
	spec->pids = o->pids;
	spec->cpus = o->cpus;
	spec->timeout = o->timeout;
	if (o->memory.asked && o->memory.value < SANDBOX_MEMORY_MIN)
		fail(EXIT_BARTIZAN, "-m: a sandbox needs at least %llum", SANDBOX_MEMORY_MIN >> 20);
	spec->rlimits = o->ulimits;
	spec->rlimit_count = o->ulimit_count;
	for (size_t i = 0; i < o->ulimit_count; i++)
		if (o->ulimits[i].resource == RLIMIT_NOFILE && o->ulimits[i].hard != UINT64_MAX)
			/* The library OS keeps the guest's limit; of the host's the sandbox needs some for itself and its start. */
			spec->files = (struct limit){true, o->ulimits[i].hard < least ? least : o->ulimits[i].hard};
	spec->flags |= (o->trace ? SANDBOX_TRACE : 0) | (o->stats ? SANDBOX_STATS : 0) |
		       (o->readonly ? SANDBOX_ROOT_READONLY : 0) | (o->no_userns ? SANDBOX_NO_USERNS : 0) | o->rewrite;
	cgroup_plan(spec);
}

/* A host layer and a library OS of different builds misunderstand each other. */
static void check_build(const struct run *r, uint64_t id)
{
	if (id == BZ_BUILD_ID)
		return;
	if (r->spec.libos_fd == r->spec.image_fd)
		fail(EXIT_BARTIZAN,
		     "%s: was built by another bartizan (build %016" PRIx64 ", this is %016llx): rebuild the image",
		     r->program.host_path, id, BZ_BUILD_ID);
	fail(EXIT_BARTIZAN,
	     "bartizan-libos.elf beside this command is of another build (%016" PRIx64 ", this is %016llx): install both "
	     "from one",
	     id, BZ_BUILD_ID);
}

/* Where an image has just the library OS that lies beside this command, that file is mapped: all images share its pages,
 * and somebody who truncates an image takes files from its guest, not the code from under the library OS. */
static void choose_libos(struct run *r)
{
	static const struct buildid none;
	struct sandbox_spec *spec = &r->spec;
	struct buildid wanted, own;
	uint64_t size;
	int fd;

	if (!spec->libos_size)
		spec->libos_fd = files_open_libos(&spec->libos_size);
	buildid_read(spec->libos_fd, spec->libos_offset, spec->libos_size, &wanted);
	check_build(r, wanted.headers);
	if (spec->libos_fd != spec->image_fd || !memcmp(wanted.content, none.content, sizeof(none.content)))
		return;
	fd = files_find_libos(&size);
	if (fd < 0)
		return;
	buildid_read(fd, 0, size, &own);
	if (memcmp(own.content, wanted.content, sizeof(own.content)) || own.headers != wanted.headers) {
		close(fd);
		return;
	}
	spec->libos_fd = fd;
	spec->libos_offset = 0;
	spec->libos_size = size;
}

static void prepare(struct run *r)
{
	const struct run_options *o = &r->options;
	struct sandbox_spec *spec = &r->spec;

	program_find(&r->program, o);
	spec->image_fd = -1;
	spec->listen_fd = -1;
	spec->hostname = o->hostname ? o->hostname : "bartizan";
	spec->cwd = o->workdir;
	spec->umask = 022;
	spec->id = r->id;
	if (r->program.kind == PROGRAM_IMAGE)
		image_prepare(r);
	if (r->program.kind == PROGRAM_SOLO5)
		solo5_prepare(r, r->program.fd, 0, r->program.size);
	if (r->solo5)
		return;
	solo5_refuse_options(r);
	identity_prepare(r);
	prepare_argv(r);
	prepare_env(r);
	prepare_view(r);
	prepare_limits(r);
	if (!spec->cwd && o->here) {
		spec->cwd = getcwd(NULL, 0);
		if (!spec->cwd)
			fail(EXIT_BARTIZAN, "--here: %s", strerror(errno));
	}
	names_resolve(o->net.names, &o->net.servers);
	spec->rules = o->net.rules;
	spec->rule_count = o->net.rule_count;
	spec->names_fd = names_share(o->net.names);
	r->session.names = o->net.names;
	if (spec->guest && (o->net.rule_count || o->net.port_count))
		fail(EXIT_BARTIZAN, "-p and --allow are for programs of Linux; this guest has the network that --net gives it");
	if (!o->explain)
		network_bind(&r->options.net);
	spec->ports = o->net.ports;
	spec->port_fds = o->net.port_fds;
	spec->port_paths = o->net.port_paths;
	spec->peer_fds = o->net.peer_fds;
	spec->port_count = o->net.port_count;
	spec->argv = r->argv.item;
	spec->host_layer = host_layer_start;
	spec->host_layer_size = host_layer_end - host_layer_start;
	choose_libos(r);
	hosttext_find(r);
}

static void attach_stdio(struct run *r)
{
	struct session *s = &r->session;

	stdio_own_files();
	for (int i = 0; i < 3; i++)
		r->spec.stdio[i] = i;
	s->output[0] = s->output[1] = s->started_fd = -1;
	if (!r->options.tty)
		return;
	s->console = console_make();
	for (int i = 0; i < 3; i++)
		r->spec.stdio[i] = s->console->slave;
	r->spec.rows = s->console->rows;
	r->spec.cols = s->console->cols;
	r->spec.flags |= SANDBOX_TTY;
}

/* It lives long enough to be seen: most runs are over before anybody could look, and go without a record. */
static void settled(struct session *s)
{
	struct run *r = (struct run *)((char *)s - offsetof(struct run, session));

	if (record_claim(s->record))
		return;
	record_running(s->record, r, &s->sandbox);
	for (size_t i = 0; i < s->missing.count; i++)
		record_denied(s->record, DENIED_MISSING, s->missing.item[i]);
	for (size_t i = 0; i < s->denials.count; i++)
		record_denied(s->record, "", s->denials.item[i]);
}

static int run_attached(struct run *r)
{
	struct record *record;
	char err[512];
	int error, code, signals;

	attach_stdio(r);
	record = record_begin(r->id, false, false, &r->spec.listen_fd);
	if (r->options.name)
		record_must_claim(record);
	else
		r->session.settled = settled;
	signals = session_signals();
	names_own(r->options.net.names);
	error = cgroup_start(&r->spec, &r->session.sandbox, err, sizeof(err));
	if (error < 0) {
		record_discard(record);
		fail(EXIT_BARTIZAN, "%s", err);
	}
	record_running(record, r, &r->session.sandbox);
	r->session.record = record;
	hosttext_begin(r);
	code = session_serve(&r->session, signals);
	record_discard(record);
	if (!r->session.failed)
		hints_show(r, code);
	if (r->options.stats)
		stats_report(&r->session);
	hosttext_end(r);
	return code;
}

int command_run(int argc, char **argv)
{
	static struct run run; /* not from the heap: pages that nobody touches cost nothing */
	struct run *r = &run;

	options_parse(&r->options, argc, argv);
	r->id = r->options.name ? r->options.name : record_new_id();
	r->session.show_stats = r->options.stats;
	r->session.stats_file = r->options.stats_file;
	prepare(r);
	if (r->options.explain)
		return explain(r);
	return r->options.detach ? run_detached(r) : run_attached(r);
}
