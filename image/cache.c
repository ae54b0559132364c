/* See cache.h. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image/cache.h"
#include "image/image.h"

#define SETTLED_SECONDS 2
#define HOSTTEXT_VERSION 2 /* of what the prover finds */

int cache_dir(const char *name, bool make)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[4096];
	struct stat st;
	int fd, n;

	if (base && base[0] == '/')
		n = snprintf(path, sizeof(path), "%s", base);
	else if (home && home[0] == '/')
		n = snprintf(path, sizeof(path), "%s/.cache", home);
	else
		return -1;
	if (n >= (int)(sizeof(path) - sizeof("/bartizan/") - strlen(name)))
		return -1;
	if (make)
		mkdir(path, 0700);
	strcat(path, "/bartizan");
	if (make)
		mkdir(path, 0700);
	strcat(path, "/");
	strcat(path, name);
	if (make)
		mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 077))) {
		close(fd);
		return -1;
	}
	return fd;
}

bool cache_file_ok(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 022);
}

bool cache_settled(const struct stat *st)
{
	struct timespec now;
	int64_t sec, nsec;

	clock_gettime(CLOCK_REALTIME, &now);
	sec = now.tv_sec - st->st_ctim.tv_sec;
	nsec = now.tv_nsec - st->st_ctim.tv_nsec;
	return sec > SETTLED_SECONDS || (sec == SETTLED_SECONDS && nsec >= 0);
}

void hosttext_name(const struct stat *program, char name[HOSTTEXT_NAME])
{
	struct stat none = {0}, cache;
	const struct stat *of[] = {program, stat("/etc/ld.so.cache", &cache) ? &none : &cache};
	uint64_t key[1 + 2 * 7] = {HOSTTEXT_VERSION};
	uint8_t digest[BZ_DIGEST_SIZE];

	for (size_t i = 0; i < 2; i++) {
		uint64_t *k = key + 1 + i * 7;

		k[0] = of[i]->st_dev;
		k[1] = of[i]->st_ino;
		k[2] = (uint64_t)of[i]->st_size;
		k[3] = (uint64_t)of[i]->st_mtim.tv_sec;
		k[4] = (uint64_t)of[i]->st_mtim.tv_nsec;
		k[5] = (uint64_t)of[i]->st_ctim.tv_sec;
		k[6] = (uint64_t)of[i]->st_ctim.tv_nsec;
	}
	sha256(key, sizeof(key), digest);
	for (size_t i = 0; i < (HOSTTEXT_NAME - 1) / 2; i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
}
