/*
 * The help texts.  bartizan-image prints its own for build, verify and keygen.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"

static const struct {
	const char *command, *text;
} texts[] = {
    {"run",
     "Usage: bartizan run [OPTIONS] IMAGE|PROGRAM [ARG...]\n"
     "\n"
     "Runs a program in a sandbox of its own.  What contains a '/' is a path (an image, an ELF program, a script,\n"
     "a Solo5 unikernel), else an image of your store, else a program on the PATH.  A program of this host sees /usr, a "
     "small\n"
     "/etc and its own file, read-only, and nothing else; what it writes is gone when it ends.\n"
     "\n"
     "What it sees\n"
     "  -v, --volume HOST:GUEST[:ro]  grant a directory or file of the host\n"
     "      --here[=ro]               grant the current directory, at its own path, and start there\n"
     "      --tmpfs GUEST[:OPTION,..] an empty directory in memory: size=N, mode=M, ro, noexec\n"
     "      --rootfs DIR              run a program of the root directory DIR, which stays as it is\n"
     "      --overlay DIR             keep what the guest writes to its root in DIR\n"
     "      --read-only               the root cannot be written\n"
     "      --usr-local               /usr/local too\n"
     "Network (none but its own loopback without these)\n"
     "  -p, --publish [ADDR:]HOST:GUEST[/udp]  the host's port HOST, at 127.0.0.1 unless ADDR says otherwise, leads to GUEST\n"
     "      --allow HOST:PORT[,PORT]  let it connect there; HOST is an address, 10.0.0.0/8, a name, *, or\n"
     "                                host.bartizan.internal, this host's own loopback; /udp behind it for UDP\n"
     "      --add-host NAME:ADDR      a line of its /etc/hosts\n"
     "      --dns ADDR[:PORT]         ask this name server for the names of --allow, not the host's\n"
     "      --unix PATH[:GUESTPATH]   it may connect to this socket of the host's\n"
     "How it runs\n"
     "  -e, --env NAME[=VALUE]        set a variable; without a value, pass yours on\n"
     "      --env-file FILE           the same, a line each\n"
     "  -w, --workdir DIR             start there\n"
     "  -u, --user USER[:GROUP]       whom it believes to be: numbers, or names of its own /etc/passwd\n"
     "      --hostname NAME           its host name\n"
     "      --entrypoint PROGRAM      run this instead of the image's own\n"
     "  -i, --interactive             standard input is attached (it always is, but with -d)\n"
     "  -t, --tty                     a console of its own\n"
     "  -d, --detach                  in the background; see ps, logs, wait, stop\n"
     "      --name NAME, --rm         its name; forget it when it ends\n"
     "Limits\n"
     "  -m, --memory SIZE             such as 64m, 2g\n"
     "      --cpus N                  such as 0.5\n"
     "      --pids-limit N            processes and threads together; -1: no limit of its own\n"
     "      --ulimit NAME=SOFT[:HARD] what the guest sees, such as nofile=1024\n"
     "      --timeout TIME            such as 10s; then it is killed, and the exit code is 137\n"
     "Solo5 guests (MirageOS, Rumprun; docs/solo5.md)\n"
     "      --mem MB                  the guest's memory (512)\n"
     "      --block NAME=FILE         attach a file as the block device NAME of its manifest\n"
     "      --block-sector-size NAME=N, --net-mac NAME=MAC\n"
     "      --net NAME=TAP|@FD        attach a tap of this host as the network NAME\n"
     "      --exec-heap               make its heap and stack executable\n"
     "Trust\n"
     "      --policy FILE             grants and limits as JSON, with the words of these options\n"
     "      --verify KEY              run the image only if KEY signed it\n"
     "      --no-userns               without namespaces, where the host has no user namespaces to give\n"
     "      --explain                 print what would be granted and what protects, and run nothing\n"
     "Looking at it\n"
     "      --trace                   print the guest's system calls\n"
     "      --rewrite MODE            which system calls become function calls: cached (the default), hot, all, off\n"
     "      --stats[=FILE]            print counts at the end, or write them as JSON\n"
     "\n"
     "Exit code: the program's own, 128 + its signal, 125 (bartizan failed), 126 (cannot be executed), 127 "
     "(not "
     "found).\n"
     "\n"
     "Examples:\n"
     "  bartizan run python3 -c 'print(6 * 7)'\n"
     "  bartizan run -it bash\n"
     "  bartizan run --here=ro -m 256m --timeout 1m ./untrusted --flag\n"
     "  bartizan run -v $PWD/data:/data:ro -e TOKEN ./app.img\n"},
    {"ps", "Usage: bartizan ps [-a] [--json]\n\nLists sandboxes that run; with -a those that ended too.\n\n"
	   "Examples:\n  bartizan ps -a\n  bartizan ps --json | jq -r '.[].name'\n"},
    {"logs", "Usage: bartizan logs [-f] [--tail N] [--raw] NAME\n       bartizan logs --denied[=grants] NAME\n\nShows what "
	     "a sandbox that was started with -d wrote.  The\n"
	     "log is rotated at 10 MB; one older part is kept.  A terminal gets control characters escaped, "
	     "but with --raw.\n--denied lists what its monitor refused, and the names that it did not find "
	     "because they\nwere not granted; with =grants as options of 'run' that would grant them.  Read them before you add them: a\n"
	     "guest can look for what it likes.\n\n"
	     "Examples:\n  bartizan logs --tail 20 web\n  bartizan logs -f web\n"},
    {"wait",
     "Usage: bartizan wait [--json] NAME...\n\nWaits until sandboxes end and prints their exit codes.\n\n"
     "Example:\n  bartizan wait job\n"},
    {"stop", "Usage: bartizan stop [-t TIME] [--json] NAME...\n\nSends SIGTERM, or the image's stop signal, to a sandbox's first process "
	     "and, 10 s or TIME "
	     "later, kills it.\n\nExample:\n  bartizan stop -t 2s web\n"},
    {"kill", "Usage: bartizan kill [-s SIGNAL] [--json] NAME...\n\nKills sandboxes, or sends a signal to "
	     "their first process.\n\n"
	     "Examples:\n  bartizan kill web\n  bartizan kill -s HUP web\n"},
    {"exec",
     "Usage: bartizan exec [OPTIONS] NAME PROGRAM [ARG...]\n"
     "\n"
     "Runs another program in a running sandbox, beside its first one: a path, or a name on the sandbox's PATH.\n"
     "It gets no grant that the sandbox does not have.\n"
     "\n"
     "  -i, --interactive       pass standard input on; else it reads nothing\n"
     "  -t, --tty               a terminal of its own\n"
     "  -d, --detach            do not wait; what it prints is dropped\n"
     "  -e, --env NAME[=VALUE]  set a variable, beside those of the first program\n"
     "  -w, --workdir DIR       start there, instead of where the first program did\n"
     "  -u, --user USER[:GROUP] whom it believes to be: numbers, or names of the sandbox's /etc/passwd\n"
     "\n"
     "Signals to the command go to the program.  If the command is killed, the program gets SIGHUP (not with -d).\n"
     "Exit code: the program's own, 128 + its signal, 125 (bartizan failed), 126 (cannot be executed), 127 (not "
     "found).\n"
     "\n"
     "Examples:\n"
     "  bartizan exec -it web bash\n"
     "  bartizan exec -u postgres db psql -c 'select 1'\n"},
    {"top", "Usage: bartizan top [--json] NAME\n\nShows what runs in a sandbox: processes, threads, open descriptors, memory and "
	    "processor time, as its\nlibrary OS counts them.  On a terminal again each second, until q; else once.\n\n"
	    "Examples:\n  bartizan top web\n  bartizan top --json web | jq '.processes[].command'\n"},
    {"cp", "Usage: bartizan cp [-a] NAME:PATH HOST\n       bartizan cp [-a] HOST NAME:PATH\n\nCopies a file or a "
	   "directory out of a sandbox or into it, as Docker does: into HOST or\nPATH if that is a directory, "
	   "else to that name; DIRECTORY/. means what is in it.  HOST - is a\ntar on standard output or input.  "
	   "Copies belong to who makes them, or in the sandbox to its\nfirst user; -a keeps the owners.  Links "
	   "are copied as links; devices are not.  Of a sandbox that\nended there is what it wrote to --overlay "
	   "DIR.\n\n"
	   "Examples:\n  bartizan cp web:/var/log/app.log .\n  bartizan cp ./config web:/etc/app/\n"
	   "  bartizan cp web:/srv - | tar tvf -\n"},
    {"rm", "Usage: bartizan rm [-f] [--json] NAME...\n\nForgets sandboxes that ended: record and log.  With "
	   "-f, kills those "
	   "that run.\n\nExample:\n  bartizan rm -f web\n"},
    {"inspect", "Usage: bartizan inspect [--json] [--sites] NAME|IMAGE\n\nShows a sandbox's record as JSON, or what an "
		"image holds and "
		"requests.  With --sites, the system call\ninstructions of an image's files, or of an ELF file: which are "
		"patched, and why the others are not.\n\nExamples:\n  bartizan inspect web\n  bartizan inspect ./app.img\n"
		"  bartizan inspect --sites ./app.img\n"},
    {"images",
     "Usage: bartizan images [--json]\n\nLists the images of your store, $XDG_DATA_HOME/bartizan/images.\n\n"
     "Example:\n  bartizan images --json\n"},
    {"rmi", "Usage: bartizan rmi [--json] NAME...\n\nRemoves images from your store.\n\nExample:\n  bartizan "
	    "rmi old-app\n"},
    {"check", "Usage: bartizan check [--json]\n\nTells what this host supports, and the remedy for what is "
	      "missing.  Exit code 0: "
	      "everything is there;\n1: sandboxes run without some layer or limit; 125: none runs.\n\n"
	      "Example:\n  bartizan check --json | jq -r '.checks[] | select(.state != \"ok\").remedy'\n"},
    {"version", "Usage: bartizan version [--json]\n\nExample:\n  bartizan version\n"},
    {"completion", "Usage: bartizan completion bash|zsh|fish\n\nPrints a completion script.\n\n"
		   "Example:\n  source <(bartizan completion bash)\n"},
};

void help_print(const char *command)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i].command, command))
			fputs(texts[i].text, stdout);
}

int command_help(int argc, char **argv)
{
	if (argc > 1) {
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			if (!strcmp(texts[i].command, argv[1])) {
				fputs(texts[i].text, stdout);
				return 0;
			}
		if (!strcmp(argv[1], "build") || !strcmp(argv[1], "verify") || !strcmp(argv[1], "keygen"))
			files_exec_image((char *[]){argv[1], "--help", NULL});
		if (*argv[1] != '-')
			fail(EXIT_BARTIZAN, "no help for '%s'; see 'bartizan --help'", argv[1]);
	}
	printf("Bartizan runs unmodified Linux programs, each on a library OS of its own, in a sandbox.\n\n"
	       "Usage: bartizan COMMAND [OPTIONS] ...\n\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-11s %s\n", c->name, c->summary);
	printf("\n'bartizan COMMAND --help' tells more.  Examples:\n"
	       "  bartizan run python3 -c 'print(6 * 7)'\n"
	       "  bartizan run -it --here bash\n"
	       "  bartizan build -o app.img ./app && bartizan run ./app.img\n");
	return 0;
}
