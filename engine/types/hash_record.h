/* A record of a hash's table form: how a field lies in memory (types/hash_fields.h has the
 * picture). Inside of the hash type.
 *
 * Pure functions on the record's bytes; nothing in it is aligned. The outside block of a long
 * one belongs to the record. */
#ifndef ATRIUM_TYPES_HASH_RECORD_H
#define ATRIUM_TYPES_HASH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum record_flag {
    RECORD_WIDE = 1,     /* lengths of 4 bytes each */
    RECORD_DEADLINE = 2, /* deadline and heap place are there */
    RECORD_OUTSIDE = 4,  /* field and value lie in a block, whose address is in their place */
};

#define RECORD_DEADLINE_BYTES 12

static inline unsigned record_head_bytes(uint8_t flags)
{
    return flags & RECORD_WIDE ? 9 : 3;
}

static inline unsigned record_deadline_bytes(uint8_t flags)
{
    return flags & RECORD_DEADLINE ? RECORD_DEADLINE_BYTES : 0;
}

static inline uint32_t record_length(const uint8_t *r, unsigned which)
{
    uint32_t n;
    if (!(r[0] & RECORD_WIDE))
        return r[1 + which];
    memcpy(&n, r + 1 + 4 * which, sizeof n);
    return n;
}

/* Where the field begins; the value follows it. */
static inline const char *record_parts(const uint8_t *r)
{
    const char *p = (const char *)r + record_head_bytes(r[0]) + record_deadline_bytes(r[0]);
    if (r[0] & RECORD_OUTSIDE)
        memcpy(&p, p, sizeof(const char *));
    return p;
}

static inline struct bytes record_field(const uint8_t *r)
{
    return bytes_of(record_parts(r), record_length(r, 0));
}

static inline struct bytes record_value(const uint8_t *r)
{
    return bytes_of(record_parts(r) + record_length(r, 0), record_length(r, 1));
}

/* 0: none. */
static inline uint64_t record_deadline(const uint8_t *r)
{
    uint64_t when = 0;
    if (r[0] & RECORD_DEADLINE)
        memcpy(&when, r + record_head_bytes(r[0]), sizeof when);
    return when;
}

static inline uint32_t record_heap_at(const uint8_t *r)
{
    uint32_t at;
    memcpy(&at, r + record_head_bytes(r[0]) + 8, sizeof at);
    return at;
}

static inline void record_set_heap_at(uint8_t *r, uint32_t at)
{
    memcpy(r + record_head_bytes(r[0]) + 8, &at, sizeof at);
}

static inline void record_set_deadline(uint8_t *r, uint64_t when)
{
    memcpy(r + record_head_bytes(r[0]), &when, sizeof when);
}

/* The flags of a record with these parts. */
uint8_t record_flags(size_t field_n, size_t value_n, uint64_t expire_at_ms);
/* Bytes of a record: with these parts; as it lies there; of its outside block (0: none). */
size_t record_bytes_for(uint8_t flags, size_t field_n, size_t value_n);
size_t record_bytes(const uint8_t *r);
size_t record_outside_bytes(const uint8_t *r);
/* Writes the record; `outside` is room for the parts that lie outside, else NULL. */
void record_write(uint8_t *r, uint8_t flags, struct bytes field, struct bytes value,
                  uint64_t expire_at_ms, char *outside);
/* Writes the value over the old one; the layout stays, and there is room. */
void record_overwrite(uint8_t *r, struct bytes value);

#endif
