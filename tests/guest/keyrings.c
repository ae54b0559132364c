/* keyrings(7): keys and keyrings of threads, processes, sessions and users; who may do what; quotas; how keys end. */
#include "check.h"
#include <linux/keyctl.h>
#include <sys/wait.h>

static long keyctl(int cmd, long a, long b, long c, long d)
{
	return syscall(SYS_keyctl, cmd, a, b, c, d);
}

static long add(const char *type, const char *desc, const void *data, size_t n, int ring)
{
	return syscall(SYS_add_key, type, desc, data, n, ring);
}

static long request(const char *type, const char *desc, const char *info, int ring)
{
	return syscall(SYS_request_key, type, desc, info, ring);
}

static char buf[4096];

static void payloads(void)
{
	long k = add("user", "name", "payload", 7, KEY_SPEC_PROCESS_KEYRING), again;
	char text[128];

	CHECK(k > 0);
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(keyctl(KEYCTL_READ, k, (long)buf, 4, 0), 7);
	CHECK_EQ(buf[4], 'x');
	CHECK_EQ(keyctl(KEYCTL_READ, k, (long)buf, sizeof(buf), 0), 7);
	CHECK(!memcmp(buf, "payload", 7));
	again = add("user", "name", "other", 5, KEY_SPEC_PROCESS_KEYRING);
	CHECK_EQ(again, k);
	CHECK_EQ(keyctl(KEYCTL_READ, k, (long)buf, sizeof(buf), 0), 5);
	CHECK(!keyctl(KEYCTL_UPDATE, k, (long)"third", 5, 0));
	snprintf(text, sizeof(text), "user;%d;%d;3f010000;name", geteuid(), getegid());
	CHECK_EQ(keyctl(KEYCTL_DESCRIBE, k, (long)buf, sizeof(buf), 0), strlen(text) + 1);
	CHECK_STR(buf, text);
	CHECK_ERRNO(add("user", "name", "", 0, KEY_SPEC_PROCESS_KEYRING), EINVAL);
	CHECK_ERRNO(add("user", "big", buf, 32768, KEY_SPEC_PROCESS_KEYRING), EFAULT);
	CHECK_ERRNO(add("user", "name", NULL, 7, KEY_SPEC_PROCESS_KEYRING), EFAULT);
	CHECK_ERRNO(add("user", "", "x", 1, KEY_SPEC_PROCESS_KEYRING), EINVAL);
	CHECK_ERRNO(add("no such type", "name", "x", 1, KEY_SPEC_PROCESS_KEYRING), ENODEV);
	CHECK_ERRNO(add(".type", "name", "x", 1, KEY_SPEC_PROCESS_KEYRING), EPERM);
	CHECK_ERRNO(add("keyring", ".name", NULL, 0, KEY_SPEC_PROCESS_KEYRING), EPERM);
	CHECK_ERRNO(add("keyring", "name", "x", 1, KEY_SPEC_PROCESS_KEYRING), EINVAL);
	CHECK_ERRNO(add("user", "name", "x", 1, k), ENOTDIR);
	CHECK_ERRNO(add("user", "name", "x", 1, 0), EINVAL);
	/* A logon's name has a prefix, and nobody reads it. */
	CHECK_ERRNO(add("logon", "name", "x", 1, KEY_SPEC_PROCESS_KEYRING), EINVAL);
	k = add("logon", "my:name", "x", 1, KEY_SPEC_PROCESS_KEYRING);
	CHECK(k > 0);
	CHECK_ERRNO(keyctl(KEYCTL_READ, k, (long)buf, sizeof(buf), 0), EOPNOTSUPP);
}

