/*
 * completion: scripts for shells.  Commands come from the table; options of `run` from the option table.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "cli/manage.h"
#include "cli/options.h"

static void words(const char *between)
{
	for (const struct command *c = commands; c->name; c++)
		printf("%s%s", c == commands ? "" : between, c->name);
}

static void bash(bool zsh)
{
	if (zsh)
		printf("autoload -U +X bashcompinit && bashcompinit\n");
	printf("_bartizan() {\n"
	       "	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
	       "	if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "		COMPREPLY=($(compgen -W '");
	words(" ");
	printf("' -- \"$word\"))\n"
	       "		return\n"
	       "	fi\n"
	       "	case $command:$word in\n"
	       "	run:-*) COMPREPLY=($(compgen -W '");
	options_print_long(" ");
	printf("' -- \"$word\")) ;;\n"
	       "	run:*) COMPREPLY=($(compgen -f -c -- \"$word\")) ;;\n"
	       "	logs:*|wait:*|stop:*|kill:*|rm:*|top:*|exec:*) COMPREPLY=($(compgen -W \"$(bartizan ps -a | "
	       "awk 'NR > 1 { print $1 }')\" -- \"$word\")) ;;\n"
	       "	cp:*) COMPREPLY=($(compgen -f -- \"$word\") $(compgen -S : -W \"$(bartizan ps -a | "
	       "awk 'NR > 1 { print $1 }')\" -- \"$word\")) ;;\n"
	       "	*) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
	       "	esac\n"
	       "}\n"
	       "complete -o filenames -F _bartizan bartizan\n");
}

static void fish(void)
{
	printf("set -l commands ");
	words(" ");
	printf("\n");
	for (const struct command *c = commands; c->name; c++)
		printf("complete -c bartizan -f -n \"not __fish_seen_subcommand_from $commands\" -a %s -d "
		       "'%s'\n",
		       c->name, c->summary);
	printf("for option in ");
	options_print_long(" ");
	printf("\n	complete -c bartizan -n '__fish_seen_subcommand_from run' -l (string sub -s 3 -- "
	       "$option)\nend\n"
	       "complete -c bartizan -f -n '__fish_seen_subcommand_from logs wait stop kill rm top exec' "
	       "-a \"(bartizan ps -a | awk 'NR > 1 { print \\$1 }')\"\n"
	       "complete -c bartizan -n '__fish_seen_subcommand_from cp' "
	       "-a \"(bartizan ps -a | awk 'NR > 1 { print \\$1 \\\":\\\" }')\"\n");
}

int command_completion(int argc, char **argv)
{
	const char *shell = argc > 1 ? argv[1] : "";

	if (!strcmp(shell, "--help"))
		help_print("completion");
	else if (!strcmp(shell, "bash") || !strcmp(shell, "zsh"))
		bash(*shell == 'z');
	else if (!strcmp(shell, "fish"))
		fish();
	else
		fail(EXIT_BARTIZAN, "completion: name a shell: bash, zsh or fish");
	return 0;
}
