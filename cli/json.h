/*
 * JSON as the command reads and writes it: its own records and the operator's policy file.  Parsed by jsmn, whose
 * tokens point into the text; what jsmn is lenient about (separators, literals, duplicate keys) is checked here.
 */
#ifndef BARTIZAN_JSON_H
#define BARTIZAN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A value is named by the index of its token; the document itself is 0, "not there" is -1. */
struct json {
	char *text;
	void *token; /* jsmntok_t, which has no tag to name it by */
	int count;
};

/* 0, or a negative error number where the file cannot be read; a positive number is the line of a mistake in the
 * text.  The file may have at most 1 MiB.  What was read lives until the command ends. */
int json_read(struct json *j, int fd);

bool json_is_object(const struct json *j, int value);
bool json_is_array(const struct json *j, int value);
/* The decoded text of a string; NULL: not a string, or one with a NUL in it. */
const char *json_string(const struct json *j, int value);
/* true, and *flag, for a `true` or `false`. */
bool json_boolean(const struct json *j, int value, bool *flag);
/* The digits of a number as they stand in the text; NULL: not a number. */
const char *json_number(const struct json *j, int value);

/* The value of that key; -1 where the object has none. */
int json_get(const struct json *j, int object, const char *key);
/* Walks a container: the first element (of an object: its first key, whose value is the token after it), and the one
 * after an element or key; -1 at the end. */
int json_first(const struct json *j, int container);
int json_after(const struct json *j, int container, int element);

/* Writes a string with its quotes; escapes what a terminal or a reader could trip over. */
void json_print_text(FILE *out, const char *text);
/* Writes an object as it was read, one member a line behind that many blanks, with another text for one of its keys. */
void json_print_object(FILE *out, const struct json *j, int indent, const char *key, const char *text);

#endif
