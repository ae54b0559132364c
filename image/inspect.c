/*
 * `bartizan inspect`, `verify` and `keygen`: what is in an image, for people and for programs.  Everything
 * that comes from the image is escaped.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"
#include "image/erofs.h"
#include "build_id.h"
#include "image/buildid.h"
#include "image/progress.h"
#include "image/sites.h"

struct inspection {
	struct image img;
	struct image_report report;
	struct erofs_super super;
	bool damaged;
	struct image_error damage; /* why, if so */
};

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	progress(done, total);
}

static const char *type_name(uint32_t type)
{
	static const char *const names[] = {"?", "filesystem", "libos", "text", "manifest", "blocks"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static const char *hex(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
	return out;
}

/* A path, or the name of an image in the store. */
static int open_image(const char *name)
{
	struct image_error unused;
	char *path = strchr(name, '/') || access(name, F_OK) == 0 ? NULL : store_path(name, &unused);
	int fd = open(path ? path : name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	free(path);
	return fd;
}

static int inspect(struct inspection *x, const char *name, uint32_t flags, struct image_error *err)
{
	int fd = open_image(name), ret;

	if (fd < 0)
		return image_fail(err, -errno, "%s", strerror(errno));
	ret = image_open(&x->img, fd, err);
	if (ret) {
		close(fd);
		return ret;
	}
	progress_start("verifying");
	ret = image_verify(&x->img, flags, &x->report, show_progress, NULL, &x->damage);
	progress_end();
	x->damaged = ret == -EBADMSG;
	if (ret && !x->damaged) {
		*err = x->damage;
		close(fd);
		return ret;
	}
	if (pread(fd, &x->super, sizeof(x->super), EROFS_SUPER_OFFSET) != sizeof(x->super))
		memset(&x->super, 0, sizeof(x->super));
	return 0;
}

/* --- For people --------------------------------------------------------------------------------------- */

static void print_text(const char *key, const char *value)
{
	char shown[1024];

	if (value)
		printf("  %-12s %s\n", key, image_escape(shown, sizeof(shown), value, strlen(value)));
}

static void print_list(const char *key, const struct bartizan_list *l)
{
	char shown[1024];

	if (!l->count)
		return;
	printf("  %-12s", key);
	for (uint32_t i = 0; i < l->count; i++)
		printf(" %s%s%s", i ? "" : "[",
		       image_escape(shown, sizeof(shown), l->item[i], strlen(l->item[i])),
		       i + 1 < l->count ? "," : "]\n");
}

static void print_lines(const char *key, const struct bartizan_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		print_text(i ? "" : key, l->item[i]);
}

static void print_number(const char *key, uint64_t n)
{
	if (n)
		printf("  %-12s %llu\n", key, (unsigned long long)n);
}

static void print_grants(const char *key, const struct bartizan_grants *g, bool volume)
{
	char name[512], why[512];

	for (uint32_t i = 0; i < g->count; i++) {
		const struct bartizan_grant *w = &g->item[i];

		image_escape(name, sizeof(name), w->name, strlen(w->name));
		image_escape(why, sizeof(why), w->why, strlen(w->why));
		printf("  %-12s %s", i ? "" : key, name);
		if (volume)
			printf(" (%s)", w->write ? "rw" : "ro");
		else
			printf("%s%u/%s", *name ? " port " : "", w->port, w->udp ? "udp" : "tcp");
		printf("%s%s\n", *why ? ": " : "", why);
	}
}

static void print_manifest(const struct bartizan_manifest *m)
{
	puts("Manifest (requests; only the operator grants)");
	print_list("entrypoint", &m->entrypoint);
	print_list("cmd", &m->cmd);
	print_lines("env", &m->env);
	print_text("workdir", m->workdir);
	print_text("user", m->user);
	print_text("hostname", m->hostname);
	print_text("stop_signal", m->stop_signal);
	print_list("components", &m->components);
	print_lines("labels", &m->labels);
	print_grants("volumes", &m->volumes, true);
	print_grants("ports", &m->ports, false);
	print_grants("outbound", &m->outbound, false);
	print_number("memory", m->limits.memory);
	print_number("pids", m->limits.pids);
	if (m->limits.cpus_milli)
		printf("  %-12s %u.%03u\n", "cpus", m->limits.cpus_milli / 1000, m->limits.cpus_milli % 1000);
	print_number("nofile", m->limits.nofile);
	print_number("stack", m->limits.stack);
	print_number("fsize", m->limits.fsize);
}

static const char *signature_state(const struct image *img)
{
	if (!image_is_signed(img))
		return "none";
	return sign_consistent(&img->footer) ? "valid for its key" : "INVALID";
}

static uint64_t build_of(const struct image *img)
{
	const struct bz_image_section *s = image_section(img, BZ_SECTION_LIBOS);
	struct buildid id = {0};

	if (s)
		buildid_read(img->fd, s->offset, s->length, &id);
	return id.headers;
}

/* The section that holds a Solo5 guest, or null. */
static const struct bz_image_section *solo5_of(const struct image *img)
{
	const struct bz_image_section *s = image_section(img, BZ_SECTION_LIBOS);

	return s && solo5_is_part(img->fd, s->offset, s->length) ? s : NULL;
}

static void print_blocks(const struct image *img)
{
	struct bz_block blocks[BZ_BLOCKS_MAX];
	char name[BZ_BLOCK_NAME * 4];
	struct image_error err;
	int n = image_blocks(img, blocks, &err);

	if (n < 0)
		printf("  DAMAGED      %s\n", err.text);
	for (int i = 0; i < n; i++)
		printf("  %-12s %s: %llu bytes, sectors of %u\n", i ? "" : "packed",
		       image_escape(name, sizeof(name), blocks[i].name, strlen(blocks[i].name)),
		       (unsigned long long)blocks[i].length, blocks[i].sector_size);
}

static void print_inspection(const struct inspection *x)
{
	const struct image *img = &x->img;
	const struct bz_image_section *guest = solo5_of(img);
	char digest[2 * BZ_DIGEST_SIZE + 1];
	struct image_error err;

	printf("Image format %u, %llu bytes\n", img->footer.version, (unsigned long long)img->size);
	printf("Digest     %s\n", hex(img->footer.table_digest, BZ_DIGEST_SIZE, digest));
	printf("Signature  %s", signature_state(img));
	if (image_is_signed(img))
		printf(" %s (who holds it: bartizan-image verify --key)",
		       hex(img->footer.public_key, 32, digest));
	if (image_section(img, BZ_SECTION_LIBOS) && !guest)
		printf("\nBuild      %016llx%s", (unsigned long long)build_of(img),
		       build_of(img) == BZ_BUILD_ID ? "" : " (another than this one: it will not run; rebuild it)");
	puts("\nSections");
	for (uint32_t i = 0; i < img->section_count; i++)
		printf("  %-12s offset %-10llu length %-10llu sha256 %s %s\n",
		       type_name(img->sections[i].type), (unsigned long long)img->sections[i].offset,
		       (unsigned long long)img->sections[i].length,
		       hex(img->sections[i].digest, BZ_DIGEST_SIZE, digest),
		       x->report.match[i] ? "ok" : "DAMAGED");
	if (!x->report.padding)
		puts("  padding      DAMAGED");
	if (x->super.magic == EROFS_MAGIC)
		printf("File system\n  EROFS        %u blocks of %u bytes, %llu inodes, root inode %u\n",
		       x->super.blocks, 1u << (x->super.blkszbits & 15), (unsigned long long)x->super.inos,
		       x->super.root_nid);
	if (guest && solo5_print(img->fd, guest->offset, guest->length, &err))
		printf("Solo5 guest\n  DAMAGED      %s\n", err.text);
	print_blocks(img);
	print_manifest(&img->manifest);
}

/* --- For programs ------------------------------------------------------------------------------------- */

/* JSON strings are UTF-8: what is not is escaped as for people. */
static json_t *json_text(const char *text)
{
	json_t *v = json_string(text);
	char shown[4096];

	return v ? v : json_string(image_escape(shown, sizeof(shown), text, strlen(text)));
}

static json_t *json_list(const struct bartizan_list *l)
{
	json_t *out = json_array();

	for (uint32_t i = 0; i < l->count; i++)
		json_array_append_new(out, json_text(l->item[i]));
	return out;
}

static json_t *json_grants(const struct bartizan_grants *g, bool volume)
{
	json_t *out = json_array();

	for (uint32_t i = 0; i < g->count; i++) {
		const struct bartizan_grant *w = &g->item[i];
		json_t *o = json_object();

		if (*w->name)
			json_object_set_new(o, volume ? "path" : "host", json_text(w->name));
		if (volume)
			json_object_set_new(o, "access", json_string(w->write ? "rw" : "ro"));
		if (!volume && w->port)
			json_object_set_new(o, "port", json_integer(w->port));
		if (!volume)
			json_object_set_new(o, "protocol", json_string(w->udp ? "udp" : "tcp"));
		if (*w->why)
			json_object_set_new(o, "why", json_text(w->why));
		json_array_append_new(out, o);
	}
	return out;
}

static void set_text(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_text(value));
}

static void set_list(json_t *o, const char *key, const struct bartizan_list *l)
{
	if (l->count)
		json_object_set_new(o, key, json_list(l));
}

static void set_number(json_t *o, const char *key, uint64_t n)
{
	if (n)
		json_object_set_new(o, key, json_integer((json_int_t)n));
}

/* In the form that `build --manifest` reads. */
static json_t *json_manifest(const struct bartizan_manifest *m)
{
	json_t *o = json_object(), *grants = json_object(), *limits = json_object();

	set_list(o, "entrypoint", &m->entrypoint);
	set_list(o, "cmd", &m->cmd);
	set_list(o, "env", &m->env);
	set_text(o, "workdir", m->workdir);
	set_text(o, "user", m->user);
	set_text(o, "hostname", m->hostname);
	set_text(o, "stop_signal", m->stop_signal);
	set_list(o, "components", &m->components);
	set_list(o, "labels", &m->labels);
	if (m->volumes.count)
		json_object_set_new(grants, "volumes", json_grants(&m->volumes, true));
	if (m->ports.count)
		json_object_set_new(grants, "ports", json_grants(&m->ports, false));
	if (m->outbound.count)
		json_object_set_new(grants, "outbound", json_grants(&m->outbound, false));
	set_number(limits, "memory", m->limits.memory);
	set_number(limits, "pids", m->limits.pids);
	if (m->limits.cpus_milli)
		json_object_set_new(limits, "cpus", json_real(m->limits.cpus_milli / 1000.0));
	set_number(limits, "nofile", m->limits.nofile);
	set_number(limits, "stack", m->limits.stack);
	set_number(limits, "fsize", m->limits.fsize);
	json_object_set_new(o, "grants", grants);
	json_object_set_new(o, "limits", limits);
	return o;
}

static json_t *json_blocks(const struct image *img)
{
	struct bz_block blocks[BZ_BLOCKS_MAX];
	struct image_error err;
	json_t *out = json_array();
	int n = image_blocks(img, blocks, &err);

	for (int i = 0; i < n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "name", json_text(blocks[i].name));
		json_object_set_new(o, "bytes", json_integer((json_int_t)blocks[i].length));
		json_object_set_new(o, "sector_size", json_integer(blocks[i].sector_size));
		json_array_append_new(out, o);
	}
	return out;
}

static int print_json(const struct inspection *x)
{
	const struct image *img = &x->img;
	char digest[2 * BZ_DIGEST_SIZE + 1];
	json_t *root = json_object(), *sections = json_array(), *fs = json_object(),
	       *signature = json_object();

	json_object_set_new(root, "version", json_integer(img->footer.version));
	json_object_set_new(root, "size", json_integer((json_int_t)img->size));
	json_object_set_new(root, "digest",
			    json_string(hex(img->footer.table_digest, BZ_DIGEST_SIZE, digest)));
	if (solo5_of(img)) {
		const struct bz_image_section *s = solo5_of(img);
		json_t *guest = solo5_json(img->fd, s->offset, s->length, &(struct image_error){{0}});

		if (guest)
			json_object_set_new(root, "solo5", guest);
		json_object_set_new(root, "blocks", json_blocks(img));
	} else if (image_section(img, BZ_SECTION_LIBOS)) {
		char text[17];

		snprintf(text, sizeof(text), "%016llx", (unsigned long long)build_of(img));
		json_object_set_new(root, "build", json_string(text));
	}
	json_object_set_new(root, "intact", json_boolean(!x->damaged));
	json_object_set_new(signature, "state", json_string(signature_state(img)));
	if (image_is_signed(img))
		json_object_set_new(signature, "public_key",
				    json_string(hex(img->footer.public_key, 32, digest)));
	json_object_set_new(root, "signature", signature);
	for (uint32_t i = 0; i < img->section_count; i++) {
		const struct bz_image_section *s = &img->sections[i];
		json_t *o = json_object();

		json_object_set_new(o, "type", json_string(type_name(s->type)));
		json_object_set_new(o, "offset", json_integer((json_int_t)s->offset));
		json_object_set_new(o, "length", json_integer((json_int_t)s->length));
		json_object_set_new(o, "sha256", json_string(hex(s->digest, BZ_DIGEST_SIZE, digest)));
		json_object_set_new(o, "match", json_boolean(x->report.match[i]));
		json_array_append_new(sections, o);
	}
	json_object_set_new(root, "sections", sections);
	json_object_set_new(fs, "type", json_string(x->super.magic == EROFS_MAGIC ? "erofs" : "unknown"));
	json_object_set_new(fs, "blocks", json_integer(x->super.blocks));
	json_object_set_new(fs, "inodes", json_integer((json_int_t)x->super.inos));
	json_object_set_new(root, "filesystem", fs);
	json_object_set_new(root, "manifest", json_manifest(&img->manifest));
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return 0;
}

/* --- Commands ----------------------------------------------------------------------------------------- */

struct options {
	const char *name, *key, *shown;
	bool json, sites;
};

enum { OPT_JSON = 256, OPT_KEY, OPT_SITES, OPT_SHOW_AS };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_KEY:
		o->key = arg;
		break;
	case OPT_SHOW_AS:
		o->shown = arg;
		break;
	case OPT_SITES:
		o->sites = true;
		break;
	case ARGP_KEY_ARG:
		if (o->name)
			argp_error(state, "more than one argument: %s and %s", o->name, arg);
		o->name = arg;
		break;
	case ARGP_KEY_END:
		if (!o->name)
			argp_error(state, "an argument is missing");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int inspect_sites(struct inspection *x, const struct options *o, struct image_error *err)
{
	int fd = open_image(o->name), ret;

	if (fd < 0)
		return image_fail(err, -errno, "%s", strerror(errno));
	if (image_probe(fd) == IMAGE_NOT) {
		ret = sites_show(o->name, fd, NULL, o->json, err);
	} else {
		ret = inspect(x, o->name, IMAGE_VERIFY_FULL, err);
		if (!ret) {
			ret = x->damaged ? image_fail(err, -EBADMSG, "%s", x->damage.text)
					 : sites_show(o->name, x->img.fd, &x->img, o->json, err);
			close(x->img.fd);
			image_close(&x->img);
		}
	}
	close(fd);
	return ret;
}

/* A Solo5 image that is not packed.  1: it is none. */
static int inspect_solo5(const struct options *o, struct image_error *err)
{
	int fd = open_image(o->name), ret = 1;
	struct stat st;

	if (fd < 0)
		return 1;
	if (image_probe(fd) == IMAGE_NOT && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    solo5_is_part(fd, 0, (uint64_t)st.st_size))
		ret = solo5_inspect(fd, o->json, err);
	close(fd);
	return ret;
}

int inspect_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
	    {"sites", OPT_SITES, NULL, 0,
	     "List the system call instructions of its files, or of an ELF file: patched, or why not", 0},
	    {0}};
	static const struct argp argp = {options,
					 parse,
					 "IMAGE",
					 "Show what is in an image: sections, digests and whether they "
					 "match, file system, manifest.  IMAGE is a "
					 "file or a name of your store; of a Solo5 image also its target, version and devices."
					 "\vExamples:\n  bartizan inspect hello.img\n  bartizan inspect "
					 "--json hello.img | jq .manifest\n  bartizan inspect --sites hello.img\n\n"
					 "Exit status: 0, or 125 if the image is damaged or no image.",
					 NULL,
					 NULL,
					 NULL};
	struct options o = {0};
	struct inspection x = {0};
	struct image_error err;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	ret = o.sites ? 1 : inspect_solo5(&o, &err);
	if (ret <= 0)
		return ret ? complain(argv[0], o.name, &err) : 0;
	if (o.sites)
		return inspect_sites(&x, &o, &err) ? complain(argv[0], o.name, &err) : 0;
	if (inspect(&x, o.name, IMAGE_VERIFY_FULL | IMAGE_VERIFY_REPORT, &err))
		return complain(argv[0], o.name, &err);
	if (o.json)
		print_json(&x);
	else
		print_inspection(&x);
	close(x.img.fd);
	image_close(&x.img);
	return x.damaged ? complain(argv[0], o.name, &x.damage) : 0;
}

