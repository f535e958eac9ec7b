/* Random fields of a hash. */
#include "types/hash_form.h"

#include "base/mem.h"
#include "base/rng.h"
#include "types/hash_fields.h"

/* ---- one ---------------------------------------------------------------------------------------
 */

/* The fields that are due stand first in a pack of triples: the rest is drawn from by index. */
static bool random_packed(const struct hash *h, uint64_t now_ms, struct hash_item *item)
{
    size_t hidden = hash_pack_due(h, now_ms), n = hash_pack_count(h) - hidden;
    if (n == 0)
        return false;
    size_t i = hidden + rng_below(n);
    hash_pack_read(h, lp_seek(h->pack, (int64_t)(i * hash_pack_stride(h))), item);
    return true;
}

#define DRAWS_MAX 64

bool hash_random(const struct hash *h, uint64_t now_ms, struct hash_item *item)
{
    if (h->form != HASH_FIELDS)
        return random_packed(h, now_ms, item);
    if (hash_fields_count(h->fields) == 0)
        return false;
    for (int i = 0; i < DRAWS_MAX; i++) {
        hash_fields_read(h->fields, hash_fields_random(h->fields), item);
        if (!hash_item_due(item, now_ms))
            return true;
    }
    /* Nearly all are past their deadline: draw from the others by index. */
    size_t n = hash_length(h, now_ms);
    if (n == 0)
        return false;
    struct hash_iter it;
    hash_iter_init(&it, h, now_ms);
    for (size_t i = rng_below(n) + 1; i > 0; i--)
        hash_iter_next(&it, item);
    return true;
}

void hash_random_repeating(const struct hash *h, size_t count, uint64_t now_ms, hash_visit *visit,
                           void *ctx)
{
    struct hash_item item;
    while (count-- > 0 && hash_random(h, now_ms, &item))
        visit(&item, ctx);
}

/* ---- different ones ----------------------------------------------------------------------------
 */

/* Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S): one pass. */
static void select_in_one_pass(const struct hash *h, size_t want, size_t n, uint64_t now_ms,
                               hash_visit *visit, void *ctx)
{
    struct hash_iter it;
    struct hash_item item;
    hash_iter_init(&it, h, now_ms);
    for (; want > 0 && hash_iter_next(&it, &item); n--) {
        if (rng_below(n) < want) {
            visit(&item, ctx);
            want--;
        }
    }
}

/* A set of handles by open addressing, at most half full; 0 is no handle. */
struct drawn {
    uint32_t *slot;
    size_t mask;
};

static bool drawn_add(struct drawn *d, uint32_t handle)
{
    size_t i = (handle * 0x9E3779B1u) & d->mask;
    for (; d->slot[i] != 0; i = (i + 1) & d->mask)
        if (d->slot[i] == handle)
            return false;
    d->slot[i] = handle;
    return true;
}

/* Draws until there are enough; for few out of many. */
static void select_by_drawing(const struct hash *h, size_t want, uint64_t now_ms, hash_visit *visit,
                              void *ctx)
{
    struct drawn d = {.mask = 15};
    while (d.mask < 2 * want)
        d.mask = 2 * d.mask + 1;
    d.slot = mem_calloc((d.mask + 1) * sizeof *d.slot);
    while (want > 0) {
        struct hash_item item;
        uint32_t handle = hash_fields_random(h->fields);
        hash_fields_read(h->fields, handle, &item);
        if (hash_item_due(&item, now_ms) || !drawn_add(&d, handle))
            continue;
        visit(&item, ctx);
        want--;
    }
    mem_free(d.slot);
}

size_t hash_random_distinct(const struct hash *h, size_t count, uint64_t now_ms, hash_visit *visit,
                            void *ctx)
{
    size_t n = hash_length(h, now_ms);
    size_t want = count < n ? count : n;
    bool few = want < n / 4 && n >= hash_length_all(h) / 2;
    if (h->form == HASH_FIELDS && few)
        select_by_drawing(h, want, now_ms, visit, ctx);
    else
        select_in_one_pass(h, want, n, now_ms, visit, ctx);
    return want;
}
