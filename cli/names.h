/*
 * Names that are granted, with the addresses that they have just now: the table (struct bz_host) that the monitor judges by and the
 * guest's resolver answers from.  The command writes it for as long as the sandbox runs; see names.c.
 */
#ifndef BARTIZAN_CLI_NAMES_H
#define BARTIZAN_CLI_NAMES_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/resolve.h"

struct names;

/* The number, from 1 on, of a name in the table, which it is put into.  Ends the command where there is no room. */
uint16_t names_add(struct names **names, const char *what, const char *name);
/* It has this address, whatever name servers say. */
void names_fix(struct names *names, uint16_t number, const uint8_t ip[16]);
/* Ask for all others; ends the command where one has no address that a name may grant.  In the caller of sandbox_start. */
void names_resolve(struct names *names, const struct name_servers *servers);
/* A descriptor of the table that nobody can write by; 0 without names. */
int names_share(const struct names *names);
/* Of the names' table: "name (address, address)", and whether anybody can be reached by it. */
const char *names_show(const struct names *names, uint16_t number);

/* The caller is who keeps it up to date from now on: none of its children can write it. */
void names_own(struct names *names);
/* While the sandbox runs: fills *p with what to poll for, and returns milliseconds until it wants to be called again, or -1. */
int names_poll(struct names *names, struct pollfd *p);
void names_serve(struct names *names);

#endif
