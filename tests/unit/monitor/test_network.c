/* Which addresses rules cover: prefixes, ports, and what only a rule of its own covers.  monitor/network.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/server.h"

static struct server server;

static struct bz_address address(const char *text, unsigned int port)
{
	struct bz_address a = {.port = port};

	if (inet_pton(AF_INET, text, a.ip + 12) == 1)
		a.ip[10] = a.ip[11] = 0xff;
	else
		assert_int_equal(inet_pton(AF_INET6, text, a.ip), 1);
	return a;
}

/* bits: of IPv6, or 96 more than those of IPv4 */
static void grant(const char *ip, unsigned int bits, unsigned int scheme, unsigned int first, unsigned int last)
{
	struct bz_address a = address(ip, 0);
	struct net_rule *r = &server.rules[server.rule_count++];

	*r = (struct net_rule){.bits = bits, .scheme = scheme, .first = first, .last = last};
	memcpy(r->ip, a.ip, 16);
}

static bool covered(const char *ip, unsigned int port)
{
	struct bz_address a = address(ip, port);

	return network_judge(&server, BZ_TCP, &a) == 0;
}

static int reset(void **state)
{
	memset(&server, 0, sizeof(server));
	return 0;
}

static void nothing_by_default(void **state)
{
	assert_false(covered("192.0.2.1", 80));
	assert_false(covered("127.0.0.1", 80));
	assert_false(covered("::1", 80));
}

static void one_address_one_port(void **state)
{
	grant("192.0.2.1", 128, BZ_TCP, 443, 443);
	assert_true(covered("192.0.2.1", 443));
	assert_true(covered("::ffff:192.0.2.1", 443));
	assert_false(covered("192.0.2.1", 442));
	assert_false(covered("192.0.2.1", 444));
	assert_false(covered("192.0.2.0", 443));
	assert_false(covered("192.0.2.2", 443));
	assert_false(covered("::192.0.2.1", 443));
	assert_false(covered("64:ff9b::192.0.2.1", 443));
	assert_false(covered("192.0.2.1", 443 + 65536));
	assert_false(covered("192.0.2.1", 0));
}

static void schemes_are_apart(void **state)
{
	struct bz_address a = address("192.0.2.1", 53);

	grant("192.0.2.1", 128, BZ_UDP, 53, 53);
	assert_int_equal(network_judge(&server, BZ_UDP, &a), 0);
	assert_int_equal(network_judge(&server, BZ_TCP, &a), -EACCES);
}

static void prefixes_end_where_they_end(void **state)
{
	grant("198.51.100.128", 96 + 25, BZ_TCP, 1, 65535);
	grant("2001:db8:8000::", 33, BZ_TCP, 80, 90);
	assert_true(covered("198.51.100.128", 1));
	assert_true(covered("198.51.100.255", 65535));
	assert_false(covered("198.51.100.127", 80));
	assert_false(covered("198.51.101.128", 80));
	assert_true(covered("2001:db8:8000::1", 80));
	assert_true(covered("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 90));
	assert_false(covered("2001:db8:7fff::1", 80));
	assert_false(covered("2001:db8:8000::1", 79));
	assert_false(covered("2001:db8:8000::1", 91));
}

static const char *const set_apart[] = {
    "0.0.0.0",	      "0.1.2.3",	     "127.0.0.1",	"127.255.255.255",  "169.254.169.254", "169.254.0.1",
    "100.100.100.200", "168.63.129.16",	     "192.0.0.8",	"192.0.0.192",	    "192.88.99.1",     "224.0.0.1",
    "239.255.255.250", "240.0.0.1",	     "255.255.255.255", "::",		    "::1",	       "::7f00:1",
    "::ffff:127.0.0.1", "64:ff9b::7f00:1",   "64:ff9b:1::1",	"2001::1",	    "2002:7f00:1::",   "fd00:ec2::254",
    "fd20:ce::254",   "fe80::1",	     "febf::1",		"fec0::1",	    "ff02::1"};

static void wide_rules_leave_out(void **state)
{
	grant("::", 0, BZ_TCP, 1, 65535);
	grant("0.0.0.0", 96, BZ_TCP, 1, 65535);
	grant("127.0.0.0", 96 + 8, BZ_TCP, 1, 65535);
	grant("169.254.169.254", 96 + 31, BZ_TCP, 1, 65535);
	for (size_t i = 0; i < sizeof(set_apart) / sizeof(set_apart[0]); i++)
		if (covered(set_apart[i], 80))
			fail_msg("%s is covered", set_apart[i]);
	assert_true(covered("192.0.2.1", 80));
	assert_true(covered("126.255.255.255", 80));
	assert_true(covered("128.0.0.0", 80));
	assert_true(covered("223.255.255.255", 80));
	assert_true(covered("2001:db8::1", 80));
}

static void rules_of_their_own(void **state)
{
	for (size_t i = 0; i < sizeof(set_apart) / sizeof(set_apart[0]); i++)
		grant(set_apart[i], 128, BZ_TCP, 80, 80);
	for (size_t i = 0; i < sizeof(set_apart) / sizeof(set_apart[0]); i++) {
		/* Which the kernel would take for this host. */
		bool none = !strcmp(set_apart[i], "0.0.0.0") || !strcmp(set_apart[i], "::");

		assert_int_equal(covered(set_apart[i], 80), !none);
		assert_false(covered(set_apart[i], 81));
	}
}

/* The address that this host would use towards the outside, if it has one. */
static bool own_address(char text[INET_ADDRSTRLEN])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)}, from;
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool ok;

	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	ok = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 && getsockname(fd, (struct sockaddr *)&from, &len) == 0;
	close(fd);
	return ok && inet_ntop(AF_INET, &from.sin_addr, text, INET_ADDRSTRLEN);
}

