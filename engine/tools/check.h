/* atrium check: files that are damaged, and what is in them. Results go to stdout, indented under the file's name. */
#ifndef ATRIUM_TOOLS_CHECK_H
#define ATRIUM_TOOLS_CHECK_H

#include "base/bytes.h"

/* Each is true where the file is whole. */
bool check_rdb(const void *p, size_t n);
/* A log file. last: nothing follows it, so that half a command at its end is what a crash leaves. */
bool check_log(const void *p, size_t n, bool last);

/* The first bytes of s in a form that can be printed. */
void check_show(struct buf *out, struct bytes s);

#endif
