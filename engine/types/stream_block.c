#include "types/stream_block.h"

#include "ds/listpack.h"

/* Elements of an entry beside fields and values: flags, ms, seq. */
#define HEAD 3
/* Flags in their shortest form, so that marking an entry moves nothing. */
#define FLAGS_BYTES 2

static int64_t read_int(const uint8_t *at)
{
    int64_t v = 0;
    lp_get_int(at, &v);
    return v;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

uint8_t *stream_block_new(const struct bytes *parts, size_t nfields)
{
    uint8_t *block = lp_new(0);
    block = lp_append_int(block, 0);
    block = lp_append_int(block, 0);
    block = lp_append_int(block, (int64_t)nfields);
    for (size_t i = 0; i < nfields; i++)
        block = lp_append(block, parts[2 * i]);
    return lp_append_int(block, 0);
}

static uint8_t *master_nfields(const uint8_t *block)
{
    return lp_next(block, lp_next(block, lp_first(block)));
}

static bool has_fields(const uint8_t *block, const struct bytes *parts, size_t nfields)
{
    uint8_t *at = master_nfields(block);
    if (read_int(at) != (int64_t)nfields)
        return false;
    for (size_t i = 0; i < nfields; i++) {
        at = lp_next(block, at);
        if (!lp_equal(at, parts[2 * i]))
            return false;
    }
    return true;
}

/* Moves entries from `count` to `deleted`, or from nowhere to count. */
static uint8_t *add_counts(uint8_t *block, int64_t live, int64_t deleted)
{
    uint8_t *at = lp_first(block);
    block = lp_replace_int(block, &at, read_int(at) + live);
    if (deleted) {
        at = lp_next(block, lp_first(block));
        block = lp_replace_int(block, &at, read_int(at) + deleted);
    }
    return block;
}

uint8_t *stream_block_append(uint8_t *block, struct id block_id, struct id id,
                             const struct bytes *parts, size_t nfields)
{
    bool same = has_fields(block, parts, nfields);
    block = lp_append_int(block, same ? STREAM_SAME_FIELDS : 0);
    block = lp_append_int(block, (int64_t)(id.ms - block_id.ms));
    block = lp_append_int(block, (int64_t)(id.seq - block_id.seq));
    if (!same)
        block = lp_append_int(block, (int64_t)nfields);
    for (size_t i = 0; i < nfields; i++) {
        if (!same)
            block = lp_append(block, parts[2 * i]);
        block = lp_append(block, parts[2 * i + 1]);
    }
    block = lp_append_int(block, (int64_t)(same ? HEAD + nfields : HEAD + 1 + 2 * nfields));
    return add_counts(block, 1, 0);
}

uint8_t *stream_block_mark(uint8_t *block, uint8_t *const *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *flags = at[i];
        /* FLAGS_BYTES before and after: nothing moves. */
        block = lp_replace_int(block, &flags, read_int(flags) | STREAM_DELETED);
    }
    return add_counts(block, -(int64_t)n, (int64_t)n);
}

struct stream_block_counts stream_block_counts(const uint8_t *block)
{
    const uint8_t *at = lp_first(block);
    return (struct stream_block_counts){read_int(at), read_int(lp_next(block, at))};
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static bool read_entry(const uint8_t *block, struct id block_id, uint8_t *at,
                       struct stream_packed *e)
{
    if (!at)
        return false;
    e->flags_at = at;
    e->flags = (unsigned)read_int(at);
    at = lp_next(block, at);
    e->id.ms = block_id.ms + (uint64_t)read_int(at);
    at = lp_next(block, at);
    e->id.seq = block_id.seq + (uint64_t)read_int(at);
    at = lp_next(block, at);
    if (e->flags & STREAM_SAME_FIELDS) {
        uint8_t *n = master_nfields(block);
        e->nfields = (size_t)read_int(n);
        e->fields = lp_next(block, n);
        e->values = at;
    } else {
        e->nfields = (size_t)read_int(at);
        e->fields = lp_next(block, at);
        e->values = NULL;
    }
    return true;
}

/* The first entry's place, behind the master entry. */
static uint8_t *first_place(const uint8_t *block)
{
    uint8_t *at = master_nfields(block);
    for (int64_t n = read_int(at); n >= 0; n--)
        at = lp_next(block, at);
    return lp_next(block, at);
}

bool stream_block_first(const uint8_t *block, struct id block_id, struct stream_packed *e)
{
    return read_entry(block, block_id, first_place(block), e);
}

bool stream_block_next(const uint8_t *block, struct id block_id, struct stream_packed *e)
{
    const uint8_t *at = e->values ? e->values : e->fields;
    for (size_t n = e->values ? e->nfields : 2 * e->nfields; n > 0; n--)
        at = lp_next(block, at);
    return read_entry(block, block_id, lp_next(block, at), e);
}

/* The entry that ends at `at`, its count of elements; the master entry's end reads 0. */
static bool read_backwards(const uint8_t *block, struct id block_id, uint8_t *at,
                           struct stream_packed *e)
{
    int64_t n = read_int(at);
    if (n == 0)
        return false;
    while (n-- > 0)
        at = lp_prev(block, at);
    return read_entry(block, block_id, at, e);
}

bool stream_block_last(const uint8_t *block, struct id block_id, struct stream_packed *e)
{
    return read_backwards(block, block_id, lp_last(block), e);
}

bool stream_block_prev(const uint8_t *block, struct id block_id, struct stream_packed *e)
{
    return read_backwards(block, block_id, lp_prev(block, e->flags_at), e);
}

/* ---- what comes from outside --------------------------------------------------------------------
 */

/* The integer at *at, which moves on; false where there is none. */
static bool take_int(const uint8_t *block, const uint8_t **at, int64_t *v)
{
    if (!*at || !lp_get_int(*at, v))
        return false;
    *at = lp_next(block, *at);
    return true;
}

static bool skip(const uint8_t *block, const uint8_t **at, int64_t n)
{
    for (; n > 0; n--) {
        if (!*at)
            return false;
        *at = lp_next(block, *at);
    }
    return n == 0;
}

static bool entry_valid(const uint8_t *block, const uint8_t **at, int64_t nmaster, int64_t *deleted)
{
    int64_t flags, ms, seq, n, elements;
    const uint8_t *begin = *at;
    if (!take_int(block, at, &flags) || flags < 0 || flags > 3 || !take_int(block, at, &ms) ||
        !take_int(block, at, &seq))
        return false;
    if (lp_next(block, begin) != begin + FLAGS_BYTES)
        return false;
    bool same = flags & STREAM_SAME_FIELDS;
    if (same)
        n = nmaster;
    else if (!take_int(block, at, &n) || n < 0 || n > INT32_MAX)
        return false;
    *deleted += flags & STREAM_DELETED;
    return skip(block, at, same ? n : 2 * n) && take_int(block, at, &elements) &&
           elements == (same ? HEAD + n : HEAD + 1 + 2 * n);
}

bool stream_block_valid(const uint8_t *block, size_t bytes)
{
    int64_t live, deleted, nmaster, end, entries = 0, marked = 0;
    if (!lp_validate(block, bytes, NULL, NULL))
        return false;
    const uint8_t *at = lp_first(block);
    if (!take_int(block, &at, &live) || !take_int(block, &at, &deleted) ||
        !take_int(block, &at, &nmaster) || live < 0 || deleted < 0 || nmaster < 0 ||
        !skip(block, &at, nmaster) || !take_int(block, &at, &end) || end != 0)
        return false;
    for (; at; entries++)
        if (!entry_valid(block, &at, nmaster, &marked))
            return false;
    return marked == deleted && entries - marked == live;
}
