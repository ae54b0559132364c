/*
 * run --explain: what is requested, what is granted and by whom, which layers and limits would be in force
 * and by which means.  Nothing runs.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "cli/host.h"
#include "cli/run.h"
#include "monitor/escape.h"

#define ETC_WIDTH 76

static const char *shown(const char *text)
{
	static char escaped[4][1024]; /* several in one line */
	static unsigned int next;
	char *out = escaped[next++ % 4];

	escape_text(out, sizeof(escaped[0]), text, strlen(text), 0);
	return out;
}

static void print_program(const struct run *r)
{
	static const char *const kinds[] = {[PROGRAM_HOST] = "a program of this host",
					    [PROGRAM_IMAGE] = "an image",
					    [PROGRAM_ROOTFS] = "a program of a root directory"};

	printf("Program: %s, %s\n", shown(r->program.host_path ? r->program.host_path : r->program.exe),
	       kinds[r->program.kind]);
	printf("Command:");
	for (size_t i = 0; i < r->argv.count; i++)
		printf(" %s", shown(r->argv.item[i]));
	if (r->spec.user)
		printf("\nRuns as: user %s of the guest's /etc/passwd", shown(r->spec.user));
	else
		printf("\nRuns as: uid %u, gid %u of the guest", r->spec.uid, r->spec.gid);
	printf("; directory %s; host name %s\n", shown(r->spec.cwd ? r->spec.cwd : "/"), shown(r->spec.hostname));
}

static bool operators(const struct run_options *o, const struct sandbox_mount *m)
{
	for (size_t i = 0; i < o->volume_count; i++)
		if (m->host_path == o->volumes[i].host)
			return true;
	return (m->host_path && !strcmp(m->host_path, ".")) || (o->overlay && m->host_path == o->overlay) ||
	       (o->rootfs && m->host_path == o->rootfs);
}

static const char *access_of(const struct sandbox_mount *m)
{
	if (m->flags & BZ_MOUNT_UPPER)
		return "read-write, takes what the guest writes to its root";
	if (m->flags & BZ_MOUNT_OVERLAY)
		return "read-only; what the guest writes is its own and is lost";
	return m->flags & BZ_MOUNT_READONLY ? "read-only" : "read-write";
}

static void print_network(const struct run *r)
{
	const struct net_option *n = &r->options.net;

	if (!n->rule_count && !n->port_count)
		printf("  network                      none\n");
	for (size_t i = 0; i < n->port_count; i++)
		if (n->ports[i].scheme == BZ_UNIX)
			printf("  %-28s %s: a socket of this host; whoever serves it does what the guest asks (by the operator)\n",
			       shown(n->port_paths[i]), shown(n->host_paths[i]));
		else
			printf("  network                      %s leads to the guest's port %u%s\n",
		       network_show_address(&n->ports[i].host), n->ports[i].guest, n->ports[i].scheme == BZ_UDP ? "/udp" : "");
	for (size_t i = 0; i < n->rule_count; i++)
		printf("  network                      connect to %s\n", network_show_rule(n, &n->rules[i]));
}

/* What a program of the host sees of /etc by default: many files, which nobody reads one a line. */
static bool default_of_etc(const struct run *r, const struct sandbox_mount *m)
{
	return m->fd >= 0 && m->flags & BZ_MOUNT_READONLY && m->host_path && !strncmp(m->guest_path, "/etc/", 5) &&
	       !strcmp(m->guest_path, m->host_path) && !operators(&r->options, m);
}

static size_t component(const char *path)
{
	return strcspn(path, "/");
}

/* Where the folder or file of /etc that mount i lies in is seen for the first time: how many lie in it, else 0. */
static size_t count_of_component(const struct run *r, size_t i)
{
	const struct sandbox_mount *all = r->view.mounts;
	const char *name = all[i].guest_path + 5;
	size_t n = component(name) + 5, count = 0;

	for (size_t k = 0; k < r->view.count; k++) {
		const char *other = all[k].guest_path;

		if (!default_of_etc(r, &all[k]) || strncmp(other, all[i].guest_path, n) != 0 || component(other + 5) + 5 != n)
			continue;
		if (k < i)
			return 0;
		count++;
	}
	return count;
}

