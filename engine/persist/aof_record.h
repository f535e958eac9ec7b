/* What stands in a log file: commands as RESP arrays of bulk strings, and notes, lines that begin with '#', which Redis
 * passes over. Those of atrium:
 *
 *     #atrium-sum LENGTH HEX    the LENGTH bytes before this line have that XXH3 digest
 *     #atrium-time MS           the next command is to run as of then (it looks at the clock)
 *     #atrium-flags N           memcached's flags of the string that the next command makes
 *
 * The writer puts a sum behind whatever it writes in one go, so that a changed bit is found wherever it is. */
#ifndef ATRIUM_PERSIST_AOF_RECORD_H
#define ATRIUM_PERSIST_AOF_RECORD_H

#include "base/bytes.h"

void aof_encode(struct buf *out, const struct bytes *argv, int argc);
void aof_encode_select(struct buf *out, unsigned db);
/* The sum of the n bytes at p. */
void aof_encode_sum(struct buf *out, const void *p, size_t n);

/* ---- reading --------------------------------------------------------------------------------- */

enum aof_item {
    AOF_COMMAND, /* argv and argc */
    AOF_NOTE, /* note: the line without '#' and its end; sums have been verified and are not told */
    AOF_END,
    AOF_TORN,    /* the file ends within the item at `at` */
    AOF_CORRUPT, /* the item at `at` is none, or a sum does not match: `wrong` says what */
};

struct aof_reader {
    const char *p;
    size_t n;
    size_t at, next;    /* where the last item begins, and the one after it */
    struct bytes *argv; /* slices of p; until the next item */
    int argc, cap;
    struct bytes note;
    const char *wrong;
};

/* The n bytes at p stay the caller's. Memory: at most 16 bytes for each 6 of a command's. */
void aof_reader_init(struct aof_reader *r, const void *p, size_t n);
void aof_reader_release(struct aof_reader *r);
/* The next item. A damaged one is TORN where nothing that reads as a command stands behind it, as after a power cut,
 * and CORRUPT else. */
enum aof_item aof_read(struct aof_reader *r);

#endif
