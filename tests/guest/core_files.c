/* A core file: written where RLIMIT_CORE lets it, told by the wait status, and what it holds. */
#include "check.h"
#include <elf.h>
#include <sys/procfs.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char *secret, *left_out, *readable;
static volatile int ready;

static void limit(rlim_t n)
{
	struct rlimit r = {n, RLIM_INFINITY};

	if (setrlimit(RLIMIT_CORE, &r))
		skip("RLIMIT_CORE cannot be raised");
}

static void *waits(void *arg)
{
	ready = 1;
	for (;;)
		pause();
	return arg;
}

static void dies(int sig)
{
	pthread_t t;

	strcpy(secret, "found in the core file");
	strcpy(left_out, "not to be found there, ever");
	CHECK_OK(pthread_create(&t, NULL, waits, NULL));
	WAIT_FOR(ready);
	sleep_ms(50);
	if (sig == SIGSEGV)
		*(volatile int *)16 = 1;
	raise(sig);
}

static int child(int sig, int *pid)
{
	int status;

	*pid = fork();
	CHECK(*pid >= 0);
	if (!*pid) {
		dies(sig);
		_exit(0);
	}
	CHECK_EQ(waitpid(*pid, &status, 0), *pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), sig);
	return status;
}

static char *load(const char *name, size_t *size)
{
	int fd = open(name, O_RDONLY);
	char *core;

	CHECK(fd >= 0);
	*size = file_size(fd);
	core = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(core != MAP_FAILED);
	close(fd);
	return core;
}

/* What the file holds of this address, or null. */
static char *memory_at(char *core, void *addr)
{
	Elf64_Ehdr *e = (void *)core;
	Elf64_Phdr *ph = (void *)(core + e->e_phoff);

	for (int i = 0; i < e->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && (uintptr_t)addr - ph[i].p_vaddr < ph[i].p_filesz)
			return core + ph[i].p_offset + ((uintptr_t)addr - ph[i].p_vaddr);
	return NULL;
}

static void look(char *core, size_t size, int pid, int sig)
{
	Elf64_Ehdr *e = (void *)core;
	Elf64_Phdr *ph = (void *)(core + e->e_phoff);
	int threads = 0, kinds = 0;
	char *at;

	CHECK(size > sizeof(*e) && !memcmp(e->e_ident, ELFMAG, SELFMAG));
	CHECK_EQ(e->e_type, ET_CORE);
	CHECK_EQ(ph->p_type, PT_NOTE);
	for (at = core + ph->p_offset; at < core + ph->p_offset + ph->p_filesz;) {
		Elf64_Nhdr *n = (void *)at;
		char *data = at + sizeof(*n) + ((n->n_namesz + 3) & ~3u);

		if (n->n_type == NT_PRSTATUS) {
			struct elf_prstatus *s = (void *)data;

			CHECK_EQ(n->n_descsz, sizeof(*s));
			if (!threads++) {
				CHECK_EQ(s->pr_pid, pid);
				CHECK_EQ(s->pr_cursig, sig);
			}
			CHECK(s->pr_reg[16] && s->pr_reg[19]); /* rip, rsp */
			kinds |= 1;
		} else if (n->n_type == NT_PRPSINFO) {
			struct elf_prpsinfo *p = (void *)data;

			CHECK_EQ(n->n_descsz, sizeof(*p));
			CHECK(!strncmp(p->pr_fname, "core_files", 10) || p->pr_fname[0]);
			CHECK_EQ(p->pr_pid, pid);
			kinds |= 2;
		} else if (n->n_type == NT_SIGINFO) {
			CHECK_EQ(((siginfo_t *)data)->si_signo, sig);
			kinds |= 4;
		} else if (n->n_type == NT_AUXV) {
			kinds |= 8;
		} else if (n->n_type == NT_FILE) {
			kinds |= 16;
		} else if (n->n_type == NT_FPREGSET) {
			CHECK_EQ(n->n_descsz, 512);
			kinds |= 32;
		}
		at = data + ((n->n_descsz + 3) & ~3u);
	}
	CHECK_EQ(kinds, 63);
	CHECK_EQ(threads, 2);
	CHECK_STR(memory_at(core, secret), "found in the core file");
	CHECK(!memory_at(core, left_out));
	CHECK(memory_at(core, readable));
}

int main(void)
{
	char pattern[256] = "", filter[32] = "";
	int pid, fd, named;
	struct rlimit r;
	char *core;
	size_t size;

	CHECK(!getrlimit(RLIMIT_CORE, &r));
	if (r.rlim_max != RLIM_INFINITY)
		skip("RLIMIT_CORE is limited");
	secret = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	readable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	left_out = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(!madvise(left_out, 4096, MADV_DONTDUMP));
	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	CHECK(fd >= 0 && read(fd, pattern, sizeof(pattern) - 1) > 0);
	close(fd);
	fd = open("/proc/self/coredump_filter", O_RDONLY);
	CHECK(fd >= 0 && read(fd, filter, sizeof(filter) - 1) > 0);
	close(fd);
	CHECK_EQ(strtol(filter, NULL, 16), 0x33);
	named = !strcmp(pattern, "core\n");

	/* Signals that dump do, others do not, and without a limit's leave nobody does. */
	if (pattern[0] != '|') {
		limit(0);
		CHECK(!WCOREDUMP(child(SIGQUIT, &pid)));
	}
	CHECK(!named || access("core", F_OK));
	limit(RLIM_INFINITY);
	CHECK(!WCOREDUMP(child(SIGTERM, &pid)));
	CHECK(!WCOREDUMP(child(SIGKILL, &pid)));
	CHECK(WCOREDUMP(child(SIGABRT, &pid)));
	if (!named)
		return 0; /* it went elsewhere */
	core = load("core", &size);
	look(core, size, pid, SIGABRT);
	CHECK(!munmap(core, size));
	CHECK(!unlink("core"));
	CHECK(WCOREDUMP(child(SIGSEGV, &pid)));
	core = load("core", &size);
	look(core, size, pid, SIGSEGV);
	CHECK(!munmap(core, size));

	/* No more than the limit; and who is not to be looked at leaves none. */
	limit(8192);
	CHECK(WCOREDUMP(child(SIGABRT, &pid)));
	fd = open("core", O_RDONLY);
	CHECK(fd >= 0 && file_size(fd) <= 8192);
	close(fd);
	limit(RLIM_INFINITY);
	CHECK(!unlink("core"));
	CHECK(!prctl(PR_SET_DUMPABLE, 0));
	CHECK(!WCOREDUMP(child(SIGABRT, &pid)));
	CHECK(access("core", F_OK));
	return 0;
}
