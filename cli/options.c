/*
 * Reads the command line of `bartizan run`.  Options end at the program: what follows is the program's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/options.h"

enum option_id {
	OPT_TRACE = 256,
	OPT_STATS,
	OPT_HERE,
	OPT_ROOTFS,
	OPT_HOSTNAME,
	OPT_PIDS,
	OPT_TIMEOUT,
	OPT_READONLY,
	OPT_TMPFS,
	OPT_NAME,
	OPT_ENTRYPOINT,
	OPT_EXPLAIN,
	OPT_ENV_FILE,
	OPT_CPUS,
	OPT_ULIMIT,
	OPT_POLICY,
	OPT_NO_USERNS,
	OPT_OVERLAY,
	OPT_VERIFY,
	OPT_RM,
	OPT_REWRITE,
	OPT_USR_LOCAL,
	OPT_MEM,
	OPT_BLOCK,
	OPT_BLOCK_SECTOR_SIZE,
	OPT_NET,
	OPT_NET_MAC,
	OPT_EXEC_HEAP,
	OPT_ALLOW,
	OPT_ADD_HOST,
	OPT_DNS,
	OPT_UNIX,
	OPT_HELP,
};

static const struct option long_options[] = {
    {"env", required_argument, NULL, 'e'},
    {"env-file", required_argument, NULL, OPT_ENV_FILE},
    {"volume", required_argument, NULL, 'v'},
    {"workdir", required_argument, NULL, 'w'},
    {"interactive", no_argument, NULL, 'i'},
    {"tty", no_argument, NULL, 't'},
    {"detach", no_argument, NULL, 'd'},
    {"user", required_argument, NULL, 'u'},
    {"memory", required_argument, NULL, 'm'},
    {"trace", no_argument, NULL, OPT_TRACE},
    {"stats", optional_argument, NULL, OPT_STATS},
    {"here", optional_argument, NULL, OPT_HERE},
    {"rootfs", required_argument, NULL, OPT_ROOTFS},
    {"hostname", required_argument, NULL, OPT_HOSTNAME},
    {"pids-limit", required_argument, NULL, OPT_PIDS},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"read-only", no_argument, NULL, OPT_READONLY},
    {"tmpfs", required_argument, NULL, OPT_TMPFS},
    {"name", required_argument, NULL, OPT_NAME},
    {"entrypoint", required_argument, NULL, OPT_ENTRYPOINT},
    {"explain", no_argument, NULL, OPT_EXPLAIN},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"ulimit", required_argument, NULL, OPT_ULIMIT},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"no-userns", no_argument, NULL, OPT_NO_USERNS},
    {"overlay", required_argument, NULL, OPT_OVERLAY},
    {"verify", required_argument, NULL, OPT_VERIFY},
    {"rm", no_argument, NULL, OPT_RM},
    {"rewrite", required_argument, NULL, OPT_REWRITE},
    {"usr-local", no_argument, NULL, OPT_USR_LOCAL},
    {"mem", required_argument, NULL, OPT_MEM},
    {"block", required_argument, NULL, OPT_BLOCK},
    {"block-sector-size", required_argument, NULL, OPT_BLOCK_SECTOR_SIZE},
    {"net", required_argument, NULL, OPT_NET},
    {"net-mac", required_argument, NULL, OPT_NET_MAC},
    {"exec-heap", no_argument, NULL, OPT_EXEC_HEAP},
    {"publish", required_argument, NULL, 'p'},
    {"allow", required_argument, NULL, OPT_ALLOW},
    {"add-host", required_argument, NULL, OPT_ADD_HOST},
    {"dns", required_argument, NULL, OPT_DNS},
    {"unix", required_argument, NULL, OPT_UNIX},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static void parse_rewrite(struct run_options *o, const char *text)
{
	static const struct {
		const char *word;
		uint32_t flags;
		bool no_cache;
	} known[] = {{"cached", 0, false}, {"hot", 0, true}, {"all", SANDBOX_PATCH_EAGER, true}, {"off", SANDBOX_TRAP_ONLY, true}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(text, known[i].word)) {
			o->rewrite = known[i].flags;
			o->no_text_cache = known[i].no_cache;
			return;
		}
	fail(EXIT_BARTIZAN, "--rewrite: '%s' is none of cached, hot, all, off", text);
}

void options_env(struct run_options *o, const char *what, const char *text)
{
	const char *value;

	if (!*text || *text == '=')
		fail(EXIT_BARTIZAN, "%s: '%s' has no name; write NAME=value", what, text);
	if (strchr(text, '=')) {
		strings_set(&o->env, text);
		return;
	}
	value = getenv(text);
	if (value)
		strings_set(&o->env, must_format("%s=%s", text, value));
	else
		strings_add(&o->env, text); /* as Docker: not set here is not set there, whatever the image says */
}

