#include "types/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "keyspace/entry.h"
#include "types/registry.h"
#include "types/set_table.h"

struct set {
    enum set_form form;
    union {
        uint8_t *block; /* SET_INTS, SET_PACK */
        struct set_table *table;
    };
};

/* ---- lifetime ----------------------------------------------------------------------------------
 */

struct set *set_of_block(enum set_form form, uint8_t *block)
{
    struct set *s = mem_alloc(sizeof *s);
    s->form = form;
    s->block = block;
    return s;
}

struct set *set_new(void)
{
    return set_of_block(SET_INTS, intset_new());
}

static void free_form(struct set *s)
{
    switch (s->form) {
    case SET_INTS:
        intset_free(s->block);
        return;
    case SET_PACK:
        lp_free(s->block);
        return;
    case SET_TABLE:
        set_table_free(s->table);
        return;
    }
}

void set_free(struct set *s)
{
    free_form(s);
    mem_free(s);
}

static void add_all(struct set_table *t, const struct set *from)
{
    struct set_iter it;
    struct set_item item;
    set_iter_init(&it, from);
    while (set_iter_next(&it, &item))
        set_table_add(t, item.member, hash_bytes(item.member));
}

struct set *set_dup(const struct set *s)
{
    if (s->form == SET_INTS)
        return set_of_block(SET_INTS, intset_dup(s->block));
    if (s->form == SET_PACK)
        return set_of_block(SET_PACK, lp_dup(s->block));
    struct set *copy = mem_alloc(sizeof *copy);
    copy->form = SET_TABLE;
    copy->table = set_table_new(set_length(s));
    add_all(copy->table, s);
    return copy;
}

/* ---- sizes -------------------------------------------------------------------------------------
 */

size_t set_length(const struct set *s)
{
    switch (s->form) {
    case SET_INTS:
        return intset_length(s->block);
    case SET_PACK:
        return lp_length(s->block);
    default:
        return set_table_count(s->table);
    }
}

const char *set_encoding(const struct set *s)
{
    static const char *const names[] = {"intset", "listpack", "hashtable"};
    return names[s->form];
}

size_t set_mem_bytes(const struct set *s)
{
    return sizeof *s +
           (s->form == SET_TABLE ? set_table_mem_bytes(s->table) : mem_usable(s->block));
}

enum set_form set_form(const struct set *s)
{
    return s->form;
}

const uint8_t *set_block(const struct set *s)
{
    return s->block;
}

/* ---- forms -------------------------------------------------------------------------------------
 */

static void to_table(struct set *s, size_t expected)
{
    struct set_table *t = set_table_new(expected);
    add_all(t, s);
    free_form(s);
    s->form = SET_TABLE;
    s->table = t;
}

static void to_pack(struct set *s)
{
    size_t n = intset_length(s->block);
    uint8_t *lp = lp_new(0);
    for (size_t i = 0; i < n; i++)
        lp = lp_append_int(lp, intset_get(s->block, i));
    intset_free(s->block);
    s->form = SET_PACK;
    s->block = lp;
}

void set_expect(struct set *s, size_t n, const struct set_limits *limits)
{
    size_t most = s->form == SET_INTS ? limits->intset : limits->entries;
    if (s->form != SET_TABLE && n > most)
        to_table(s, n);
}

/* Integers are short: they fit where the limit of a member's length is that of no integer. */
static bool ints_fit(const struct set *s, const struct set_limits *limits)
{
    char text[NUM_INT_MAX];
    size_t n = intset_length(s->block);
    if (n == 0)
        return true;
    return num_format_int(text, intset_get(s->block, 0)) <= limits->value &&
           num_format_int(text, intset_get(s->block, n - 1)) <= limits->value;
}

/* ---- members -----------------------------------------------------------------------------------
 */

static bool add_to_table(struct set *s, struct bytes member)
{
    uint64_t hash = hash_bytes(member);
    if (set_table_find(s->table, member, hash))
        return false;
    set_table_add(s->table, member, hash);
    return true;
}

static void append_to_pack(struct set *s, struct bytes member, const struct set_limits *limits)
{
    if (lp_length(s->block) < limits->entries && member.n <= limits->value &&
        lp_fits(s->block, member.n)) {
        s->block = lp_append(s->block, member);
        return;
    }
    to_table(s, lp_length(s->block) + 1);
    add_to_table(s, member);
}

