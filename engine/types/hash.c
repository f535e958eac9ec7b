#include "types/hash.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "types/hash_fields.h"
#include "types/hash_form.h"

/* ---- life -------------------------------------------------------------------------------------
 */

struct hash *hash_new(void)
{
    struct hash *h = mem_calloc(sizeof *h);
    h->form = HASH_PAIRS;
    h->pack = lp_new(0);
    return h;
}

void hash_free(struct hash *h)
{
    if (h->form == HASH_FIELDS)
        hash_fields_free(h->fields);
    else
        lp_free(h->pack);
    mem_free(h);
}

struct hash *hash_dup(const struct hash *h)
{
    struct hash *copy = mem_calloc(sizeof *copy);
    copy->form = h->form;
    if (h->form == HASH_FIELDS)
        copy->fields = hash_fields_dup(h->fields);
    else
        copy->pack = lp_dup(h->pack);
    return copy;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static size_t due(const struct hash *h, uint64_t now_ms)
{
    return h->form == HASH_FIELDS ? hash_fields_due(h->fields, now_ms) : hash_pack_due(h, now_ms);
}

size_t hash_length_all(const struct hash *h)
{
    return h->form == HASH_FIELDS ? hash_fields_count(h->fields) : hash_pack_count(h);
}

size_t hash_length(const struct hash *h, uint64_t now_ms)
{
    return hash_length_all(h) - due(h, now_ms);
}

const char *hash_encoding(const struct hash *h)
{
    static const char *const names[] = {"listpack", "listpackex", "hashtable"};
    return names[h->form];
}

size_t hash_mem_bytes(const struct hash *h)
{
    return sizeof *h +
           (h->form == HASH_FIELDS ? hash_fields_mem_bytes(h->fields) : lp_bytes(h->pack));
}

void hash_check(const struct hash *h)
{
    if (h->form == HASH_FIELDS)
        hash_fields_check(h->fields);
    else
        hash_pack_check(h);
}

void **hash_keyspace_word(struct hash *h)
{
    return &h->keyspace_word;
}

uint64_t hash_next_expiry_ms(const struct hash *h)
{
    return h->form == HASH_FIELDS ? hash_fields_first_deadline(h->fields)
                                  : hash_pack_first_deadline(h);
}

size_t hash_expire_some(struct hash *h, uint64_t now_ms, size_t max,
                        void (*each)(struct bytes field, void *ctx), void *ctx)
{
    return h->form == HASH_FIELDS ? hash_fields_remove_due(h->fields, now_ms, max, each, ctx)
                                  : hash_pack_remove_due(h, now_ms, max, each, ctx);
}

/* ---- one field: where it is, in either form ----------------------------------------------------
 */

struct place {
    uint8_t *at;
    uint32_t handle;
};

static bool find(const struct hash *h, struct bytes field, struct place *p)
{
    if (h->form == HASH_FIELDS) {
        p->handle = hash_fields_find(h->fields, field);
        return p->handle != 0;
    }
    p->at = hash_pack_find(h, field);
    return p->at != NULL;
}

static void read_place(const struct hash *h, const struct place *p, struct hash_item *item)
{
    if (h->form == HASH_FIELDS)
        hash_fields_read(h->fields, p->handle, item);
    else
        hash_pack_read(h, p->at, item);
}

static void remove_place(struct hash *h, const struct place *p)
{
    if (h->form == HASH_FIELDS)
        hash_fields_remove(h->fields, p->handle);
    else
        hash_pack_remove(h, p->at);
}

static void set_deadline(struct hash *h, const struct place *p, uint64_t expire_at_ms)
{
    if (h->form == HASH_FIELDS)
        hash_fields_set_deadline(h->fields, p->handle, expire_at_ms);
    else
        hash_pack_set_deadline(h, p->at, expire_at_ms);
}

static bool find_visible(const struct hash *h, struct bytes field, uint64_t now_ms, struct place *p,
                         struct hash_item *item)
{
    if (!find(h, field, p))
        return false;
    read_place(h, p, item);
    return !hash_item_due(item, now_ms);
}

bool hash_get(const struct hash *h, struct bytes field, uint64_t now_ms, struct hash_item *item)
{
    struct place p = {0};
    return find_visible(h, field, now_ms, &p, item);
}

bool hash_exists(const struct hash *h, struct bytes field, uint64_t now_ms)
{
    struct hash_item item;
    return hash_get(h, field, now_ms, &item);
}

bool hash_del(struct hash *h, struct bytes field, uint64_t now_ms)
{
    struct place p = {0};
    struct hash_item item;
    bool visible = find_visible(h, field, now_ms, &p, &item);
    if (visible)
        remove_place(h, &p);
    return visible;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void add(struct hash *h, struct bytes field, struct bytes value, const struct hash_write *w)
{
    if (h->form != HASH_FIELDS && !hash_pack_takes(h, field, value, &w->limits, true))
        hash_pack_unpack(h);
    if (h->form == HASH_FIELDS)
        hash_fields_add(h->fields, field, value, w->expire_at_ms);
    else
        hash_pack_add(h, field, value, w->expire_at_ms);
}

static void replace(struct hash *h, struct place *p, struct bytes field, struct bytes value,
                    uint64_t expire_at_ms, const struct hash_limits *limits)
{
    if (h->form != HASH_FIELDS && !hash_pack_takes(h, field, value, limits, false)) {
        hash_pack_unpack(h);
        find(h, field, p);
    }
    if (h->form == HASH_FIELDS)
        hash_fields_replace(h->fields, p->handle, value, expire_at_ms);
    else
        hash_pack_replace(h, p->at, value, expire_at_ms);
}

bool hash_set(struct hash *h, struct bytes field, struct bytes value, const struct hash_write *w)
{
    struct place p = {0};
    struct hash_item item;
    if (!find(h, field, &p)) {
        add(h, field, value, w);
        return true;
    }
    read_place(h, &p, &item);
    bool gone = hash_item_due(&item, w->now_ms);
    uint64_t when = w->keep_deadline && !gone ? item.expire_at_ms : w->expire_at_ms;
    replace(h, &p, field, value, when, &w->limits);
    return gone;
}

static struct hash_write keeping(const struct hash_write *w)
{
    struct hash_write kept = *w;
    kept.keep_deadline = true;
    return kept;
}

enum hash_incr_result hash_incr_by(struct hash *h, struct bytes field, int64_t by,
                                   const struct hash_write *w, int64_t *result)
{
    struct hash_item item;
    struct hash_write kept = keeping(w);
    char text[NUM_INT_MAX];
    int64_t old = 0;
    if (hash_get(h, field, w->now_ms, &item) && !num_parse_int(item.value, &old))
        return HASH_INCR_NOT_NUMBER;
    if (__builtin_add_overflow(old, by, result))
        return HASH_INCR_OVERFLOW;
    hash_set(h, field, bytes_of(text, num_format_int(text, *result)), &kept);
    return HASH_INCR_OK;
}

enum hash_incr_result hash_incr_by_float(struct hash *h, struct bytes field, long double by,
                                         const struct hash_write *w, char *to, size_t *n)
{
    struct hash_item item;
    struct hash_write kept = keeping(w);
    long double v = 0;
    if (hash_get(h, field, w->now_ms, &item) && !num_parse_long_double(item.value, &v))
        return HASH_INCR_NOT_NUMBER;
    v += by;
    if (isnan(v) || isinf(v))
        return HASH_INCR_OVERFLOW;
    *n = num_format_long_double(to, v);
    if (*n == 0)
        return HASH_INCR_OVERFLOW;
    hash_set(h, field, bytes_of(to, *n), &kept);
    return HASH_INCR_OK;
}

/* ---- deadlines --------------------------------------------------------------------------------
 */

static bool condition_holds(enum hash_expire_if cond, uint64_t old, uint64_t expire_at_ms)
{
    switch (cond) {
    case HASH_EXPIRE_NX:
        return old == 0;
    case HASH_EXPIRE_XX:
        return old != 0;
    case HASH_EXPIRE_GT:
        return old != 0 && expire_at_ms > old;
    case HASH_EXPIRE_LT:
        return old == 0 || expire_at_ms < old;
    case HASH_EXPIRE_ALWAYS:
        break;
    }
    return true;
}

enum hash_expire_result hash_expire(struct hash *h, struct bytes field, uint64_t expire_at_ms,
                                    enum hash_expire_if cond, uint64_t now_ms)
{
    struct place p = {0};
    struct hash_item item;
    if (!find_visible(h, field, now_ms, &p, &item))
        return HASH_EXPIRE_MISSING;
    if (!condition_holds(cond, item.expire_at_ms, expire_at_ms))
        return HASH_EXPIRE_UNMET;
    if (expire_at_ms <= now_ms) {
        remove_place(h, &p);
        return HASH_EXPIRE_DELETED;
    }
    set_deadline(h, &p, expire_at_ms);
    return HASH_EXPIRE_SET;
}

enum hash_persist_result hash_persist(struct hash *h, struct bytes field, uint64_t now_ms)
{
    struct place p = {0};
    struct hash_item item;
    if (!find_visible(h, field, now_ms, &p, &item))
        return HASH_PERSIST_MISSING;
    if (item.expire_at_ms == 0)
        return HASH_PERSIST_NONE;
    set_deadline(h, &p, 0);
    return HASH_PERSIST_DONE;
}

/* ---- iteration --------------------------------------------------------------------------------
 */

void hash_iter_init(struct hash_iter *it, const struct hash *h, uint64_t now_ms)
{
    it->hash = h;
    it->now_ms = now_ms;
    it->cursor = 0;
    it->n = it->i = 0;
    it->at = h->form == HASH_FIELDS ? NULL : lp_first(h->pack);
    it->done = false;
}

static bool next_packed(struct hash_iter *it, struct hash_item *item)
{
    if (it->at == NULL)
        return false;
    hash_pack_read(it->hash, it->at, item);
    it->at = hash_pack_next(it->hash, it->at);
    return true;
}

static void keep_handle(uint32_t handle, void *ctx)
{
    struct hash_iter *it = ctx;
    it->handles[it->n++] = handle;
}

static bool next_record(struct hash_iter *it, struct hash_item *item)
{
    while (it->i == it->n) {
        if (it->done)
            return false;
        it->n = it->i = 0;
        it->cursor = hash_fields_walk(it->hash->fields, it->cursor, keep_handle, it);
        it->done = it->cursor == 0;
    }
    hash_fields_read(it->hash->fields, it->handles[it->i++], item);
    return true;
}

bool hash_iter_next(struct hash_iter *it, struct hash_item *item)
{
    bool packed = it->hash->form != HASH_FIELDS;
    while (packed ? next_packed(it, item) : next_record(it, item))
        if (!hash_item_due(item, it->now_ms))
            return true;
    return false;
}

struct scan {
    const struct hash *hash;
    uint64_t now_ms;
    hash_visit *visit;
    void *ctx;
    size_t n;
};

static void scan_record(uint32_t handle, void *ctx)
{
    struct scan *s = ctx;
    struct hash_item item;
    hash_fields_read(s->hash->fields, handle, &item);
    s->n++;
    if (!hash_item_due(&item, s->now_ms))
        s->visit(&item, s->ctx);
}

uint64_t hash_scan(const struct hash *h, uint64_t cursor, size_t count, uint64_t now_ms,
                   hash_visit *visit, void *ctx)
{
    if (h->form != HASH_FIELDS) {
        struct hash_iter it;
        struct hash_item item;
        hash_iter_init(&it, h, now_ms);
        while (hash_iter_next(&it, &item))
            visit(&item, ctx);
        return 0;
    }
    struct scan s = {h, now_ms, visit, ctx, 0};
    do {
        cursor = hash_fields_scan(h->fields, cursor, scan_record, &s);
    } while (cursor != 0 && s.n < count);
    return cursor;
}
