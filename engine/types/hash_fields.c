#include "types/hash_fields.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ds/compact.h"
#include "ds/handle_table.h"
#include "types/hash_record.h"

struct due_entry {
    uint64_t when;
    uint32_t handle;
} __attribute__((packed, aligned(4)));

struct hash_fields {
    struct compact records;
    struct handle_table table;
    struct due_entry *heap;
    uint32_t heap_n, heap_cap;
    size_t outside_bytes;
};

/* ---- records ----------------------------------------------------------------------------------
 */

static uint8_t *record(const struct hash_fields *f, uint32_t handle)
{
    return compact_at(&f->records, handle);
}

static uint64_t hash_of(const void *ctx, uint32_t handle)
{
    return hash_bytes(record_field(record(ctx, handle)));
}

static bool same_field(const void *ctx, uint32_t handle, const void *key)
{
    return bytes_eq(record_field(record(ctx, handle)), *(const struct bytes *)key);
}

/* Room for a record of these flags and its outside block. May move every other record. */
static uint32_t room_for(struct hash_fields *f, uint8_t flags, size_t field_n, size_t value_n,
                         char **outside)
{
    *outside = NULL;
    if (flags & RECORD_OUTSIDE) {
        *outside = mem_alloc(field_n + value_n);
        f->outside_bytes += field_n + value_n;
    }
    return compact_alloc(&f->records, record_bytes_for(flags, field_n, value_n));
}

static void drop(struct hash_fields *f, uint32_t handle)
{
    const uint8_t *r = record(f, handle);
    if (r[0] & RECORD_OUTSIDE) {
        f->outside_bytes -= record_outside_bytes(r);
        mem_free((void *)record_parts(r));
    }
    compact_free(&f->records, handle);
}

static void on_moved(void *owner, uint32_t from, uint32_t to)
{
    struct hash_fields *f = owner;
    const uint8_t *r = record(f, to);
    handle_table_replace(&f->table, hash_of(f, to), from, to);
    if (r[0] & RECORD_DEADLINE)
        f->heap[record_heap_at(r)].handle = to;
}

/* After a write. Handles are not valid after it. */
static void maintain(struct hash_fields *f)
{
    compact_tidy(&f->records, 1);
}

/* ---- the order of deadlines: a 4-ary heap
 * -------------------------------------------------------- */

static void heap_place(struct hash_fields *f, uint32_t i, struct due_entry e)
{
    f->heap[i] = e;
    record_set_heap_at(record(f, e.handle), i);
}

static void heap_up(struct hash_fields *f, uint32_t i, struct due_entry e)
{
    while (i > 0 && e.when < f->heap[(i - 1) / 4].when) {
        heap_place(f, i, f->heap[(i - 1) / 4]);
        i = (i - 1) / 4;
    }
    heap_place(f, i, e);
}

static uint32_t least_child(const struct hash_fields *f, uint32_t i)
{
    uint32_t least = 4 * i + 1, end = least + 4 < f->heap_n ? least + 4 : f->heap_n;
    for (uint32_t c = least + 1; c < end; c++)
        if (f->heap[c].when < f->heap[least].when)
            least = c;
    return least;
}

static void heap_down(struct hash_fields *f, uint32_t i, struct due_entry e)
{
    while (4 * (uint64_t)i + 1 < f->heap_n) {
        uint32_t child = least_child(f, i);
        if (f->heap[child].when >= e.when)
            break;
        heap_place(f, i, f->heap[child]);
        i = child;
    }
    heap_place(f, i, e);
}

/* Puts e where the entry at i was, whichever way it has to go. */
static void heap_settle(struct hash_fields *f, uint32_t i, struct due_entry e)
{
    if (i > 0 && e.when < f->heap[(i - 1) / 4].when)
        heap_up(f, i, e);
    else
        heap_down(f, i, e);
}

static void heap_add(struct hash_fields *f, uint32_t handle)
{
    if (f->heap_n == f->heap_cap) {
        f->heap_cap = f->heap_cap < 8 ? 8 : f->heap_cap + f->heap_cap / 2;
        f->heap = mem_realloc(f->heap, f->heap_cap * sizeof *f->heap);
    }
    f->heap_n++;
    heap_up(f, f->heap_n - 1, (struct due_entry){record_deadline(record(f, handle)), handle});
}

static void heap_remove(struct hash_fields *f, uint32_t i)
{
    struct due_entry last = f->heap[--f->heap_n];
    if (i < f->heap_n)
        heap_settle(f, i, last);
    if (f->heap_n < f->heap_cap / 4) {
        f->heap_cap = f->heap_n * 2;
        f->heap = mem_realloc(f->heap, f->heap_cap * sizeof *f->heap);
    }
}

