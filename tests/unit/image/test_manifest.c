/*
 * Manifests: the text form's errors, the binary form's bounds, and that one gives the other.
 */
#include "support.h"
#include "image/manifest_write.h"

static int parse(struct draft *d, const char *text, struct image_error *err)
{
	memset(d, 0, sizeof(*d));
	return manifest_parse(d, "m.json", text, strlen(text), err);
}

static void expect(const char *text, const char *line)
{
	struct image_error err = {""};
	struct draft d;

	assert_int_not_equal(parse(&d, text, &err), 0);
	assert_string_equal(err.text, line);
	draft_free(&d);
}

static const char full[] =
    "{\n \"entrypoint\": [\"/bin/app\", \"-x\"],\n \"cmd\": [\"serve\"],\n"
    " \"env\": {\"A\": \"1\", \"B\": \"two words\"},\n \"workdir\": \"/srv\", \"user\": \"1000:1000\",\n"
    " \"hostname\": \"box\", \"stop_signal\": \"SIGINT\",\n"
    " \"grants\": {\"volumes\": [{\"path\": \"/data\", \"access\": \"rw\", \"why\": \"the database\"}],\n"
    "  \"ports\": [{\"port\": 80}], \"outbound\": [{\"host\": \"example.org\", \"port\": 443}]},\n"
    " \"limits\": {\"memory\": \"64M\", \"pids\": 10, \"cpus\": 1.5, \"nofile\": 1024},\n"
    " \"components\": [\"inet\"], \"labels\": {\"k\": \"v\"}}\n";

static void there_and_back(void **state)
{
	struct image_error err = {""};
	struct bartizan_manifest m;
	struct draft d, e = {0};
	void *bytes, *again;
	size_t len, len2;

	assert_int_equal(parse(&d, full, &err), 0);
	assert_int_equal(manifest_encode(&d.m, &bytes, &len, &err), 0);
	assert_int_equal(manifest_decode(&m, bytes, len, &err), 0);
	assert_int_equal(m.entrypoint.count, 2);
	assert_string_equal(m.entrypoint.item[1], "-x");
	assert_null(m.entrypoint.item[2]);
	assert_string_equal(m.cmd.item[0], "serve");
	assert_string_equal(m.env.item[1], "B=two words");
	assert_string_equal(m.workdir, "/srv");
	assert_string_equal(m.user, "1000:1000");
	assert_string_equal(m.stop_signal, "SIGINT");
	assert_string_equal(m.volumes.item[0].name, "/data");
	assert_true(m.volumes.item[0].write);
	assert_string_equal(m.volumes.item[0].why, "the database");
	assert_int_equal(m.ports.item[0].port, 80);
	assert_string_equal(m.outbound.item[0].name, "example.org");
	assert_int_equal(m.limits.memory, 64 << 20);
	assert_int_equal(m.limits.cpus_milli, 1500);
	draft_merge(&e, &m);
	assert_int_equal(manifest_encode(&e.m, &again, &len2, &err), 0);
	assert_int_equal(len, len2);
	assert_memory_equal(bytes, again, len);
	manifest_free(&m);
	draft_free(&d);
	draft_free(&e);
	free(bytes);
	free(again);
}

static void empty_is_enough(void **state)
{
	struct image_error err = {""};
	struct bartizan_manifest m;
	struct draft d;
	void *bytes;
	size_t len;
	char **argv;

	assert_int_equal(parse(&d, "{}", &err), 0);
	assert_int_equal(manifest_encode(&d.m, &bytes, &len, &err), 0);
	assert_int_equal(manifest_decode(&m, bytes, len, &err), 0);
	assert_null(m.workdir);
	assert_int_equal(manifest_argv(&m, NULL, &argv, &err), -ENOEXEC);
	manifest_free(&m);
	draft_free(&d);
	free(bytes);
}

