/*
 * Bartizan's own files: the host layer is embedded in the command, the library OS and bartizan-image lie
 * beside it, in the build tree as when installed.
 */
#ifndef BARTIZAN_FILES_H
#define BARTIZAN_FILES_H

#include <stddef.h>
#include <stdint.h>

extern const char host_layer_start[], host_layer_end[];	  /* host_layer.S */
extern const char solo5_loader_start[], solo5_loader_end[]; /* solo5_loader.S */

/* Opens the library OS, or -1. */
int files_find_libos(uint64_t *size);
/* It ends the command if there is none. */
int files_open_libos(uint64_t *size);

/* Executes bartizan-image; argv[0] is its command.  It comes back only by ending the command. */
void files_exec_image(char **argv) __attribute__((noreturn));

/* The same; comes back if it cannot be executed. */
void files_try_image(char **argv);

/* The same as a child; returns its exit code. */
int files_run_image(char **argv);

#endif
