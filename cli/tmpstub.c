#include "cli/run.h"
int explain(struct run *r) { return 0; }
void help_print(const char *c) {}
void policy_read(struct run_options *o, const char *path) {}