static void rings(void)
{
	long a = add("keyring", "a", NULL, 0, KEY_SPEC_PROCESS_KEYRING), b = add("keyring", "b", NULL, 0, a), k, ids[4] = {0};

	CHECK(a > 0 && b > 0);
	CHECK((k = add("user", "deep", "x", 1, b)) > 0);
	CHECK_EQ(keyctl(KEYCTL_SEARCH, a, (long)"user", (long)"deep", 0), k);
	CHECK_EQ(request("user", "deep", NULL, 0), k);
	CHECK_ERRNO(keyctl(KEYCTL_SEARCH, a, (long)"user", (long)"none", 0), ENOKEY);
	CHECK_ERRNO(keyctl(KEYCTL_SEARCH, k, (long)"user", (long)"deep", 0), ENOTDIR);
	CHECK_ERRNO(keyctl(KEYCTL_LINK, a, b, 0, 0), EDEADLK);
	CHECK(!keyctl(KEYCTL_LINK, k, a, 0, 0));
	CHECK_EQ(keyctl(KEYCTL_READ, a, (long)ids, sizeof(ids), 0), 8);
	CHECK(!keyctl(KEYCTL_UNLINK, k, a, 0, 0));
	CHECK_ERRNO(keyctl(KEYCTL_UNLINK, k, a, 0, 0), ENOENT);
	CHECK(!keyctl(KEYCTL_MOVE, k, b, a, 0));
	CHECK_EQ(keyctl(KEYCTL_READ, b, 0, 0, 0), 0);
	CHECK(!keyctl(KEYCTL_CLEAR, a, 0, 0, 0));
	/* Nobody uses it any more; natively it takes a while until it is gone. */
	CHECK(keyctl(KEYCTL_READ, k, 0, 0, 0) == -1 && (errno == ENOKEY || errno == EACCES));
	CHECK(keyctl(KEYCTL_CLEAR, b, 0, 0, 0) == -1 && (errno == ENOKEY || errno == EACCES));
	CHECK(!keyctl(KEYCTL_RESTRICT_KEYRING, a, 0, 0, 0));
	CHECK_ERRNO(add("user", "late", "x", 1, a), EPERM);
}

static void ends(void)
{
	long k = add("user", "ends", "x", 1, KEY_SPEC_PROCESS_KEYRING), fresh;

	CHECK(!keyctl(KEYCTL_REVOKE, k, 0, 0, 0));
	CHECK_ERRNO(keyctl(KEYCTL_READ, k, (long)buf, 1, 0), EKEYREVOKED);
	CHECK_ERRNO(request("user", "ends", NULL, k), EKEYREVOKED);
	CHECK_ERRNO(request("user", "ends", NULL, 0), ENOKEY);
	fresh = add("user", "ends", "x", 1, KEY_SPEC_PROCESS_KEYRING);
	CHECK(fresh > 0 && fresh != k);
	CHECK(!keyctl(KEYCTL_SET_TIMEOUT, fresh, 1, 0, 0));
	sleep_ms(1200);
	CHECK_ERRNO(keyctl(KEYCTL_READ, fresh, (long)buf, 1, 0), EKEYEXPIRED);
	CHECK_EQ(add("user", "ends", "y", 1, KEY_SPEC_PROCESS_KEYRING), fresh);
	CHECK_EQ(keyctl(KEYCTL_READ, fresh, (long)buf, 1, 0), 1);
	CHECK(!keyctl(KEYCTL_INVALIDATE, fresh, 0, 0, 0));
	CHECK_ERRNO(keyctl(KEYCTL_DESCRIBE, fresh, 0, 0, 0), ENOKEY);
}

static void rights(void)
{
	long k = add("user", "mine", "x", 1, KEY_SPEC_PROCESS_KEYRING);
	int status;

	CHECK(!keyctl(KEYCTL_SETPERM, k, 0x3b010000, 0, 0));	/* the possessor may not write */
	CHECK_ERRNO(keyctl(KEYCTL_UPDATE, k, (long)"y", 1, 0), EACCES);
	CHECK_ERRNO(add("user", "mine", "y", 1, KEY_SPEC_PROCESS_KEYRING), EACCES);
	CHECK_ERRNO(keyctl(KEYCTL_SETPERM, k, 0x7f000000, 0, 0), EINVAL);
	/* A child does not possess what is its parent's own; it may look as the owner. */
	if (!fork()) {
		CHECK_EQ(keyctl(KEYCTL_DESCRIBE, k, 0, 0, 0) > 0, 1);
		CHECK_ERRNO(keyctl(KEYCTL_READ, k, (long)buf, 1, 0), EACCES);
		CHECK_ERRNO(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0), ENOKEY);
		_exit(17);
	}
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 17);
}