static void own_interfaces(void **state)
{
	char own[INET_ADDRSTRLEN];

	if (!own_address(own))
		skip();
	grant("0.0.0.0", 96, BZ_TCP, 1, 65535);
	assert_false(covered(own, 22));
	grant(own, 128, BZ_TCP, 22, 22);
	assert_true(covered(own, 22));
	assert_false(covered(own, 23));
}

static void requests(void **state)
{
	static struct answer answer;
	struct bz_request r = {.op = BZ_REQ_CONNECT, .flags = BZ_TCP, .mode = 80};

	memset(&server, 0, sizeof(server));
	assert_int_equal(server_init(&server, 1), 0);
	for (uint32_t flags = 0; flags < 70000; flags += flags < 10 ? 1 : 9973) {
		r.flags = flags;
		request_serve(&server, &r, sizeof(r), &answer);
		assert_int_equal(answer.reply.result, flags == BZ_TCP || flags == BZ_UDP ? -EACCES : -EINVAL);
		assert_int_equal(answer.fd, -1);
	}
	r.op = BZ_REQ_LISTEN;
	for (r.flags = 0; r.flags < 100; r.flags++) {
		request_serve(&server, &r, sizeof(r), &answer);
		assert_int_equal(answer.reply.result, -EINVAL);
	}
	r.flags = ~0u;
	request_serve(&server, &r, sizeof(r), &answer);
	assert_int_equal(answer.reply.result, -EINVAL);
}

/* A name grants the addresses that its entry has, until their time; never those that a wide rule leaves out. */
static void names(void **state)
{
	static struct bz_host table[BZ_NAMES_MAX];
	const char *const special[] = {"127.0.0.1", "169.254.169.254", "::1", "fe80::1", "10.0.0.1"};
	struct bz_address a;

	server.names = table;
	server.rules[server.rule_count++] = (struct net_rule){.scheme = BZ_TCP, .first = 443, .last = 443, .name = 2};
	assert_false(covered("192.0.2.1", 443));
	a = address("192.0.2.1", 0);
	memcpy(table[1].addresses[63].ip, a.ip, 16);
	table[1].addresses[63].until = INT64_MAX;
	assert_true(covered("192.0.2.1", 443));
	assert_false(covered("192.0.2.1", 444));
	assert_false(covered("192.0.2.2", 443));
	assert_false(covered("::192.0.2.1", 443));
	table[1].addresses[63].until = 1;
	assert_false(covered("192.0.2.1", 443));
	memcpy(table[0].addresses[0].ip, a.ip, 16); /* another name's */
	table[0].addresses[0].until = INT64_MAX;
	assert_false(covered("192.0.2.1", 443));
	for (size_t i = 0; i < 5; i++) {
		a = address(special[i], 0);
		memcpy(table[1].addresses[i].ip, a.ip, 16);
		table[1].addresses[i].until = INT64_MAX;
		assert_int_equal(covered(special[i], 443), i == 4);
	}
	server.names = NULL;
	assert_false(covered("10.0.0.1", 443));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(nothing_by_default, reset),
	    cmocka_unit_test_setup(one_address_one_port, reset),
	    cmocka_unit_test_setup(schemes_are_apart, reset),
	    cmocka_unit_test_setup(prefixes_end_where_they_end, reset),
	    cmocka_unit_test_setup(wide_rules_leave_out, reset),
	    cmocka_unit_test_setup(rules_of_their_own, reset),
	    cmocka_unit_test_setup(own_interfaces, reset),
	    cmocka_unit_test_setup(names, reset),
	    cmocka_unit_test_setup(requests, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
