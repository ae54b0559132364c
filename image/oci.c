/*
 * OCI image layouts and archives of `docker save`, in the confined child: which layers in which order, their
 * digests, the configuration.  HOSTILE INPUT.  Follows the OCI image-spec 1.0 (image-layout.md, manifest.md,
 * config.md).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"
#include "image/rootwalk.h"
#include "image/unpacker.h"

#define JSON_MAX (8u << 20)
#define LAYERS_MAX 512

struct oci {
	struct unpacker *u;
	int archive;
	struct draft d;
};

static int fail(struct oci *o, const char *what, const char *name)
{
	char shown[160];

	return image_fail(o->u->err, -EINVAL, "container archive: %s%s%s", what, name ? " " : "",
			  name ? image_escape(shown, sizeof(shown), name, strlen(name)) : "");
}

/* A regular file of the archive.  `docker save` of old links equal layers to each other as
 * "../HEX/layer.tar": such a link is followed, inside the archive, and no other. */
static int open_inside(struct oci *o, const char *path)
{
	char text[ROOT_PATH_MAX];
	struct root_place p;
	struct stat st;
	int fd = -ELOOP;

	for (int links = 0; links < 4 && fd == -ELOOP; links++) {
		ssize_t n;
		int ret = root_find(o->archive, path, false, NULL, NULL, &p);

		if (ret)
			return ret;
		fd = openat(p.dir, p.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
		n = fd == -ELOOP ? readlinkat(p.dir, p.name, text, sizeof(text) - 1) : 0;
		close(p.dir);
		if (n <= 3 || strncmp(text, "../", 3))
			break;
		text[n] = 0;
		path = text + 3;
	}
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static json_t *load_json(struct oci *o, int fd, const char *name)
{
	char *text = fd >= 0 ? malloc(JSON_MAX) : NULL;
	json_t *root = NULL;
	json_error_t e;
	ssize_t n, len = 0;

	while (text && len < (ssize_t)JSON_MAX && (n = read(fd, text + len, JSON_MAX - (size_t)len)) > 0)
		len += n;
	if (text)
		root = json_loadb(text, (size_t)len, 0, &e);
	free(text);
	if (fd >= 0)
		close(fd);
	if (!root)
		fail(o, "no readable JSON in", name);
	return root;
}

/* The blob with the digest "sha256:HEX", its bytes checked. */
static int open_blob(struct oci *o, const char *digest)
{
	uint8_t is[BZ_DIGEST_SIZE], buf[16384];
	char path[128] = "blobs/sha256/", hex[65];
	struct sha256 s;
	ssize_t n;
	int fd;

	if (!digest || strncmp(digest, "sha256:", 7) || strlen(digest) != 71)
		return fail(o, "no SHA-256 digest:", digest ?: "(none)");
	for (const char *p = digest + 7; *p; p++)
		if (!isxdigit((unsigned char)*p))
			return fail(o, "no digest:", digest);
	fd = open_inside(o, strcat(path, digest + 7));
	if (fd < 0)
		return fail(o, "missing blob", digest);
	sha256_init(&s);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sha256_update(&s, buf, (size_t)n);
	sha256_final(&s, is);
	for (int i = 0; i < BZ_DIGEST_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", is[i]);
	if (strcasecmp(hex, digest + 7)) {
		close(fd);
		return fail(o, "damaged blob", digest);
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void take_list(struct oci *o, const json_t *v, struct bartizan_list *l)
{
	size_t i;
	json_t *s;

	if (!json_is_array(v))
		return;
	draft_list_clear(&o->d, l);
	json_array_foreach(v, i, s) if (json_is_string(s)) draft_list_add(&o->d, l, json_string_value(s));
}

static void take_config(struct oci *o, json_t *config)
{
	struct bartizan_manifest *m = &o->d.m;
	const char *key, *s;
	json_t *v;

	take_list(o, json_object_get(config, "Entrypoint"), &m->entrypoint);
	take_list(o, json_object_get(config, "Cmd"), &m->cmd);
	take_list(o, json_object_get(config, "Env"), &m->env);
	m->workdir = (s = text_of(config, "WorkingDir")) && *s ? draft_string(&o->d, s) : NULL;
	m->user = (s = text_of(config, "User")) && *s ? draft_string(&o->d, s) : NULL;
	m->stop_signal = (s = text_of(config, "StopSignal")) && *s ? draft_string(&o->d, s) : NULL;
	json_object_foreach(json_object_get(config, "Labels"), key, v)
	{
		char *pair = draft_alloc(&o->d, strlen(key) + strlen(json_string_value(v) ?: "") + 2);

		sprintf(pair, "%s=%s", key, json_string_value(v) ?: "");
		if (*key && !strchr(key, '='))
			draft_list_add(&o->d, &m->labels, pair);
	}
	json_object_foreach(json_object_get(config, "Volumes"), key, v)
	{
		struct bartizan_grant g = {
		    .name = key, .why = "declared by the container image", .write = true};

		if (key[0] == '/')
			draft_grant_add(&o->d, &m->volumes, &g);
	}
	json_object_foreach(json_object_get(config, "ExposedPorts"), key, v)
	{
		char *end;
		unsigned long port = strtoul(key, &end, 10);
		struct bartizan_grant g = {.name = "",
					   .why = "declared by the container image",
					   .port = (uint16_t)port,
					   .udp = strcmp(end, "/udp") == 0};

		if (port > 0 && port < 65536)
			draft_grant_add(&o->d, &m->ports, &g);
	}
}

/* Bartizan runs what Linux on x86-64 runs. */
static int check_platform(struct oci *o, const json_t *root)
{
	const char *os = text_of(root, "os"), *arch = text_of(root, "architecture");

	if (os && *os && strcmp(os, "linux") != 0)
		return fail(o, "is not for linux, but for", os);
	if (arch && *arch && strcmp(arch, "amd64") != 0)
		return fail(o, "is not for amd64 (x86-64), but for", arch);
	return 0;
}

static int config(struct oci *o, int fd, const char *name)
{
	struct unpack_record r = {.kind = UNPACK_MANIFEST};
	json_t *root = load_json(o, fd, name);
	void *bytes;
	size_t len;
	int ret;

	if (!root)
		return -EINVAL;
	ret = check_platform(o, root);
	if (ret) {
		json_decref(root);
		return ret;
	}
	take_config(o, json_object_get(root, "config"));
	json_decref(root);
	ret = manifest_encode(&o->d.m, &bytes, &len, o->u->err);
	if (ret)
		return ret;
	r.path_len = (uint32_t)len;
	ret = unpacker_record(o->u, &r, bytes, NULL);
	free(bytes);
	return ret;
}

static int layer(struct oci *o, int fd)
{
	int ret;

	if (fd < 0)
		return fd;
	o->u->layer = true;
	ret = unpacker_tar(o->u, fd);
	close(fd);
	return ret;
}

/* The descriptor for linux/amd64 in an index, else its first. */
static const char *choose(json_t *index)
{
	json_t *list = json_object_get(index, "manifests"), *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		json_t *platform = json_object_get(m, "platform");
		const char *os = text_of(platform, "os"), *arch = text_of(platform, "architecture");

		if (os && arch && strcmp(os, "linux") == 0 && strcmp(arch, "amd64") == 0)
			return text_of(m, "digest");
	}
	return text_of(json_array_get(list, 0), "digest");
}

static int oci_layout(struct oci *o)
{
	json_t *doc = load_json(o, open_inside(o, "index.json"), "index.json"), *layers, *l;
	size_t i;
	int ret, fd;

	for (int depth = 0; doc && !json_object_get(doc, "layers") && depth < 4; depth++) {
		const char *digest = choose(doc);

		fd = open_blob(o, digest);
		json_decref(doc);
		doc = fd < 0 ? NULL : load_json(o, fd, "manifest");
	}
	if (!doc)
		return -EINVAL;
	layers = json_object_get(doc, "layers");
	if (!json_is_array(layers) || json_array_size(layers) > LAYERS_MAX) {
		json_decref(doc);
		return fail(o, "no usable list of layers", NULL);
	}
	fd = open_blob(o, text_of(json_object_get(doc, "config"), "digest"));
	ret = fd < 0 ? fd : config(o, fd, "configuration");
	json_array_foreach(layers, i, l) if (!ret) ret = layer(o, open_blob(o, text_of(l, "digest")));
	json_decref(doc);
	return ret;
}

static int docker_save(struct oci *o)
{
	json_t *doc = load_json(o, open_inside(o, "manifest.json"), "manifest.json");
	json_t *image = json_array_get(doc, 0), *layers = json_object_get(image, "Layers"), *l;
	const char *name = text_of(image, "Config");
	size_t i;
	int ret;

	if (!doc)
		return -EINVAL;
	if (!name || !json_is_array(layers) || json_array_size(layers) > LAYERS_MAX) {
		json_decref(doc);
		return fail(o, "manifest.json is not that of docker save", NULL);
	}
	ret = config(o, open_inside(o, name), name);
	json_array_foreach(layers, i, l)
	{
		int fd = ret ? -1 : open_inside(o, json_string_value(l) ?: "");

		if (!ret)
			ret = fd < 0 ? fail(o, "missing layer", json_string_value(l) ?: "?") : layer(o, fd);
	}
	json_decref(doc);
	return ret;
}

int unpacker_oci(struct unpacker *u, int archive)
{
	struct oci o = {.u = u, .archive = archive};
	struct stat st;
	int ret =
	    fstatat(archive, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0 ? oci_layout(&o) : docker_save(&o);

	draft_free(&o.d);
	return ret;
}