static void errors(void **state)
{
	expect("{\n\n \"entrypont\": [\"a\"]}",
	       "m.json:3: unknown key \"entrypont\"; did you mean \"entrypoint\"?");
	expect("{\"zzz\": 1}", "m.json:1: unknown key \"zzz\"");
	expect("{\n\"cmd\": \"x\"}", "m.json:2: cmd: must be a list of strings, is a string");
	expect("{\"cmd\": [\"a\",\n 5]}", "m.json:2: cmd[1]: must be a string, is a number");
	expect("{\"limits\": {\n\"memory\": \"64M\",\n\"pid\": 3}}",
	       "m.json:3: unknown key \"limits.pid\"; did you mean \"pids\"?");
	expect("{\"limits\": {\"memory\": \"lots\"}}",
	       "m.json:1: limits.memory: is no size (examples: 67108864, \"64M\", \"1.5G\")");
	expect("{\"limits\": {\"pids\": 0}}", "m.json:1: limits.pids: is out of range");
	expect("{\"grants\": {\"volumes\": [\n{\"path\": \"/a\"},\n{\"pth\": \"/b\"}]}}",
	       "m.json:3: unknown key \"grants.volumes[1].pth\"; did you mean \"path\"?");
	expect("{\"grants\": {\"volumes\": [{\"access\": \"rw\"}]}}",
	       "m.json:1: grants.volumes[0]: needs the key \"path\"");
	expect("{\"grants\": {\"volumes\": [{\"path\": \"/a/../b\"}]}}",
	       "m.json: manifest: grants.volumes: \"/a/../b\" must not contain \".\" or \"..\"");
	expect("{\"env\": {\"A\": 1}}", "m.json:1: env.A: must be a string, is a number");
	expect("{\"env\": [\"novalue\"]}", "m.json: manifest: env: \"novalue\" must be NAME=value");
	expect("{\"workdir\": \"srv\"}", "m.json: manifest: workdir: \"srv\" must be an absolute path");
	expect("{\"user\": \"a b\"}", "m.json: manifest: user: \"a b\" must be UID[:GID] or NAME[:GROUP]");
	expect("[]", "m.json:1: the manifest: must be an object, is a list");
	expect("{\"cmd\": [], \"cmd\": []}", "m.json:1: duplicate object key near '\"cmd\"'");
	expect("{\n\"cmd\": [\n", "m.json:3: ']' expected near end of file");
	expect("{\"hostname\": \"\\u001b[2J\"}", "m.json: manifest: hostname: \"\\x1b[2J\" is no host name");
}

static void arguments_replace_cmd(void **state)
{
	struct image_error err = {""};
	char *args[] = {"other", NULL}, **argv;
	struct draft d;

	assert_int_equal(parse(&d, full, &err), 0);
	assert_int_equal(manifest_argv(&d.m, NULL, &argv, &err), 0);
	assert_string_equal(argv[0], "/bin/app");
	assert_string_equal(argv[2], "serve");
	free(argv);
	assert_int_equal(manifest_argv(&d.m, args, &argv, &err), 0);
	assert_string_equal(argv[2], "other");
	assert_null(argv[3]);
	free(argv);
	draft_free(&d);
}

/* Every byte changed, every length cut: refused or decoded, never out of bounds (the sanitizers watch). */
static void damaged_binary(void **state)
{
	struct image_error err = {""};
	struct bartizan_manifest m;
	struct draft d;
	uint8_t *bytes;
	size_t len;

	assert_int_equal(parse(&d, full, &err), 0);
	assert_int_equal(manifest_encode(&d.m, (void **)&bytes, &len, &err), 0);
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 9; bit++) {
			uint8_t flip = bit < 8 ? (uint8_t)(1u << bit) : 0xff;

			bytes[i] ^= flip;
			if (manifest_decode(&m, bytes, len, &err) == 0)
				manifest_free(&m);
			bytes[i] ^= flip;
		}
	}
	for (size_t n = 0; n < len; n++) {
		void *copy = malloc(n + 1);

		memcpy(copy, bytes, n);
		assert_int_equal(manifest_decode(&m, copy, n, &err), -EINVAL);
		free(copy);
	}
	free(bytes);
	draft_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back), cmocka_unit_test(empty_is_enough),
	    cmocka_unit_test(errors),	      cmocka_unit_test(arguments_replace_cmd),
	    cmocka_unit_test(damaged_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
