/* The thread of a request, and its stream.  Owns the count of those that run. */
#include "libos/ask/ask.h"
#include "libos/proc/proc.h"

#define ASKS_MAX 24 /* a session of `exec` has two */

static u32 running;

struct asking {
	struct service service;
	struct ask ask;
};

static int ask_move(struct ask *a, bool write, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct bz_iov iov = {(char *)buf + done, n - done};
		i64 ret = write ? host->stream_write(a->stream, &iov, 1, BZ_OFFSET_NONE, 0) :
				  host->stream_read(a->stream, &iov, 1, BZ_OFFSET_NONE, 0);

		if (ret == -EINTR) {
			WRITE_ONCE(current_tcb()->interrupted, 0);
			continue;
		}
		if (ret <= 0)
			return ASK_BROKEN;
		done += ret;
	}
	return 0;
}

int ask_read(struct ask *a, void *buf, size_t n)
{
	return ask_move(a, false, buf, n);
}

int ask_write(struct ask *a, const void *buf, size_t n)
{
	return ask_move(a, true, (void *)buf, n);
}

int ask_answer(struct ask *a, int error, u32 mode)
{
	struct bz_answer answer = {.error = error, .mode = mode};

	return ask_write(a, &answer, sizeof(answer));
}

static bool has_buffers(struct ask *a)
{
	a->name = kmalloc(NAME_SIZE + PATH_SIZE + BUF_SIZE);
	if (!a->name)
		return false;
	a->path = a->name + NAME_SIZE;
	a->buf = a->path + PATH_SIZE;
	return true;
}

static void serve_files(struct ask *a)
{
	if (!has_buffers(a))
		ask_answer(a, -ENOMEM, 0);
	else if (a->what.op == BZ_ASK_GET)
		ask_get(a);
	else
		ask_put(a);
	kfree(a->name);
}

static void serve_what(struct ask *a)
{
	a->what.path[sizeof(a->what.path) - 1] = 0;
	switch (a->what.op) {
	case BZ_ASK_GET:
	case BZ_ASK_PUT:
		serve_files(a);
		break;
	case BZ_ASK_EXEC:
		ask_exec(a);
		break;
	case BZ_ASK_STREAM:
		ask_stream(a);
		break;
	case BZ_ASK_TOP:
		ask_top(a);
		break;
	default:
		ask_answer(a, -EINVAL, 0);
	}
}

static void serve_one(void *arg)
{
	struct asking *s = arg;
	struct ask *a = &s->ask;

	if (!ask_read(a, &a->what, sizeof(a->what)))
		serve_what(a);
	if (a->stream >= 0)
		host->stream_close(a->stream, 0);
	kfree(s);
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	host->thread_exit(NULL);
}

void ask_serve(void)
{
	struct bz_name name = {.scheme = BZ_ASK};
	bz_stream stream = host->stream_open(&name, 0, 0, NULL, NULL);
	struct asking *s;

	if (stream < 0)
		return;
	s = READ_ONCE(running) < ASKS_MAX ? kzalloc(sizeof(*s)) : NULL;
	if (!s) {
		host->stream_close(stream, 0);
		return;
	}
	s->service = (struct service){.magic = SERVICE_MAGIC, .run = serve_one, .arg = s};
	s->ask.stream = stream;
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	if (host->thread_create(&s->service) < 0) {
		__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
		host->stream_close(stream, 0);
		kfree(s);
	}
}