/* As Docker reads them: white space before a name does not count, within a name it is an error. */
static void env_line(struct run_options *o, const char *path, unsigned int number, const char *line)
{
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return;
	if (*line == '=' || line[strcspn(line, " \t=")] == ' ' || line[strcspn(line, " \t=")] == '\t')
		fail(EXIT_BARTIZAN, "--env-file: %s:%u: '%.*s' is no name of a variable", path, number,
		     (int)strcspn(line, "="), line);
	/* What has no value here says nothing, unlike -e NAME. */
	if (strchr(line, '=') || getenv(line))
		options_env(o, path, must_dup(line));
}

static void read_env_file(struct run_options *o, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	unsigned int number = 0;
	size_t room = 0;
	ssize_t len;

	if (!file)
		fail(EXIT_BARTIZAN, "--env-file: %s: %s", path, strerror(errno));
	while ((len = getline(&line, &room, file)) >= 0) {
		while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			line[--len] = 0;
		if (strlen(line) != (size_t)len)
			fail(EXIT_BARTIZAN, "--env-file: %s:%u: has a byte 0", path, number + 1);
		env_line(o, path, ++number, line);
	}
	if (ferror(file))
		fail(EXIT_BARTIZAN, "--env-file: %s: %s", path, strerror(errno));
	free(line);
	fclose(file);
}

