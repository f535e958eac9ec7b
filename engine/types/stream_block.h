/* A block of a stream: some entries, packed in one listpack as Redis packs a stream node, so that
 * snapshots carry it as it is.
 *
 *   +-------+---------+--------+---------+-----+---------+---+
 *   | count | deleted | fields | field 1 | ... | field n | 0 |   the master entry
 *   +-------+---------+--------+---------+-----+---------+---+
 *   +-------+----+-----+---------+-----+---------+----------+
 *   | flags | ms | seq | value 1 | ... | value n | elements |    an entry with the master's fields
 * (SAME_FIELDS)
 *   +-------+----+-----+---------+-----+---------+----------+
 *   +-------+----+-----+--------+---------+---------+- - -+----------+
 *   | flags | ms | seq | fields | field 1 | value 1 |     | elements |   one with fields of its own
 *   +-------+----+-----+--------+---------+---------+- - -+----------+
 *
 * count and deleted add up to the entries; a deleted entry stays where it is, with a flag. ms and
 * seq are what the entry's id has over the block's id, the id of its first entry, under which the
 * stream's index holds the block. `elements` says how many listpack elements stand before it in its
 * entry: a block is read backwards by it.
 *
 * Complexity: O(elements of the block) for all but stepping. Thread rule: one owner. */
#ifndef ATRIUM_TYPES_STREAM_BLOCK_H
#define ATRIUM_TYPES_STREAM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "ds/idmap.h"

enum { STREAM_DELETED = 1, STREAM_SAME_FIELDS = 2 };

/* An entry of a block as it lies there; holds until the block's next edit. */
struct stream_packed {
    struct id id;
    unsigned flags;
    size_t nfields;
    uint8_t *flags_at;
    const uint8_t *fields; /* the first field: in the master entry, or in this */
    const uint8_t *values; /* the first value in an entry with the master's fields, else NULL */
};

/* How many entries are there, and deleted. */
struct stream_block_counts {
    int64_t live, deleted;
};

/* An empty block with these fields (every other one of `parts`) in its master entry. */
uint8_t *stream_block_new(const struct bytes *parts, size_t nfields);
/* Adds an entry of field, value, field, value ...; ids ascend. Returns the block's new address. */
uint8_t *stream_block_append(uint8_t *block, struct id block_id, struct id id,
                             const struct bytes *parts, size_t nfields);
struct stream_block_counts stream_block_counts(const uint8_t *block);
/* Marks `n` entries as deleted that are not yet; `at` are their flags_at. Returns the block's new
 * address. */
uint8_t *stream_block_mark(uint8_t *block, uint8_t *const *at, size_t n);

/* Stepping over all entries, deleted ones too; false at the end. */
bool stream_block_first(const uint8_t *block, struct id block_id, struct stream_packed *e);
bool stream_block_last(const uint8_t *block, struct id block_id, struct stream_packed *e);
bool stream_block_next(const uint8_t *block, struct id block_id, struct stream_packed *e);
bool stream_block_prev(const uint8_t *block, struct id block_id, struct stream_packed *e);

/* Is this, of exactly `bytes` bytes, a well-formed block? For input from outside. */
bool stream_block_valid(const uint8_t *block, size_t bytes);

#endif
