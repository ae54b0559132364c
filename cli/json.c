#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "monitor/monitor.h"

#define TEXT_MAX (1 << 20)
#define DEPTH_MAX 32

static const jsmntok_t *tok(const struct json *j, int value)
{
	return (const jsmntok_t *)j->token + value;
}

static int line_of(const struct json *j, int at)
{
	int line = 1;

	for (int i = 0; i < at && j->text[i]; i++)
		line += j->text[i] == '\n';
	return line;
}

static bool is_literal(const char *text, int len)
{
	return (len == 4 && (!memcmp(text, "true", 4) || !memcmp(text, "null", 4))) ||
	       (len == 5 && !memcmp(text, "false", 5));
}

/* A number as RFC 8259 has it: what strtod takes, without its hexadecimal, infinite and padded forms. */
static bool is_number(const char *text, int len)
{
	const char *digits = text + (*text == '-');
	int left = len - (int)(digits - text);

	if (left < 1 || *digits < '0' || *digits > '9' || (left > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'))
		return false;
	return (int)strspn(text, "0123456789+-.eE") >= len;
}

/* Between two tokens stands exactly this separator (or, with 0, nothing) and white space; closing brackets and
 * quotes belong to the tokens before. */
static bool separated(const struct json *j, int from, int to, char separator)
{
	int seen = 0;

	for (int i = from; i < to; i++) {
		char c = j->text[i];

		if (separator && c == separator)
			seen++;
		else if (!strchr(" \t\r\n\"]}", c))
			return false;
	}
	return seen == (separator ? 1 : 0);
}

static int end_with_quote(const jsmntok_t *t)
{
	return t->end + (t->type == JSMN_STRING);
}

static int start_with_quote(const jsmntok_t *t)
{
	return t->start - (t->type == JSMN_STRING);
}

/* The elements (or keys) of one container, and a comma between each two; keys with a colon, a value, no twin. */
static int check_container(const struct json *j, int container)
{
	int before = -1;

	for (int e = json_first(j, container); e >= 0; e = json_after(j, container, e)) {
		const jsmntok_t *t = tok(j, e);
		int last = e;

		if (before >= 0 && !separated(j, before, start_with_quote(t), ','))
			return line_of(j, t->start);
		if (tok(j, container)->type == JSMN_OBJECT) {
			if (t->type != JSMN_STRING || t->size != 1 || json_get(j, container, json_string(j, e)) != e + 1 ||
			    !separated(j, end_with_quote(t), start_with_quote(t + 1), ':'))
				return line_of(j, t->start);
			last = e + 1;
		} else if (t->type == JSMN_STRING && t->size) {
			return line_of(j, t->start);
		}
		before = end_with_quote(tok(j, last));
	}
	return before < 0 || separated(j, before, tok(j, container)->end, 0) ? 0 : line_of(j, before);
}

static int check(const struct json *j)
{
	for (int i = 0; i < j->count; i++) {
		const jsmntok_t *t = tok(j, i);
		const char *text = j->text + t->start;
		int len = t->end - t->start, line = 0;

		if (t->type == JSMN_PRIMITIVE && !is_literal(text, len) && !is_number(text, len))
			return line_of(j, t->start);
		if (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY)
			line = check_container(j, i);
		if (line)
			return line;
	}
	return strspn(j->text + end_with_quote(tok(j, 0)), " \t\r\n") == strlen(j->text + end_with_quote(tok(j, 0)))
		       ? 0
		       : line_of(j, tok(j, 0)->end);
}

static int read_text(struct json *j, int fd)
{
	size_t len = 0;
	ssize_t n;

	j->text = must_alloc(TEXT_MAX + 1);
	while (len < TEXT_MAX && (n = read(fd, j->text + len, TEXT_MAX - len)) != 0)
		if (n > 0)
			len += n;
		else if (errno != EINTR)
			return -errno;
	j->text[len] = 0;
	return len == TEXT_MAX ? -EFBIG : 0;
}

/* What no policy and no record needs: the checks walk a container once for each that holds it.  0, or the line. */
static int nested_too_deep(const struct json *j)
{
	int depth = 0;
	bool quoted = false;

	for (const char *at = j->text; *at; at++) {
		if (quoted && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && (*at == '[' || *at == '{') && ++depth > DEPTH_MAX)
			return line_of(j, at - j->text);
		else if (!quoted && (*at == ']' || *at == '}'))
			depth--;
	}
	return 0;
}

int json_read(struct json *j, int fd)
{
	jsmn_parser parser;
	int status = read_text(j, fd);

	if (!status)
		status = nested_too_deep(j);
	if (status)
		return status;
	jsmn_init(&parser);
	j->count = jsmn_parse(&parser, j->text, strlen(j->text), NULL, 0);
	if (j->count <= 0)
		return line_of(j, parser.pos);
	j->token = must_alloc(j->count * sizeof(jsmntok_t));
	jsmn_init(&parser);
	j->count = jsmn_parse(&parser, j->text, strlen(j->text), j->token, j->count);
	/* Some mistakes it sees only with room for the tokens. */
	return j->count > 0 ? check(j) : line_of(j, parser.pos);
}

bool json_is_object(const struct json *j, int value)
{
	return value >= 0 && tok(j, value)->type == JSMN_OBJECT;
}

bool json_is_array(const struct json *j, int value)
{
	return value >= 0 && tok(j, value)->type == JSMN_ARRAY;
}

static unsigned hex4(const char *digits)
{
	char word[5] = {0};

	memcpy(word, digits, 4);
	return strtoul(word, NULL, 16);
}

static char *put_utf8(char *out, unsigned c)
{
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

	*out++ = (char[]){0, 0xc0, 0xe0, 0xf0}[more] | c >> 6 * more;
	while (more--)
		*out++ = 0x80 | (c >> 6 * more & 0x3f);
	return out;
}

/* One escape, which jsmn has seen to be whole; returns what follows it. */
static const char *decode_escape(const char *at, const char *end, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned c;

	if (at[1] != 'u') {
		*(*out)++ = to[strchr(from, at[1]) - from];
		return at + 2;
	}
	c = hex4(at + 2);
	at += 6;
	if (c >> 10 == 0xd800 >> 10 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' && hex4(at + 2) >> 10 == 0xdc00 >> 10) {
		c = 0x10000 + ((c & 0x3ff) << 10 | (hex4(at + 2) & 0x3ff));
		at += 6;
	} else if (c >> 11 == 0xd800 >> 11) {
		c = 0xfffd; /* half of a pair */
	}
	*out = put_utf8(*out, c);
	return at;
}

const char *json_string(const struct json *j, int value)
{
	const jsmntok_t *t = tok(j, value);
	const char *at, *end;
	char *text, *out;

	if (value < 0 || t->type != JSMN_STRING)
		return NULL;
	out = text = must_alloc(t->end - t->start + 1);
	end = j->text + t->end;
	for (at = j->text + t->start; at < end;)
		if (*at == '\\')
			at = decode_escape(at, end, &out);
		else
			*out++ = *at++;
	*out = 0;
	return memchr(text, 0, out - text) ? NULL : text;
}

bool json_boolean(const struct json *j, int value, bool *flag)
{
	char c = value >= 0 && tok(j, value)->type == JSMN_PRIMITIVE ? j->text[tok(j, value)->start] : 0;

	*flag = c == 't';
	return c == 't' || c == 'f';
}

const char *json_number(const struct json *j, int value)
{
	const jsmntok_t *t = tok(j, value);

	if (value < 0 || t->type != JSMN_PRIMITIVE || strchr("tfn", j->text[t->start]))
		return NULL;
	return must_format("%.*s", t->end - t->start, j->text + t->start);
}

int json_first(const struct json *j, int container)
{
	return tok(j, container)->size ? container + 1 : -1;
}

int json_after(const struct json *j, int container, int element)
{
	int last = element + (tok(j, container)->type == JSMN_OBJECT), next = last + 1;

	while (next < j->count && tok(j, next)->start < tok(j, last)->end)
		next++;
	return next < j->count && tok(j, next)->start < tok(j, container)->end ? next : -1;
}

int json_get(const struct json *j, int object, const char *key)
{
	for (int e = json_is_object(j, object) ? json_first(j, object) : -1; e >= 0; e = json_after(j, object, e)) {
		const char *name = json_string(j, e);

		if (name && key && !strcmp(name, key))
			return e + 1;
	}
	return -1;
}

void json_print_text(FILE *out, const char *text)
{
	char escaped[8192];

	escape_text(escaped, sizeof(escaped), text, strlen(text), ESCAPE_JSON);
	fprintf(out, "\"%s\"", escaped);
}

void json_print_object(FILE *out, const struct json *j, int indent, const char *key, const char *text)
{
	const char *between = "";

	fprintf(out, "{");
	for (int e = json_first(j, 0); e >= 0; e = json_after(j, 0, e)) {
		const jsmntok_t *value = tok(j, e + 1);
		int start = start_with_quote(value), len = end_with_quote(value) - start;

		fprintf(out, "%s\n%*s\"%.*s\": ", between, indent + 2, "", tok(j, e)->end - tok(j, e)->start,
			j->text + tok(j, e)->start);
		if (!strcmp(json_string(j, e), key))
			json_print_text(out, text);
		else
			fprintf(out, "%.*s", len, j->text + start);
		between = ",";
	}
	fprintf(out, "\n%*s}", indent, "");
}
