/* The packed form of a hash: pairs, or triples in the order of their deadlines. */
#include "types/hash_form.h"

#include <stdlib.h>

#include "base/mem.h"
#include "types/hash_fields.h"

static uint8_t *first(const struct hash *h)
{
    return lp_first(h->pack);
}

uint8_t *hash_pack_find(const struct hash *h, struct bytes field)
{
    return lp_find(h->pack, first(h), field, hash_pack_stride(h) - 1);
}

uint8_t *hash_pack_next(const struct hash *h, const uint8_t *at)
{
    for (unsigned i = hash_pack_stride(h); i > 0; i--)
        at = lp_next(h->pack, at);
    return (uint8_t *)at;
}

static uint8_t *deadline_place(const struct hash *h, const uint8_t *at)
{
    return lp_next(h->pack, lp_next(h->pack, at));
}

static uint64_t deadline_of(const struct hash *h, const uint8_t *at)
{
    int64_t v = 0;
    if (h->form == HASH_TRIPLES)
        lp_get_int(deadline_place(h, at), &v);
    return (uint64_t)v;
}

void hash_pack_read(const struct hash *h, const uint8_t *at, struct hash_item *item)
{
    item->field = lp_get_bytes(at, item->scratch[0]);
    item->value = lp_get_bytes(lp_next(h->pack, at), item->scratch[1]);
    item->expire_at_ms = deadline_of(h, at);
}

size_t hash_pack_count(const struct hash *h)
{
    return lp_length(h->pack) / hash_pack_stride(h);
}

bool hash_pack_takes(const struct hash *h, struct bytes field, struct bytes value,
                     const struct hash_limits *limits, bool is_new)
{
    return field.n <= limits->value && value.n <= limits->value &&
           hash_pack_count(h) + is_new <= limits->entries &&
           lp_fits(h->pack, field.n + value.n + 64);
}

/* Pairs become triples without deadlines. */
static void widen(struct hash *h)
{
    uint8_t *wide = lp_new(lp_bytes(h->pack) + 2 * hash_pack_count(h));
    for (uint8_t *at = first(h); at != NULL; at = hash_pack_next(h, at)) {
        struct hash_item item;
        hash_pack_read(h, at, &item);
        wide = lp_append(wide, item.field);
        wide = lp_append(wide, item.value);
        wide = lp_append_int(wide, 0);
    }
    lp_free(h->pack);
    h->pack = wide;
    h->form = HASH_TRIPLES;
}

/* The first triple that comes after one with this deadline; NULL: the end. */
static uint8_t *place_for(const struct hash *h, uint64_t expire_at_ms)
{
    if (expire_at_ms == 0)
        return NULL;
    uint8_t *at = first(h);
    while (at != NULL) {
        uint64_t when = deadline_of(h, at);
        if (when == 0 || when > expire_at_ms)
            break;
        at = hash_pack_next(h, at);
    }
    return at;
}

void hash_pack_add(struct hash *h, struct bytes field, struct bytes value, uint64_t expire_at_ms)
{
    if (expire_at_ms != 0 && h->form == HASH_PAIRS)
        widen(h);
    uint8_t *at = place_for(h, expire_at_ms);
    if (at == NULL) {
        h->pack = lp_append(h->pack, field);
        h->pack = lp_append(h->pack, value);
        if (h->form == HASH_TRIPLES)
            h->pack = lp_append_int(h->pack, (int64_t)expire_at_ms);
        return;
    }
    h->pack = lp_insert(h->pack, &at, LP_BEFORE, field);
    h->pack = lp_insert(h->pack, &at, LP_AFTER, value);
    h->pack = lp_insert_int(h->pack, &at, LP_AFTER, (int64_t)expire_at_ms);
}

void hash_pack_remove(struct hash *h, uint8_t *at)
{
    h->pack = lp_delete_range_at(h->pack, &at, hash_pack_stride(h));
}

/* Takes the field out and puts it back where its deadline belongs. */
static void move(struct hash *h, uint8_t *at, struct bytes value, uint64_t expire_at_ms)
{
    struct buf copy;
    struct hash_item item;
    buf_init(&copy);
    hash_pack_read(h, at, &item);
    size_t n = item.field.n;
    buf_reserve(&copy, n + value.n + 1); /* never NULL, also where both are empty */
    buf_add_bytes(&copy, item.field);
    buf_add_bytes(&copy, value);
    hash_pack_remove(h, at);
    hash_pack_add(h, bytes_of(copy.p, n), bytes_of(copy.p + n, copy.n - n), expire_at_ms);
    buf_release(&copy);
}

void hash_pack_replace(struct hash *h, uint8_t *at, struct bytes value, uint64_t expire_at_ms)
{
    if (deadline_of(h, at) != expire_at_ms) {
        move(h, at, value, expire_at_ms);
        return;
    }
    uint8_t *place = lp_next(h->pack, at);
    h->pack = lp_replace(h->pack, &place, value);
}

void hash_pack_set_deadline(struct hash *h, uint8_t *at, uint64_t expire_at_ms)
{
    struct hash_item item;
    hash_pack_read(h, at, &item);
    if (item.expire_at_ms != expire_at_ms)
        move(h, at, item.value, expire_at_ms);
}

size_t hash_pack_due(const struct hash *h, uint64_t now_ms)
{
    size_t n = 0;
    if (h->form != HASH_TRIPLES)
        return 0;
    for (uint8_t *at = first(h); at != NULL; at = hash_pack_next(h, at), n++) {
        uint64_t when = deadline_of(h, at);
        if (when == 0 || when > now_ms)
            break;
    }
    return n;
}

uint64_t hash_pack_first_deadline(const struct hash *h)
{
    uint8_t *at = first(h);
    return at != NULL ? deadline_of(h, at) : 0;
}

size_t hash_pack_remove_due(struct hash *h, uint64_t now_ms, size_t max,
                            void (*each)(struct bytes field, void *ctx), void *ctx)
{
    size_t n = hash_pack_due(h, now_ms);
    if (n > max)
        n = max;
    uint8_t *at = each && n ? first(h) : NULL;
    for (size_t i = 0; i < n && at; i++, at = hash_pack_next(h, at)) {
        struct hash_item item;
        hash_pack_read(h, at, &item);
        each(item.field, ctx);
    }
    if (n > 0)
        h->pack = lp_delete_range(h->pack, 0, 3 * n);
    return n;
}

void hash_pack_unpack(struct hash *h)
{
    struct hash_fields *fields = hash_fields_new(hash_pack_count(h) + 1);
    for (uint8_t *at = first(h); at != NULL; at = hash_pack_next(h, at)) {
        struct hash_item item;
        hash_pack_read(h, at, &item);
        hash_fields_add(fields, item.field, item.value, item.expire_at_ms);
    }
    lp_free(h->pack);
    h->fields = fields;
    h->form = HASH_FIELDS;
}

void hash_pack_check(const struct hash *h)
{
    uint64_t last = 0;
    bool plain = false; /* the fields without a deadline have begun */
    lp_check(h->pack);
    if (lp_length(h->pack) % hash_pack_stride(h) != 0)
        abort();
    for (uint8_t *at = first(h); at != NULL; at = hash_pack_next(h, at)) {
        struct hash_item item;
        hash_pack_read(h, at, &item);
        if (hash_pack_find(h, item.field) != at)
            abort();
        if (item.expire_at_ms != 0 && (plain || item.expire_at_ms < last))
            abort();
        plain = item.expire_at_ms == 0;
        last = item.expire_at_ms;
    }
}