static bool add_to_pack(struct set *s, struct bytes member, const struct set_limits *limits)
{
    if (lp_find(s->block, lp_first(s->block), member, 0))
        return false;
    append_to_pack(s, member, limits);
    return true;
}

static bool add_to_ints(struct set *s, struct bytes member, const struct set_limits *limits)
{
    int64_t v;
    bool added;
    size_t n = intset_length(s->block);
    if (num_parse_int(member, &v)) {
        s->block = intset_add(s->block, v, &added);
        if (added && n + 1 > limits->intset)
            to_table(s, n + 1);
        return added;
    }
    if (n < limits->entries && member.n <= limits->value && ints_fit(s, limits)) {
        to_pack(s);
        s->block = lp_append(s->block, member);
        return true;
    }
    to_table(s, n + 1);
    return add_to_table(s, member);
}

bool set_add(struct set *s, struct bytes member, const struct set_limits *limits)
{
    switch (s->form) {
    case SET_INTS:
        return add_to_ints(s, member, limits);
    case SET_PACK:
        return add_to_pack(s, member, limits);
    default:
        return add_to_table(s, member);
    }
}

void set_add_new(struct set *s, struct bytes member, const struct set_limits *limits)
{
    if (s->form == SET_PACK)
        append_to_pack(s, member, limits);
    else if (s->form == SET_INTS)
        add_to_ints(s, member, limits);
    else
        set_table_add(s->table, member, hash_bytes(member));
}

static bool remove_from_pack(struct set *s, struct bytes member)
{
    uint8_t *at = lp_find(s->block, lp_first(s->block), member, 0);
    if (at)
        s->block = lp_delete(s->block, &at);
    else
        return false;
    return true;
}

bool set_remove(struct set *s, struct bytes member)
{
    int64_t v;
    bool removed = false;
    if (s->form == SET_PACK)
        return remove_from_pack(s, member);
    if (s->form == SET_INTS) {
        if (num_parse_int(member, &v))
            s->block = intset_remove(s->block, v, &removed);
        return removed;
    }
    uint32_t handle = set_table_find(s->table, member, hash_bytes(member));
    if (handle)
        set_table_remove(s->table, handle);
    return handle != 0;
}

bool set_has_hashed(const struct set *s, struct bytes member, uint64_t hash)
{
    int64_t v;
    size_t at;
    switch (s->form) {
    case SET_INTS:
        return num_parse_int(member, &v) && intset_find(s->block, v, &at);
    case SET_PACK:
        return lp_find(s->block, lp_first(s->block), member, 0) != NULL;
    default:
        return set_table_find(s->table, member, hash) != 0;
    }
}

bool set_has(const struct set *s, struct bytes member)
{
    return set_has_hashed(s, member, s->form == SET_TABLE ? hash_bytes(member) : 0);
}

/* ---- walking -----------------------------------------------------------------------------------
 */

void set_iter_init(struct set_iter *it, const struct set *s)
{
    it->s = s;
    it->at = 0;
    it->n = it->i = 0;
    it->end = false;
    it->pos = s->form == SET_PACK ? lp_first(s->block) : NULL;
}

static void take(uint32_t handle, void *ctx)
{
    struct set_iter *it = ctx;
    it->batch[it->n++] = handle;
}

_Static_assert(SET_ITER_BATCH >= HANDLE_SLOTS, "a bucket's handles fit the batch");

static void read_int(const struct set *s, size_t i, struct set_item *item)
{
    item->member = bytes_of(item->scratch, num_format_int(item->scratch, intset_get(s->block, i)));
}

static bool next_in_table(struct set_iter *it, struct set_item *item)
{
    while (it->i == it->n) {
        if (it->end)
            return false;
        it->i = it->n = 0;
        it->at = handle_table_walk(&it->s->table->table, it->at, take, it);
        it->end = it->at == 0;
    }
    item->member = set_table_member(it->s->table, it->batch[it->i++]);
    return true;
}

bool set_iter_next(struct set_iter *it, struct set_item *item)
{
    const struct set *s = it->s;
    switch (s->form) {
    case SET_INTS:
        if (it->at == intset_length(s->block))
            return false;
        read_int(s, it->at++, item);
        return true;
    case SET_PACK:
        if (!it->pos)
            return false;
        item->member = lp_get_bytes(it->pos, item->scratch);
        it->pos = lp_next(s->block, it->pos);
        return true;
    default:
        return next_in_table(it, item);
    }
}

