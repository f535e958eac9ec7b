/* The slow log: the commands that took longer than slowlog-log-slower-than, newest first, at most
 * slowlog-max-len of them.
 *
 * Owner: the engine. One lock, a leaf; dispatch takes it for slow commands alone. Arguments are cut as in Redis:
 * 32 of them, 128 bytes each; passwords are left out. */
#ifndef ATRIUM_COMMANDS_SLOWLOG_H
#define ATRIUM_COMMANDS_SLOWLOG_H

#include <stdint.h>

struct exec;
struct slowlog;

struct slowlog *slowlog_new(void);
void slowlog_free(struct slowlog *l);
/* Notes the command of x, which took `us`. */
void slowlog_add(struct slowlog *l, const struct exec *x, uint64_t us);

#endif
