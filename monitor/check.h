/* Probes that `bartizan check` and --explain share.  Each returns 0 or the errno with which the thing failed.
 */
#ifndef BARTIZAN_CHECK_H
#define BARTIZAN_CHECK_H

int probe_user_namespace(void);
int probe_notifications(void);
const char *user_namespace_remedy(int error);

#endif