struct scan {
    const struct set *s;
    set_visit *visit;
    void *ctx;
    size_t seen;
};

static void scan_one(uint32_t handle, void *ctx)
{
    struct scan *sc = ctx;
    struct set_item item;
    item.member = set_table_member(sc->s->table, handle);
    sc->visit(&item, sc->ctx);
    sc->seen++;
}

uint64_t set_scan(const struct set *s, uint64_t cursor, size_t count, set_visit *visit, void *ctx)
{
    struct scan sc = {s, visit, ctx, 0};
    if (s->form != SET_TABLE) {
        struct set_iter it;
        struct set_item item;
        set_iter_init(&it, s);
        while (set_iter_next(&it, &item))
            visit(&item, ctx);
        return 0;
    }
    do
        cursor = handle_table_scan(&s->table->table, cursor, scan_one, &sc);
    while (cursor && sc.seen < count);
    return cursor;
}

/* ---- at random ---------------------------------------------------------------------------------
 */

void set_random(const struct set *s, struct set_item *item)
{
    if (s->form == SET_INTS)
        read_int(s, rng_below(intset_length(s->block)), item);
    else if (s->form == SET_PACK)
        item->member =
            lp_get_bytes(lp_seek(s->block, (int64_t)rng_below(lp_length(s->block))), item->scratch);
    else
        item->member = set_table_member(s->table, handle_table_random(&s->table->table));
}

/* Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S): one pass. */
static void select_in_one_pass(const struct set *s, size_t want, set_visit *visit, void *ctx)
{
    struct set_iter it;
    struct set_item item;
    size_t left = set_length(s);
    set_iter_init(&it, s);
    for (; want > 0 && set_iter_next(&it, &item); left--) {
        if (rng_below(left) >= want)
            continue;
        visit(&item, ctx);
        want--;
    }
}

/* Handles that were drawn, by open addressing, at most half full; 0 is no handle. */
static bool mark_drawn(uint32_t *slots, size_t mask, uint32_t handle)
{
    size_t i = (handle * 0x9E3779B1u) & mask;
    for (; slots[i]; i = (i + 1) & mask) {
        if (slots[i] == handle)
            return false;
    }
    slots[i] = handle;
    return true;
}

static void select_by_drawing(const struct set *s, size_t want, set_visit *visit, void *ctx)
{
    size_t mask = 15;
    while (mask < 2 * want)
        mask = 2 * mask + 1;
    uint32_t *slots = mem_calloc((mask + 1) * sizeof *slots);
    while (want > 0) {
        uint32_t handle = handle_table_random(&s->table->table);
        if (!mark_drawn(slots, mask, handle))
            continue;
        struct set_item item;
        item.member = set_table_member(s->table, handle);
        visit(&item, ctx);
        want--;
    }
    mem_free(slots);
}

void set_random_distinct(const struct set *s, size_t n, set_visit *visit, void *ctx)
{
    if (s->form == SET_TABLE && n < set_length(s) / 4)
        select_by_drawing(s, n, visit, ctx);
    else
        select_in_one_pass(s, n, visit, ctx);
}

/* ---- what the keyspace must know --------------------------------------------------------------
 */

void set_check(const struct set *s)
{
    if (s->form == SET_INTS)
        intset_check(s->block);
    else if (s->form == SET_PACK)
        lp_check(s->block);
    else
        set_table_check(s->table);
}

static void free_object(void *object)
{
    set_free(object);
}

static void *dup_object(const void *object)
{
    return set_dup(object);
}

static size_t mem_bytes_of(const void *object)
{
    return set_mem_bytes(object);
}

/* A small set is one block, a table its chunks. */
static size_t free_effort_of(const void *object)
{
    return set_mem_bytes(object) / 4096;
}

static const char *encoding_of(const void *object)
{
    return set_encoding(object);
}

static size_t length_of(const void *object)
{
    return set_length(object);
}

const struct type_ops set_ops = {
    .name = "set",
    .free = free_object,
    .dup = dup_object,
    .mem_bytes = mem_bytes_of,
    .free_effort = free_effort_of,
    .encoding = encoding_of,
    .length = length_of,
};
