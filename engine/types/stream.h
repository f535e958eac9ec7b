/* The stream type: entries of fields and values under ascending ids, with groups that share them
 * out.
 *
 *   nodes: id -> block     an ordered index (ds/idmap.h) of blocks of packed entries
 * (types/stream_block.h), each under the id of its first entry; block after block the ids ascend
 *   groups: by name        types/stream_group.h
 *
 * A block takes entries until stream_limits say that it is full. A deleted entry is marked, and its
 * block goes with its last entry; the stream itself stays when it is empty: its last id must not
 * come again.
 *
 * Invariants (stream_check):
 *  1. each block holds at least one entry that is not deleted; they add up to length
 *  2. ids ascend over all blocks, up to last_id; the first entry of a block has the block's id
 *  3. first_id is the id of the first entry, 0-0 in an empty stream
 *  4. those of the groups (types/stream_group.h)
 *
 * Fields of struct stream are read freely and written by the functions alone. Slices handed in must
 * not point into the stream; entries handed out hold until the next write. Complexity: a seek is
 * O(log(entries) + a block). Thread rule: one owner (the shard's lock). */
#ifndef ATRIUM_TYPES_STREAM_H
#define ATRIUM_TYPES_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"
#include "ds/idmap.h"
#include "types/stream_block.h"

/* Groups or consumers, in the order of their names; each begins with its name (struct bytes). */
struct stream_names {
    void **at;
    size_t n, cap;
};

struct stream {
    struct idmap nodes;
    uint64_t length;
    struct id last_id;      /* the highest ever */
    struct id first_id;     /* of the first entry there is */
    struct id max_deleted;  /* the highest of a deleted entry */
    uint64_t entries_added; /* ever */
    struct stream_names groups;
};

/* When a block is full; 0: no limit. */
struct stream_limits {
    size_t block_bytes, block_entries;
};

struct stream *stream_new(void);
void stream_free(struct stream *s);
/* A copy with groups and pending entries. O(bytes). */
struct stream *stream_dup(const struct stream *s);
/* Bytes in use. O(blocks). */
size_t stream_mem_bytes(const struct stream *s);
/* Aborts where an invariant is broken (tests). O(elements). */
void stream_check(const struct stream *s);

/* ---- ids ----------------------------------------------------------------------------------------
 */

#define ID_TEXT_MAX 44

/* "ms-seq", not ended by NUL; returns the length. */
unsigned id_format(char *to, struct id id);
/* The next id and the one before; false where there is none (the id is unchanged). */
bool id_increment(struct id *id);
bool id_decrement(struct id *id);

/* ---- entries ------------------------------------------------------------------------------------
 */

/* Can an entry of so many bytes and fields be stored? Somewhat below 1 GiB. */
bool stream_takes(size_t bytes, size_t nfields);
/* Adds field, value, field, value ..., nfields pairs that stream_takes; id is above last_id. */
void stream_append(struct stream *s, struct id id, const struct bytes *parts, size_t nfields,
                   struct stream_limits limits);
bool stream_has(const struct stream *s, struct id id);
/* True where it was there. Pending entries of groups stay. */
bool stream_delete(struct stream *s, struct id id);
/* The last entry's id; false in an empty stream. */
bool stream_last_entry(const struct stream *s, struct id *id);
/* Another last id; it is not below the last entry's. */
void stream_set_last(struct stream *s, struct id last_id);

/* A walk over the entries from one id to another, both included, up or down. */
struct stream_iter {
    struct id low, high;
    bool reverse, begun;
    struct idmap_at node;
    struct stream_packed entry; /* the present one */
    size_t passed;              /* its fields that were read */
    const uint8_t *field_at, *value_at;
};

struct stream_item {
    struct bytes field, value;
    char scratch[2][NUM_INT_MAX];
};

void stream_iter_init(struct stream_iter *it, const struct stream *s, struct id low, struct id high,
                      bool reverse);
/* The next entry; its id and nfields are in it->entry. */
bool stream_iter_next(struct stream_iter *it);
/* The present entry's next field. */
bool stream_iter_field(struct stream_iter *it, struct stream_item *item);

/* ---- trimming -----------------------------------------------------------------------------------
 */

/* What becomes of the groups' pending entries: they stay; they go with the entry; an entry goes
 * only when every group has read and acknowledged it. */
enum stream_refs { STREAM_KEEP_REFS, STREAM_DELETE_REFS, STREAM_ACKED };

struct stream_trim {
    bool by_id;  /* below `min`, else all but the last `length` */
    bool approx; /* whole blocks only */
    uint64_t length;
    struct id min;
    uint64_t limit; /* entries at most, where approx; 0: all */
    enum stream_refs refs;
};

/* Removes the oldest entries; returns how many. O(removed blocks + one block), O(removed entries *
 * groups) with STREAM_DELETE_REFS and STREAM_ACKED. */
uint64_t stream_trim(struct stream *s, const struct stream_trim *t);

/* For types/stream_trim.c: first_id after entries went. */
void stream_find_first_id(struct stream *s);

/* ---- counters -----------------------------------------------------------------------------------
 */

/* Was an entry above `from` deleted that is not below the first one? Then entries cannot be counted
 * from ids. */
bool stream_has_gap_after(const struct stream *s, struct id from);
/* How many entries were added up to `id`, as far as the counters tell: -1 where they do not. O(1).
 */
int64_t stream_count_up_to(const struct stream *s, struct id id);

/* ---- from a snapshot ----------------------------------------------------------------------------
 */

/* Takes over a valid block (stream_block_valid) whose entries are above all so far; false, and the
 * block is the caller's still, where it holds no entry or ids do not ascend. Then the counters are
 * set by the caller. */
bool stream_load_block(struct stream *s, struct id id, uint8_t *block);

#endif