static void sessions(void)
{
	long first = keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0), k, second;
	int status;

	CHECK(first > 0);
	CHECK_EQ(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0), first);
	CHECK((k = add("user", "of the session", "x", 1, KEY_SPEC_SESSION_KEYRING)) > 0);
	if (!fork()) {
		CHECK_EQ(keyctl(KEYCTL_READ, k, (long)buf, 1, 0), 1);
		CHECK(keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) > 0);
		CHECK_ERRNO(request("user", "of the session", NULL, 0), ENOKEY);
		_exit(17);
	}
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 17);
	second = keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)"named", 0, 0, 0);
	CHECK(second > 0 && second != first);
	CHECK(keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)"named", 0, 0, 0) != second);	/* it cannot be found */
	second = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
	CHECK(!keyctl(KEYCTL_SETPERM, second, 0x3f3f0000, 0, 0));
	CHECK_EQ(keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)"named", 0, 0, 0), 0);	/* it is there already */
	CHECK_EQ(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0), second);
	CHECK_ERRNO(keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)".builtin", 0, 0, 0), EPERM);
	CHECK(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0, 0, 0) > 0);
}

static void requests(void)
{
	long old = keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_THREAD_KEYRING, 0, 0, 0);
	int id = 0;

	CHECK_EQ(old, KEY_REQKEY_DEFL_DEFAULT);
	CHECK_EQ(keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE, 0, 0, 0), KEY_REQKEY_DEFL_THREAD_KEYRING);
	CHECK_ERRNO(keyctl(KEYCTL_SET_REQKEY_KEYRING, 99, 0, 0, 0), EINVAL);
	CHECK_ERRNO(request("user", "unknown", NULL, 0), ENOKEY);
	if (access("/sbin/request-key", F_OK)) {
		/* Nobody makes keys: that is remembered in the keyring. */
		CHECK_ERRNO(request("user", "unknown", "how", 0), ENOENT);
		CHECK_EQ(keyctl(KEYCTL_READ, KEY_SPEC_THREAD_KEYRING, (long)&id, 4, 0), 4);
		CHECK_ERRNO(keyctl(KEYCTL_READ, id, (long)buf, 1, 0), ENOKEY);
		CHECK_ERRNO(request("user", "unknown", "how", 0), ENOKEY);
		CHECK_EQ(add("user", "unknown", "x", 1, KEY_SPEC_THREAD_KEYRING), id);
		CHECK_EQ(request("user", "unknown", NULL, 0), id);
	}
	CHECK_ERRNO(request((char *)8, "x", NULL, 0), EFAULT);
	CHECK_ERRNO(keyctl(KEYCTL_INSTANTIATE, 1, 0, 0, 0), EPERM);
	CHECK_ERRNO(keyctl(77, 1, 0, 0, 0), EOPNOTSUPP);
}

static void quotas(void)
{
	int status, made = 0;

	if (geteuid())
		return;
	if (!fork()) {
		CHECK(!setuid(60000 + getpid() % 5000));
		while (made < 300 && add("user", (snprintf(buf, 16, "k%d", made), buf), "x", 1, KEY_SPEC_PROCESS_KEYRING) > 0)
			made++;
		CHECK_EQ(errno, EDQUOT);
		CHECK(made > 150 && made < 200);	/* with their keyring 200 */
		_exit(17);
	}
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 17);
}

int main(void)
{
	if (keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0) < 0 && errno == ENOSYS)
		skip("a kernel without keys");
	CHECK(keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) > 0);	/* whatever it was in */
	payloads();
	rings();
	ends();
	rights();
	sessions();
	requests();
	quotas();
	return 0;
}
