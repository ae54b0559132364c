#include <stdlib.h>
#include "cli/cli.h"
#include "cli/record.h"
const char *record_new_id(void) { return "bartizan"; }
struct record *record_begin(const char *name, bool must, int *listen_fd) { *listen_fd = -1; return NULL; }
void record_running(struct record *record, const struct run *r, const struct sandbox *sandbox) {}
void record_discard(struct record *record) {}