/* The record has moved and its deadline may have changed, come or gone: old_at is its place in the
 * heap before, or NOT_IN_HEAP. */
#define NOT_IN_HEAP UINT32_MAX

static uint32_t heap_place_of(const uint8_t *r)
{
    return r[0] & RECORD_DEADLINE ? record_heap_at(r) : NOT_IN_HEAP;
}

static void heap_follow(struct hash_fields *f, uint32_t old_at, uint32_t handle)
{
    uint64_t when = record_deadline(record(f, handle));
    if (old_at == NOT_IN_HEAP && when != 0)
        heap_add(f, handle);
    else if (old_at != NOT_IN_HEAP && when == 0)
        heap_remove(f, old_at);
    else if (when != 0)
        heap_settle(f, old_at, (struct due_entry){when, handle});
}

static void heap_forget(struct hash_fields *f, const uint8_t *r)
{
    if (r[0] & RECORD_DEADLINE)
        heap_remove(f, record_heap_at(r));
}

size_t hash_fields_remove_due(struct hash_fields *f, uint64_t now_ms, size_t max,
                              void (*each)(struct bytes field, void *ctx), void *ctx)
{
    size_t n = 0;
    for (; n < max && f->heap_n > 0 && f->heap[0].when <= now_ms; n++) {
        if (each)
            each(record_field(record(f, f->heap[0].handle)), ctx);
        hash_fields_remove(f, f->heap[0].handle);
    }
    return n;
}

static size_t due_below(const struct hash_fields *f, uint64_t i, uint64_t now_ms)
{
    if (i >= f->heap_n || f->heap[i].when > now_ms)
        return 0;
    size_t n = 1;
    for (uint64_t child = 4 * i + 1; child <= 4 * i + 4; child++)
        n += due_below(f, child, now_ms);
    return n;
}

size_t hash_fields_due(const struct hash_fields *f, uint64_t now_ms)
{
    return due_below(f, 0, now_ms);
}

uint64_t hash_fields_first_deadline(const struct hash_fields *f)
{
    return f->heap_n > 0 ? f->heap[0].when : 0;
}

/* ---- fields -----------------------------------------------------------------------------------
 */

uint32_t hash_fields_find(const struct hash_fields *f, struct bytes field)
{
    return handle_table_find(&f->table, hash_bytes(field), &field);
}

void hash_fields_read(const struct hash_fields *f, uint32_t handle, struct hash_item *item)
{
    const uint8_t *r = record(f, handle);
    item->field = record_field(r);
    item->value = record_value(r);
    item->expire_at_ms = record_deadline(r);
}

void hash_fields_add(struct hash_fields *f, struct bytes field, struct bytes value,
                     uint64_t expire_at_ms)
{
    char *outside;
    uint8_t flags = record_flags(field.n, value.n, expire_at_ms);
    uint32_t handle = room_for(f, flags, field.n, value.n, &outside);
    record_write(record(f, handle), flags, field, value, expire_at_ms, outside);
    handle_table_insert(&f->table, hash_bytes(field), handle);
    heap_follow(f, NOT_IN_HEAP, handle);
    maintain(f);
}

/* The record anew in another layout, under another handle; value NULL: the same. */
static void rebuild(struct hash_fields *f, uint32_t old, const struct bytes *value,
                    uint64_t expire_at_ms)
{
    char *outside;
    size_t field_n = record_length(record(f, old), 0);
    size_t value_n = value != NULL ? value->n : record_length(record(f, old), 1);
    uint8_t flags = record_flags(field_n, value_n, expire_at_ms);
    uint32_t handle = room_for(f, flags, field_n, value_n, &outside);
    uint8_t *from = record(f, old);
    record_write(record(f, handle), flags, record_field(from),
                 value != NULL ? *value : record_value(from), expire_at_ms, outside);
    handle_table_replace(&f->table, hash_of(f, old), old, handle);
    uint32_t heap_at = heap_place_of(from);
    drop(f, old);
    heap_follow(f, heap_at, handle);
    maintain(f);
}

/* Does a record with the new value and deadline fill the same block in the same layout? */
static bool fits_in_place(const uint8_t *r, struct bytes value, uint64_t expire_at_ms)
{
    size_t field_n = record_length(r, 0);
    uint8_t flags = record_flags(field_n, value.n, expire_at_ms);
    if (flags != r[0])
        return false;
    if (flags & RECORD_OUTSIDE)
        return value.n == record_length(r, 1);
    return slab_same_block(record_bytes(r), record_bytes_for(flags, field_n, value.n));
}

void hash_fields_replace(struct hash_fields *f, uint32_t handle, struct bytes value,
                         uint64_t expire_at_ms)
{
    uint8_t *r = record(f, handle);
    if (!fits_in_place(r, value, expire_at_ms)) {
        rebuild(f, handle, &value, expire_at_ms);
        return;
    }
    record_overwrite(r, value);
    if (expire_at_ms != 0)
        hash_fields_set_deadline(f, handle, expire_at_ms);
}

