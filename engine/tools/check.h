/* atrium check: files that are damaged, and what is in them. Results go to stdout, indented under the file's name. */
#ifndef ATRIUM_TOOLS_CHECK_H
#define ATRIUM_TOOLS_CHECK_H

#include "base/bytes.h"

/* Each is true where the file is whole. used: where the commands of a log begin that begins with a snapshot (Redis 5
 * and 6); NULL: nothing may follow. */
bool check_rdb(const void *p, size_t n, size_t *used);
/* A log file from byte `from` on. last: nothing follows it, so that half a command at its end is what a crash leaves. */
bool check_log(const void *p, size_t n, size_t from, bool last);

/* The first bytes of s in a form that can be printed. */
void check_show(struct buf *out, struct bytes s);

#endif
