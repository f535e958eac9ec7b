/* The hash type: fields with values, each field with a deadline of its own if it wants one.
 *
 * Encodings, by the names that OBJECT ENCODING answers:
 *   listpack     field, value, field, value ...: up to limits.entries fields, each part up to
 * limits.value bytes listpackex   the same with field, value, deadline (0: none), in the order of
 * the deadlines, those without at the end: a small hash once a field of it got a deadline hashtable
 * records in an arena under a table of their handles (types/hash_fields.h) A hash goes down this
 * list and never up.
 *
 * A field whose deadline has passed is invisible at once: readers get now_ms and pass it over,
 * hash_length does not count it (Redis does until its cycle removes it). Its memory comes back by
 * hash_expire_some, or when it is written again. Time of a due deadline: when <= now.
 *
 * Slices handed in must not point into the hash. Items handed out are valid until the next write.
 * Complexity: O(1) a field, O(limits.entries) in the listpacks; what differs says so.
 * Thread rule: one owner (the shard's lock). */
#ifndef ATRIUM_TYPES_HASH_H
#define ATRIUM_TYPES_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"

struct hash;

/* When a hash leaves the listpack. */
struct hash_limits {
    size_t entries, value;
};

/* A field as it is read. Slices may point into `scratch`: an item is not copied. */
struct hash_item {
    struct bytes field, value;
    uint64_t expire_at_ms; /* 0: none */
    char scratch[2][NUM_INT_MAX];
};

/* How to write a field. */
struct hash_write {
    struct hash_limits limits;
    uint64_t now_ms;
    uint64_t expire_at_ms; /* the field's new deadline, later than now_ms; 0: none */
    bool keep_deadline;    /* the one it has stays instead */
};

struct hash *hash_new(void);
void hash_free(struct hash *h);
/* A copy, deadlines and all. O(fields). */
struct hash *hash_dup(const struct hash *h);

/* Fields that are not past their deadline. O(1 + fields past it). */
size_t hash_length(const struct hash *h, uint64_t now_ms);
/* With those past it. O(1) up to 65534 fields in a listpack. */
size_t hash_length_all(const struct hash *h);
const char *hash_encoding(const struct hash *h);
/* Bytes in use, without struct overhead of the allocator. */
size_t hash_mem_bytes(const struct hash *h);
/* Aborts where an invariant is broken (tests). O(fields). */
void hash_check(const struct hash *h);

/* ---- one field --------------------------------------------------------------------------------
 */

bool hash_get(const struct hash *h, struct bytes field, uint64_t now_ms, struct hash_item *item);
bool hash_exists(const struct hash *h, struct bytes field, uint64_t now_ms);
/* True where the field is new. field.n and value.n are below 2^32 - 64 together. */
bool hash_set(struct hash *h, struct bytes field, struct bytes value, const struct hash_write *w);
/* True where it was there. */
bool hash_del(struct hash *h, struct bytes field, uint64_t now_ms);

enum hash_incr_result {
    HASH_INCR_OK,
    HASH_INCR_NOT_NUMBER, /* the old value is none */
    HASH_INCR_OVERFLOW,   /* or the result is NaN or infinite */
};

/* A missing field counts as 0; the deadline is kept. On failure nothing changed. */
enum hash_incr_result hash_incr_by(struct hash *h, struct bytes field, int64_t by,
                                   const struct hash_write *w, int64_t *result);
/* The result as text in `to` (NUM_LONG_DOUBLE_MAX bytes). */
enum hash_incr_result hash_incr_by_float(struct hash *h, struct bytes field, long double by,
                                         const struct hash_write *w, char *to, size_t *n);

/* ---- many fields ------------------------------------------------------------------------------
 */

#define HASH_ITER_BATCH 12

/* Every visible field once, in no order. No write while it runs. */
struct hash_iter {
    const struct hash *hash;
    uint64_t now_ms;
    const uint8_t *at; /* of a listpack: the next field */
    uint64_t cursor;   /* of a table: the next bucket */
    uint32_t handles[HASH_ITER_BATCH];
    unsigned n, i;
    bool done;
};

void hash_iter_init(struct hash_iter *it, const struct hash *h, uint64_t now_ms);
bool hash_iter_next(struct hash_iter *it, struct hash_item *item);

typedef void hash_visit(const struct hash_item *item, void *ctx);

/* Visits about `count` fields from `cursor` on; returns the next cursor, 0 at the end. Writes are
 * allowed between two calls: a field that is there throughout is visited at least once. A listpack
 * is visited as a whole. */
uint64_t hash_scan(const struct hash *h, uint64_t cursor, size_t count, uint64_t now_ms,
                   hash_visit *visit, void *ctx);

/* One visible field, all equally likely; false where there is none. O(1) expected while few fields
 * are past their deadline. */
bool hash_random(const struct hash *h, uint64_t now_ms, struct hash_item *item);
/* min(count, length) different fields, every set equally likely. O(count) or O(fields). Returns how
 * many. */
size_t hash_random_distinct(const struct hash *h, size_t count, uint64_t now_ms, hash_visit *visit,
                            void *ctx);
/* `count` fields, each drawn from all of them (calls visit never where there is none). */
void hash_random_repeating(const struct hash *h, size_t count, uint64_t now_ms, hash_visit *visit,
                           void *ctx);

/* ---- deadlines --------------------------------------------------------------------------------
 */

enum hash_expire_if {
    HASH_EXPIRE_ALWAYS,
    HASH_EXPIRE_NX,
    HASH_EXPIRE_XX,
    HASH_EXPIRE_GT,
    HASH_EXPIRE_LT
};

enum hash_expire_result {
    HASH_EXPIRE_MISSING = -2, /* no such field */
    HASH_EXPIRE_UNMET = 0,    /* the condition does not hold */
    HASH_EXPIRE_SET = 1,
    HASH_EXPIRE_DELETED = 2, /* the time has passed: the field is gone */
};

/* Sets a field's deadline. A field without one counts as never due for GT and LT.
 * O(log(deadlines)). */
enum hash_expire_result hash_expire(struct hash *h, struct bytes field, uint64_t expire_at_ms,
                                    enum hash_expire_if cond, uint64_t now_ms);

enum hash_persist_result {
    HASH_PERSIST_MISSING = -2,
    HASH_PERSIST_NONE = -1,
    HASH_PERSIST_DONE = 1
};

enum hash_persist_result hash_persist(struct hash *h, struct bytes field, uint64_t now_ms);

/* The earliest deadline of any field, 0: none. O(1). */
uint64_t hash_next_expiry_ms(const struct hash *h);
/* Removes up to `max` fields that are due, telling `each` (may be NULL) of them first; returns how many.
 * O(log(deadlines)) each in a table. */
size_t hash_expire_some(struct hash *h, uint64_t now_ms, size_t max,
                        void (*each)(struct bytes field, void *ctx), void *ctx);

/* The keyspace's own word in the hash (keyspace/entry.h), NULL in a new hash and a copy. */
void **hash_keyspace_word(struct hash *h);

#endif