void options_volume(struct run_options *o, const char *what, const char *text)
{
	struct volume_option *v = &o->volumes[o->volume_count];
	char *copy = must_dup(text), *guest = strchr(copy, ':'), *mode;

	if (o->volume_count == VOLUMES_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d volumes", what, VOLUMES_MAX);
	if (!guest || guest == copy || guest[1] != '/')
		fail(EXIT_BARTIZAN, "%s: '%s' is not HOST:GUEST[:ro] with an absolute GUEST path", what,
		     text);
	*guest++ = 0;
	mode = strchr(guest, ':');
	if (mode) {
		*mode++ = 0;
		if (strcmp(mode, "ro") && strcmp(mode, "rw"))
			fail(EXIT_BARTIZAN, "%s: '%s': what follows the guest path is ro or rw", what, text);
		v->readonly = !strcmp(mode, "ro");
	}
	v->host = copy;
	v->guest = guest;
	o->volume_count++;
}

void options_tmpfs(struct run_options *o, const char *what, const char *text)
{
	struct tmpfs_option *t = &o->tmpfs[o->tmpfs_count];
	char *copy = must_dup(text), *options = strchr(copy, ':'), *end;

	if (o->tmpfs_count == VOLUMES_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d of them", what, VOLUMES_MAX);
	if (*copy != '/')
		fail(EXIT_BARTIZAN, "%s: '%s' is not an absolute path", what, text);
	t->mode = 01777;
	if (options)
		*options++ = 0;
	for (char *word = options ? strtok(options, ",") : NULL; word; word = strtok(NULL, ",")) {
		if (!strncmp(word, "size=", 5)) {
			t->size = parse_size(what, word + 5);
		} else if (!strncmp(word, "mode=", 5)) {
			t->mode = strtoul(word + 5, &end, 8);
			if (*end || !word[5] || t->mode > 07777)
				fail(EXIT_BARTIZAN, "%s: '%s' is not an octal mode", what, word + 5);
		} else if (!strcmp(word, "ro") || !strcmp(word, "rw")) {
			t->readonly = !strcmp(word, "ro");
		} else if (!strcmp(word, "noexec") || !strcmp(word, "exec")) {
			t->noexec = !strcmp(word, "noexec");
		} else if (strcmp(word, "nosuid") && strcmp(word, "nodev")) { /* it always is */
			fail(EXIT_BARTIZAN, "%s: unknown option '%s'; known: size, mode, ro, rw, exec, noexec, nosuid, nodev",
			     what, word);
		}
	}
	t->guest = copy;
	o->tmpfs_count++;
}

void options_ulimit(struct run_options *o, const char *what, const char *text)
{
	static const struct {
		const char *name;
		uint32_t resource;
	} names[] = {
	    {"as", RLIMIT_AS},		 {"core", RLIMIT_CORE},
	    {"cpu", RLIMIT_CPU},	 {"data", RLIMIT_DATA},
	    {"fsize", RLIMIT_FSIZE},	 {"locks", RLIMIT_LOCKS},
	    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
	    {"nice", RLIMIT_NICE},	 {"nofile", RLIMIT_NOFILE},
	    {"nproc", RLIMIT_NPROC},	 {"rss", RLIMIT_RSS},
	    {"rtprio", RLIMIT_RTPRIO},	 {"rttime", RLIMIT_RTTIME},
	    {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
	};
	struct bz_rlimit *limit = &o->ulimits[o->ulimit_count];
	char *copy = must_dup(text), *value = strchr(copy, '='), *hard;
	size_t i, count = sizeof(names) / sizeof(names[0]);

	if (!value)
		fail(EXIT_BARTIZAN, "%s: '%s' is not NAME=SOFT[:HARD]", what, text);
	*value++ = 0;
	for (i = 0; i < count && strcmp(names[i].name, copy); i++)
		;
	if (i == count)
		fail(EXIT_BARTIZAN, "%s: unknown limit '%s'", what, copy);
	if (o->ulimit_count == ULIMITS_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d of them", what, ULIMITS_MAX);
	hard = strchr(value, ':');
	if (hard)
		*hard++ = 0;
	limit->resource = names[i].resource;
	limit->soft =
	    !strcmp(value, "-1") || !strcmp(value, "unlimited") ? UINT64_MAX : parse_size(what, value);
	limit->hard = !hard						  ? limit->soft
		      : !strcmp(hard, "-1") || !strcmp(hard, "unlimited") ? UINT64_MAX
									  : parse_size(what, hard);
	if (limit->soft > limit->hard)
		fail(EXIT_BARTIZAN, "%s: '%s': the soft limit is above the hard one", what, text);
	o->ulimit_count++;
}

static struct limit asked(uint64_t value)
{
	return (struct limit){true, value};
}

/* NAME=VALUE for a device of a Solo5 guest's manifest; a later one replaces an earlier one. */
static void set_device(struct strings *list, const char *what, const char *text)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1])
		fail(EXIT_BARTIZAN, "%s: '%s' is not NAME=VALUE, with the name of a device of the image's manifest", what, text);
	strings_set(list, text);
}

void options_block(struct run_options *o, const char *what, const char *text)
{
	set_device(&o->blocks, what, text);
}

void options_sector_size(struct run_options *o, const char *what, const char *text)
{
	set_device(&o->sectors, what, text);
}

void options_net(struct run_options *o, const char *what, const char *text)
{
	set_device(&o->networks, what, text);
}

void options_net_mac(struct run_options *o, const char *what, const char *text)
{
	set_device(&o->macs, what, text);
}

static void set_option(struct run_options *o, int id, const char *arg)
{
	switch (id) {
	case 'e':
		if (!*arg || *arg == '=')
			fail(EXIT_BARTIZAN, "-e: '%s' has no name; write NAME=value", arg);
		strings_add(&o->env_words, arg);
		break;
	case OPT_ENV_FILE:
		strings_add(&o->env_files, arg);
		break;
	case 'v':
		options_volume(o, "-v", arg);
		break;
	case 'w':
		o->workdir = arg;
		break;
	case 'i':
		o->interactive = true;
		break;
	case 't':
		o->tty = true;
		break;
	case 'd':
		o->detach = true;
		break;
	case 'u':
		o->user = arg;
		break;
	case 'm':
		o->memory = asked(parse_size("-m", arg));
		break;
	case OPT_TRACE:
		o->trace = true;
		break;
	case OPT_REWRITE:
		parse_rewrite(o, arg);
		break;
	case OPT_STATS:
		o->stats = true;
		o->stats_file = arg;
		break;
	case OPT_ROOTFS:
		o->rootfs = arg;
		break;
	case OPT_HOSTNAME:
		o->hostname = arg;
		break;
	case OPT_PIDS:
		/* As Docker's -1: no limit but the host's own. */
		o->pids = strcmp(arg, "-1") ? asked(parse_count("--pids-limit", arg, 1 << 22)) : (struct limit){0};
		break;
	case OPT_TIMEOUT:
		o->timeout = asked(parse_duration("--timeout", arg));
		break;
	case OPT_READONLY:
		o->readonly = true;
		break;
	case OPT_TMPFS:
		options_tmpfs(o, "--tmpfs", arg);
		break;
	case OPT_NAME:
		o->name = arg;
		break;
	case OPT_ENTRYPOINT:
		o->entrypoint = arg;
		break;
	case OPT_EXPLAIN:
		o->explain = true;
		break;
	case OPT_CPUS:
		o->cpus = asked(parse_millis("--cpus", arg));
		break;
	case OPT_ULIMIT:
		options_ulimit(o, "--ulimit", arg);
		break;
	case OPT_POLICY:
		o->policy = arg;
		policy_read(o, arg);
		break;
	case OPT_NO_USERNS:
		o->no_userns = true;
		break;
	case OPT_OVERLAY:
		o->overlay = arg;
		break;
	case OPT_VERIFY:
		o->verify = arg;
		break;
	case OPT_RM:
		o->rm = true;
		break;
	case 'p':
		options_publish(o, "-p", arg);
		break;
	case OPT_ALLOW:
		options_allow(o, "--allow", arg);
		break;
	case OPT_ADD_HOST:
		options_add_host(o, "--add-host", arg);
		break;
	case OPT_DNS:
		options_dns(o, "--dns", arg);
		break;
	case OPT_UNIX:
		options_unix(o, "--unix", arg);
		break;
	case OPT_USR_LOCAL:
		o->usr_local = true;
		break;
	case OPT_HERE:
		o->here = true;
		o->here_readonly = arg && !strcmp(arg, "ro");
		if (arg && strcmp(arg, "ro") && strcmp(arg, "rw"))
			fail(EXIT_BARTIZAN, "--here: '%s' is neither ro nor rw", arg);
		break;
	case OPT_MEM:
		o->memory = asked(parse_count("--mem", arg, 1 << 20) << 20);
		break;
	case OPT_BLOCK:
		options_block(o, "--block", arg);
		break;
	case OPT_BLOCK_SECTOR_SIZE:
		options_sector_size(o, "--block-sector-size", arg);
		break;
	case OPT_NET:
		options_net(o, "--net", arg);
		break;
	case OPT_NET_MAC:
		options_net_mac(o, "--net-mac", arg);
		break;
	case OPT_EXEC_HEAP:
		o->exec_heap = true;
		break;
	case OPT_HELP:
		help_print("run");
		exit(0);
	}
}

static void check_name(const char *name)
{
	if (!*name || strlen(name) > 63 || *name == '.' || *name == '-' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")])
		fail(EXIT_BARTIZAN, "--name: '%s' is not a name of letters, digits, '_', '.', '-'", name);
}

void options_parse(struct run_options *o, int argc, char **argv)
{
	int id;

	opterr = 0;
	optind = 1;
	while ((id = getopt_long(argc, argv, "+:e:v:w:itdu:m:p:", long_options, NULL)) >= 0) {
		if (id == ':')
			fail(EXIT_BARTIZAN, "%s needs a value; see 'bartizan run --help'", argv[argc - 1]);
		if (id == '?')
			fail(EXIT_BARTIZAN, "unknown option '%s'; see 'bartizan run --help'",
			     optopt && optopt < 256 ? (char[]){'-', optopt, 0} : argv[optind - 1]);
		set_option(o, id, optarg);
	}
	/* As Docker: whatever the order, -e comes after the files, which come after the policy. */
	for (size_t i = 0; i < o->env_files.count; i++)
		read_env_file(o, o->env_files.item[i]);
	for (size_t i = 0; i < o->env_words.count; i++)
		options_env(o, "-e", o->env_words.item[i]);
	if (o->name)
		check_name(o->name);
	if (o->workdir && *o->workdir != '/')
		fail(EXIT_BARTIZAN, "-w: '%s' is not an absolute path", o->workdir);
	if (o->hostname && (!*o->hostname || strlen(o->hostname) > 64))
		fail(EXIT_BARTIZAN, "--hostname: '%s' is not 1 to 64 characters long", o->hostname);
	if (optind < argc && *argv[optind])
		o->program = argv[optind++];
	else if (optind < argc)
		fail(EXIT_NOPROGRAM, "run: the name of the image or program is empty");
	else if (!(o->rootfs && o->entrypoint))
		fail(EXIT_BARTIZAN, "run: no image or program named; see 'bartizan run --help'");
	o->args = argv + optind;
	if (o->detach && o->stats && !o->stats_file)
		fail(EXIT_BARTIZAN, "--stats: with -d it needs a file: --stats=FILE");
}

void options_print_long(const char *between)
{
	for (const struct option *option = long_options; option->name; option++)
		printf("%s--%s", option == long_options ? "" : between, option->name);
}
