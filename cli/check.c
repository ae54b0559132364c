/*
 * check: what this host supports, and the remedy for what it does not.  Also `version`.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "build_id.h"
#include "cli/host.h"
#include "cli/manage.h"

static const char *const words[] = {[CHECK_OK] = "ok", [CHECK_MISSING] = "missing", [CHECK_FATAL] = "fatal"};

static void print_json(const struct host_check *list, size_t count, bool runs)
{
	printf("{\n  \"runs\": %s,\n  \"checks\": [", runs ? "true" : "false");
	for (size_t i = 0; i < count; i++) {
		const char *pairs[][2] = {{"name", list[i].name}, {"state", words[list[i].state]},
					  {"detail", list[i].detail}, {"remedy", list[i].remedy}};

		for (int k = 0; k < 4; k++) {
			printf("%s\"%s\": ", k ? ", " : i ? ",\n    {" : "\n    {", pairs[k][0]);
			json_print_text(stdout, pairs[k][1]);
		}
		putchar('}');
	}
	printf("\n  ]\n}\n");
}

/* 0: everything is there; 1: something is lost; 125: nothing runs here. */
int command_check(int argc, char **argv)
{
	struct host_check list[40];
	enum check_state worst = CHECK_OK;
	struct args a;
	size_t count;

	args_parse(&a, "check", argc, argv, 0, 0);
	count = host_check(list, sizeof(list) / sizeof(list[0]));
	for (size_t i = 0; i < count; i++)
		worst = list[i].state > worst ? list[i].state : worst;
	if (a.json) {
		print_json(list, count, worst != CHECK_FATAL);
	} else {
		for (size_t i = 0; i < count; i++) {
			printf("%-8s %-26s %s\n", words[list[i].state], list[i].name, list[i].detail);
			if (*list[i].remedy)
				printf("%-8s %-26s -> %s\n", "", "", list[i].remedy);
		}
		puts(worst == CHECK_OK	      ? "Everything is there."
		     : worst == CHECK_MISSING ? "Sandboxes run, without the layers or limits named above."
					      : "No sandbox runs on this host.");
	}
	return worst == CHECK_OK ? 0 : worst == CHECK_MISSING ? 1 : EXIT_BARTIZAN;
}

int command_version(int argc, char **argv)
{
	struct args a;

	args_parse(&a, "version", argc, argv, 0, 0);
	if (a.json)
		printf("{\"version\": \"%s\", \"abi\": %d, \"build\": \"%016llx\"}\n", BARTIZAN_VERSION, BZ_ABI_VERSION,
		       BZ_BUILD_ID);
	else
		printf("bartizan %s, picoprocess ABI %d, build %016llx\n", BARTIZAN_VERSION, BZ_ABI_VERSION, BZ_BUILD_ID);
	return 0;
}