int verify_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"key", OPT_KEY, "PUBKEY", 0,
	     "Also demand a signature by the key whose public part is in PUBKEY (PEM)", 0},
	    {"show-as", OPT_SHOW_AS, "NAME", OPTION_HIDDEN, "The name that messages shall use", 0},
	    {0}};
	static const struct argp argp = {
	    options,
	    parse,
	    "IMAGE",
	    "Check every byte of an image against its digests."
	    "\vExamples:\n  bartizan verify hello.img\n  bartizan verify --key release.pub hello.img\n\n"
	    "Exit status: 0 if all is as it must be, else 125 with one line that says what is not.",
	    NULL,
	    NULL,
	    NULL};
	struct options o = {0};
	struct inspection x = {0};
	struct image_error err;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (inspect(&x, o.name, IMAGE_VERIFY_FULL, &err))
		return complain(argv[0], o.shown ? o.shown : o.name, &err);
	ret = x.damaged ? -EBADMSG : 0;
	if (ret)
		err = x.damage;
	if (!ret && o.key)
		ret = sign_check(&x.img.footer, o.key, &err);
	if (!ret && !o.key && image_is_signed(&x.img) && !sign_consistent(&x.img.footer))
		ret = image_fail(&err, -EBADMSG, "the signature is damaged");
	close(x.img.fd);
	image_close(&x.img);
	return ret ? complain(argv[0], o.shown ? o.shown : o.name, &err) : 0;
}

int keygen_main(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    parse,
	    "OUT",
	    "Make an Ed25519 key: the private key in OUT (keep it), the public one in OUT.pub (give it away)."
	    "\vExample:\n  bartizan-image keygen release\n  bartizan build --sign release -o hello.img "
	    "./hello\n"
	    "  bartizan run --verify release.pub ./hello.img",
	    NULL,
	    NULL,
	    NULL};
	struct options o = {0};
	struct image_error err;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return sign_keygen(o.name, &err) ? complain(argv[0], NULL, &err) : 0;
}
