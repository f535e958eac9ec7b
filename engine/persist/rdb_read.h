/* Primitives of the RDB format (see rdb_write.h), read from memory that nobody vouches for: nothing is read
 * beyond `end`, no size is believed before the bytes for it are there, and what is allocated is in proportion
 * to the input (LZF: 88 times at most, up to string_max).
 *
 * Every function returns false where the input is wrong or too short; the reader is of no use then. Thread
 * rule: one owner. */
#ifndef ATRIUM_PERSIST_RDB_READ_H
#define ATRIUM_PERSIST_RDB_READ_H

#include "base/bytes.h"
#include "base/num.h"

struct rdb_reader {
    const uint8_t *at, *end;
    size_t string_max; /* longest string that is taken */
};

static inline size_t rdb_left(const struct rdb_reader *r)
{
    return (size_t)(r->end - r->at);
}

bool rdb_read_byte(struct rdb_reader *r, unsigned *byte);
bool rdb_read_raw(struct rdb_reader *r, size_t n, struct bytes *s);
/* A length that is none of the special string forms. */
bool rdb_read_length(struct rdb_reader *r, uint64_t *n);
/* A count of parts that take at least `each` bytes: refused where so many cannot follow. */
bool rdb_read_count(struct rdb_reader *r, size_t each, size_t *n);
bool rdb_read_u64(struct rdb_reader *r, uint64_t *v);
bool rdb_read_double(struct rdb_reader *r, double *v);
/* A double as text, as RDB_ZSET has it. */
bool rdb_read_text_double(struct rdb_reader *r, double *v);

/* A string as it was read: within the input, in scratch, or in memory of its own. */
struct rdb_text {
    struct bytes s;
    char *own; /* NULL: the bytes are the input's */
    char scratch[NUM_INT_MAX];
};

/* Fills `t`, which is not copied then; release it. On failure there is nothing to release. */
bool rdb_read_text(struct rdb_reader *r, struct rdb_text *t);
void rdb_text_release(struct rdb_text *t);
/* The bytes as a block of memory of its own (mem_free). t is released. */
uint8_t *rdb_text_take(struct rdb_text *t);

#endif