void hash_fields_set_deadline(struct hash_fields *f, uint32_t handle, uint64_t expire_at_ms)
{
    uint8_t *r = record(f, handle);
    if ((expire_at_ms != 0) != ((r[0] & RECORD_DEADLINE) != 0)) {
        rebuild(f, handle, NULL, expire_at_ms);
    } else if (expire_at_ms != 0 && expire_at_ms != record_deadline(r)) {
        record_set_deadline(r, expire_at_ms);
        heap_follow(f, record_heap_at(r), handle);
    }
}

void hash_fields_remove(struct hash_fields *f, uint32_t handle)
{
    heap_forget(f, record(f, handle));
    handle_table_erase(&f->table, hash_of(f, handle), handle);
    drop(f, handle);
    maintain(f);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

struct hash_fields *hash_fields_new(size_t expected)
{
    struct hash_fields *f = mem_calloc(sizeof *f);
    compact_init(&f->records, record_bytes, on_moved, f);
    handle_table_init(&f->table, expected, hash_of, same_field, f);
    return f;
}

static void free_outside(uint8_t *r, void *ctx)
{
    (void)ctx;
    if (r[0] & RECORD_OUTSIDE)
        mem_free((void *)record_parts(r));
}

static void each(const struct hash_fields *f, hash_fields_visit *visit, void *ctx)
{
    uint64_t cursor = 0;
    do {
        cursor = hash_fields_walk(f, cursor, visit, ctx);
    } while (cursor != 0);
}

void hash_fields_free(struct hash_fields *f)
{
    if (f->outside_bytes > 0)
        compact_each(&f->records, free_outside, NULL);
    handle_table_release(&f->table);
    compact_release(&f->records);
    mem_free(f->heap);
    mem_free(f);
}

struct copy {
    const struct hash_fields *from;
    struct hash_fields *to;
};

static void copy_record(uint32_t handle, void *ctx)
{
    struct copy *c = ctx;
    const uint8_t *r = record(c->from, handle);
    hash_fields_add(c->to, record_field(r), record_value(r), record_deadline(r));
}

struct hash_fields *hash_fields_dup(const struct hash_fields *f)
{
    struct copy c = {f, hash_fields_new(hash_fields_count(f))};
    each(f, copy_record, &c);
    return c.to;
}

size_t hash_fields_count(const struct hash_fields *f)
{
    return handle_table_count(&f->table);
}

size_t hash_fields_mem_bytes(const struct hash_fields *f)
{
    return sizeof *f - sizeof f->records.slab + compact_mem_bytes(&f->records) +
           handle_table_mem_bytes(&f->table) + f->heap_cap * sizeof *f->heap + f->outside_bytes;
}

uint64_t hash_fields_scan(const struct hash_fields *f, uint64_t cursor, hash_fields_visit *visit,
                          void *ctx)
{
    return handle_table_scan(&f->table, cursor, visit, ctx);
}

uint64_t hash_fields_walk(const struct hash_fields *f, uint64_t at, hash_fields_visit *visit,
                          void *ctx)
{
    _Static_assert(HANDLE_SLOTS <= HASH_ITER_BATCH, "an iterator holds a bucket");
    return handle_table_walk(&f->table, at, visit, ctx);
}

uint32_t hash_fields_random(const struct hash_fields *f)
{
    return handle_table_random(&f->table);
}

struct tally {
    const struct hash_fields *f;
    size_t records, with_deadline, outside;
};

static void check_record(uint32_t handle, void *ctx)
{
    struct tally *t = ctx;
    const uint8_t *r = record(t->f, handle);
    t->records++;
    t->outside += record_outside_bytes(r);
    if (hash_fields_find(t->f, record_field(r)) != handle)
        abort();
    if (r[0] & RECORD_DEADLINE) {
        uint32_t at = record_heap_at(r);
        if (at >= t->f->heap_n || t->f->heap[at].handle != handle ||
            t->f->heap[at].when != record_deadline(r) || t->f->heap[at].when == 0)
            abort();
        t->with_deadline++;
    }
}

void hash_fields_check(const struct hash_fields *f)
{
    struct tally t = {.f = f};
    each(f, check_record, &t);
    if (t.records != hash_fields_count(f) || t.with_deadline != f->heap_n ||
        t.outside != f->outside_bytes)
        abort();
    for (uint32_t i = 1; i < f->heap_n; i++)
        if (f->heap[i].when < f->heap[(i - 1) / 4].when)
            abort();
    compact_check(&f->records);
    handle_table_check(&f->table);
}