static void print_etc(const struct run *r)
{
	int column = ETC_WIDTH;
	bool first = true;

	for (size_t i = 0; i < r->view.count; i++) {
		const struct sandbox_mount *m = &r->view.mounts[i];
		size_t count = default_of_etc(r, m) ? count_of_component(r, i) : 0;
		const char *name = m->guest_path + 5;
		char text[300];
		int len;

		if (!count)
			continue;
		if (count == 1)
			len = snprintf(text, sizeof(text), "%s", shown(name));
		else
			len = snprintf(text, sizeof(text), "%.*s (%zu files)", (int)component(name), shown(name), count);
		if (first)
			printf("  %-28s of it just these, read-only (by default, for programs of this host):", "/etc");
		else
			putchar(',');
		column += len + 2;
		if (column > ETC_WIDTH) {
			printf("\n  %-28s", "");
			column = len;
		}
		printf(" %s", text);
		first = false;
	}
	if (!first)
		putchar('\n');
}

static void print_grants(const struct run *r)
{
	printf("Granted:\n");
	for (size_t i = 0; i < r->view.count; i++) {
		const struct sandbox_mount *m = &r->view.mounts[i];

		if (m->fd < 0 || default_of_etc(r, m))
			continue;
		printf("  %-28s", shown(m->guest_path));
		printf(" %s: %s (by %s)\n", shown(m->host_path ? m->host_path : ""), access_of(m),
		       operators(&r->options, m)
			   ? (r->options.policy ? "the operator or his policy" : "the operator")
			   : "default, for programs of this host");
	}
	print_etc(r);
	for (size_t i = 0; i < r->view.count; i++)
		if (r->view.mounts[i].flags & BZ_MOUNT_TMPFS)
			printf("  %-28s empty, in memory\n", shown(r->view.mounts[i].guest_path));
	print_network(r);
	printf("  standard streams             %s\n", r->options.detach ? "output to the log"
						      : r->options.tty	? "a console of its own"
									: "those of this command");
}

static void print_requests(const struct run *r)
{
	const struct bartizan_manifest *m = &r->image.manifest;

	if (r->program.kind != PROGRAM_IMAGE)
		return;
	printf("Requested by the image's manifest (a request grants nothing):\n");
	for (uint32_t i = 0; i < m->volumes.count; i++) {
		printf("  volume %s, %s", shown(m->volumes.item[i].name),
		       m->volumes.item[i].write ? "rw" : "ro");
		printf(": %s\n", shown(m->volumes.item[i].why));
	}
	for (uint32_t i = 0; i < m->ports.count; i++)
		printf("  listen on port %u: %s\n", m->ports.item[i].port, shown(m->ports.item[i].why));
	for (uint32_t i = 0; i < m->outbound.count; i++) {
		printf("  connect to %s", shown(m->outbound.item[i].name));
		printf(" port %u: %s\n", m->outbound.item[i].port, shown(m->outbound.item[i].why));
	}
	if (!m->volumes.count && !m->ports.count && !m->outbound.count)
		printf("  nothing\n");
	printf("  signed: %s\n", !image_is_signed(&r->image) ? "no"
				 : r->options.verify	     ? "yes, and verified with the key given"
							     : "yes, not verified (--verify KEY)");
}

int explain(struct run *r)
{
	static const char *const words[] = {[LAYER_ON] = "on", [LAYER_LOST] = "LOST", [LAYER_WEAK] = "weak"};
	struct layer layers[64];
	size_t count;

	if (r->solo5) {
		solo5_explain(r);
	} else {
		print_program(r);
		print_requests(r);
		print_grants(r);
	}
	count = sandbox_explain(&r->spec, layers, sizeof(layers) / sizeof(layers[0]));
	printf("In force on this host:\n");
	for (size_t i = 0; i < count; i++)
		printf("  %-5s %-28s %s\n", words[layers[i].state], layers[i].name, layers[i].means);
	printf("One sandbox is one security domain: users and modes inside it protect nothing from each "
	       "other.\n");
	return 0;
}
