/* The stream against an array of entries, and its groups against arrays of who has what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/listpack.h"
#include "tests/unit/suites.h"
#include "types/stream.h"
#include "types/stream_group.h"

#define MODEL_MAX 4000
#define GROUPS    3
#define CONSUMERS 3

struct model_entry {
    struct id id;
    bool deleted;
    unsigned kind;             /* which fields it has */
    signed char owner[GROUPS]; /* the consumer it is pending of, -1: of none */
};

struct model {
    struct model_entry at[MODEL_MAX];
    size_t n;
    struct id group_last[GROUPS];
};

/* Entries are made from their kind and number, so that the model keeps no text. */
static size_t make_parts(unsigned kind, struct id id, struct bytes *parts, char text[16][32])
{
    size_t nfields = kind % 3 + 1;
    for (size_t i = 0; i < nfields; i++) {
        int n = sprintf(text[2 * i], kind < 3 ? "field%zu" : "%zu", i);
        parts[2 * i] = bytes_of(text[2 * i], (size_t)n);
        n = sprintf(text[2 * i + 1], "%llu", (unsigned long long)(id.ms * (i + 1)));
        parts[2 * i + 1] = bytes_of(text[2 * i + 1], (size_t)n);
    }
    return nfields;
}

static void compare_entry(struct stream_iter *it, const struct model_entry *e)
{
    struct bytes parts[16];
    char text[16][32];
    struct stream_item item;
    size_t nfields = make_parts(e->kind, e->id, parts, text);
    if (id_cmp(it->entry.id, e->id) != 0 || it->entry.nfields != nfields)
        ck_abort_msg("another entry");
    for (size_t i = 0; i < nfields; i++)
        if (!stream_iter_field(it, &item) || !bytes_eq(item.field, parts[2 * i]) ||
            !bytes_eq(item.value, parts[2 * i + 1]))
            ck_abort_msg("another field");
    if (stream_iter_field(it, &item))
        ck_abort_msg("a field too many");
}

static void compare_range(const struct stream *s, const struct model *m, struct id low,
                          struct id high, bool reverse)
{
    struct stream_iter it;
    stream_iter_init(&it, s, low, high, reverse);
    for (size_t k = 0; k < m->n; k++) {
        const struct model_entry *e = &m->at[reverse ? m->n - 1 - k : k];
        if (e->deleted || id_cmp(e->id, low) < 0 || id_cmp(e->id, high) > 0)
            continue;
        if (!stream_iter_next(&it))
            ck_abort_msg("the walk ends early");
        compare_entry(&it, e);
    }
    ck_assert(!stream_iter_next(&it) && !stream_iter_next(&it));
}

static size_t model_length(const struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += !m->at[i].deleted;
    return n;
}

static struct id random_id(const struct model *m)
{
    struct id id = m->n ? m->at[rng_below(m->n)].id : ID_MIN;
    id.seq += rng_below(2);
    return id;
}

static struct bytes group_name(size_t g)
{
    static const char *names[] = {"g0", "g1", "g2"};
    return bytes_str(names[g]);
}

static void compare_groups(const struct stream *s, const struct model *m)
{
    for (size_t g = 0; g < GROUPS; g++) {
        struct stream_group *group = stream_group_find(s, group_name(g));
        size_t pending = 0;
        for (size_t i = 0; i < m->n; i++) {
            struct stream_nack *n = stream_nack_find(group, m->at[i].id);
            if ((n != NULL) != (m->at[i].owner[g] >= 0))
                ck_abort_msg("pending or not");
            if (n && n->consumer->name.p[0] != 'a' + m->at[i].owner[g])
                ck_abort_msg("another owner");
            pending += n != NULL;
        }
        ck_assert_uint_eq(group->pending.n, pending);
    }
}

static void add(struct stream *s, struct model *m, struct stream_limits limits)
{
    struct model_entry *e = &m->at[m->n];
    struct bytes parts[16];
    char text[16][32];
    e->id = s->last_id;
    e->id.ms += rng_below(3);
    e->id.seq = e->id.ms == s->last_id.ms ? e->id.seq + 1 + rng_below(3)
                                          : rng_below(2) * (rng_below(UINT64_MAX - 1) / 2);
    if (e->id.seq == 0 && e->id.ms == 0)
        e->id.seq = 1;
    e->kind = rng_below(5) ? 1 : (unsigned)rng_below(6);
    e->deleted = false;
    memset(e->owner, -1, sizeof e->owner);
    size_t nfields = make_parts(e->kind, e->id, parts, text);
    if (id_cmp(e->id, s->last_id) <= 0)
        return;
    stream_append(s, e->id, parts, nfields, limits);
    m->n++;
}

static bool model_needed(const struct model *m, size_t i)
{
    for (size_t g = 0; g < GROUPS; g++)
        if (m->at[i].owner[g] >= 0 || id_cmp(m->group_last[g], m->at[i].id) < 0)
            return true;
    return false;
}

static void trim(struct stream *s, struct model *m)
{
    size_t length = model_length(m), removed = 0;
    struct stream_trim t = {
        .by_id = rng_below(2), .length = rng_below(length + 3), .min = random_id(m)};
    t.refs = rng_below(3) ? STREAM_KEEP_REFS : rng_below(2) ? STREAM_DELETE_REFS : STREAM_ACKED;
    for (size_t i = 0; i < m->n; i++) {
        struct model_entry *e = &m->at[i];
        if (t.by_id ? id_cmp(e->id, t.min) >= 0 : length - removed <= t.length)
            break;
        if (e->deleted || (t.refs == STREAM_ACKED && model_needed(m, i)))
            continue;
        e->deleted = true;
        removed++;
        if (t.refs == STREAM_DELETE_REFS)
            memset(e->owner, -1, sizeof e->owner);
    }
    ck_assert_uint_eq(stream_trim(s, &t), removed);
}

/* Approximate: whole blocks, never too many. */
static void trim_roughly(struct stream *s, struct model *m)
{
    size_t length = model_length(m), target = rng_below(length + 1);
    struct stream_trim t = {.approx = true, .length = target, .limit = rng_below(2) ? 50 : 0};
    uint64_t removed = stream_trim(s, &t);
    ck_assert(length - removed >= target && (t.limit == 0 || removed <= t.limit));
    for (size_t i = 0; removed; i++) {
        removed -= !m->at[i].deleted;
        m->at[i].deleted = true;
    }
}

static void read_group(struct stream *s, struct model *m, size_t g)
{
    struct stream_group *group = stream_group_find(s, group_name(g));
    unsigned owner = (unsigned)rng_below(CONSUMERS);
    char name = (char)('a' + owner);
    struct stream_iter it;
    struct id from = group->last_id;
    stream_consumer_create(group, bytes_of(&name, 1), 1);
    struct stream_consumer *c = stream_consumer_find(group, bytes_of(&name, 1));
    if (!id_increment(&from))
        return;
    stream_iter_init(&it, s, from, ID_MAX, false);
    for (size_t i = 0; i < m->n; i++) {
        struct model_entry *e = &m->at[i];
        if (e->deleted || id_cmp(e->id, from) < 0)
            continue;
        if (rng_below(8) == 0 || !stream_iter_next(&it))
            return;
        stream_group_advance(s, group, it.entry.id);
        stream_nack_add(group, c, it.entry.id, (int64_t)rng_below(100), 1);
        m->group_last[g] = e->id;
        e->owner[g] = (signed char)owner;
    }
}

static void claim(struct stream *s, struct model *m, size_t g)
{
    struct stream_group *group = stream_group_find(s, group_name(g));
    struct stream_consumer *c = stream_consumer_find(group, BYTES("b"));
    if (!c)
        return;
    for (size_t i = 0; i < m->n; i++) {
        struct stream_nack *n = stream_nack_find(group, m->at[i].id);
        if (!n || rng_below(4))
            continue;
        stream_nack_move(group, n, c, (int64_t)rng_below(100));
        m->at[i].owner[g] = 1;
    }
    struct id from = ID_MIN;
    struct stream_nack *n;
    int64_t last = 0;
    size_t seen = 0;
    while ((n = stream_nack_oldest(group, &from))) {
        ck_assert(n->delivered_at_ms >= last);
        last = n->delivered_at_ms;
        seen++;
    }
    ck_assert_uint_eq(seen, group->pending.n);
}

static void drop_consumer(struct stream *s, struct model *m, size_t g)
{
    struct stream_group *group = stream_group_find(s, group_name(g));
    struct stream_consumer *c = stream_consumer_find(group, BYTES("c"));
    if (c)
        stream_consumer_delete(group, c);
    for (size_t i = 0; i < m->n; i++)
        if (m->at[i].owner[g] == 2)
            m->at[i].owner[g] = -1;
}

static void step(struct stream *s, struct model *m, struct stream_limits limits)
{
    size_t kind = rng_below(100), i = m->n ? rng_below(m->n) : 0, g = rng_below(GROUPS);
    if (kind < 70 || m->n == 0) {
        if (m->n < MODEL_MAX)
            add(s, m, limits);
    } else if (kind < 80) {
        ck_assert(stream_has(s, m->at[i].id) == !m->at[i].deleted);
        ck_assert(stream_delete(s, m->at[i].id) == !m->at[i].deleted);
        m->at[i].deleted = true;
    } else if (kind < 82) {
        rng_below(2) ? trim(s, m) : trim_roughly(s, m);
    } else if (kind < 90) {
        read_group(s, m, g);
    } else if (kind < 97) {
        ck_assert(stream_nack_remove(stream_group_find(s, group_name(g)), m->at[i].id) ==
                  (m->at[i].owner[g] >= 0));
        m->at[i].owner[g] = -1;
    } else {
        kind < 99 ? claim(s, m, g) : drop_consumer(s, m, g);
    }
}

static void compare(const struct stream *s, const struct model *m)
{
    struct id low = random_id(m), high = random_id(m);
    stream_check(s);
    ck_assert_uint_eq(s->length, model_length(m));
    compare_range(s, m, ID_MIN, ID_MAX, rng_below(2));
    compare_range(s, m, low, high, rng_below(2));
    compare_groups(s, m);
}

static void run(struct stream_limits limits)
{
    struct stream *s = stream_new();
    struct model *m = mem_calloc(sizeof *m);
    for (size_t g = 0; g < GROUPS; g++)
        ck_assert(stream_group_create(s, group_name(g), ID_MIN, 0));
    for (size_t i = 0; i < UNIT_STEPS(5000); i++) {
        step(s, m, limits);
        if (i % 10 == 0)
            compare(s, m);
    }
    struct stream *copy = stream_dup(s);
    stream_free(s);
    compare(copy, m);
    stream_free(copy);
    mem_free(m);
}

START_TEST(against_an_array)
{
    static const struct stream_limits limits[] = {{4096, 100}, {0, 5}, {200, 0}, {0, 1}};
    run(limits[_i]);
}
END_TEST

/* The bytes of a block, as redis-server writes them for the same entries. */
START_TEST(the_packed_form)
{
    struct bytes parts[] = {BYTES("a"), BYTES("1"), BYTES("b"), BYTES("x")};
    struct bytes other[] = {BYTES("c"), BYTES("y")};
    static const uint8_t expected[] = "\x33\0\0\0\x13\0"
                                      "\x02\x01\x00\x01\x02\x01\x81"
                                      "a\x02\x81"
                                      "b\x02\x00\x01"
                                      "\x02\x01\x00\x01\x00\x01\x01\x01\x81x\x02\x05\x01"
                                      "\x00\x01\x01\x01\xdf\xff\x02\x01\x01\x81"
                                      "c\x02\x81y\x02\x06\x01\xff";
    struct stream *s = stream_new();
    struct stream_limits limits = {4096, 100};
    struct idmap_at at;
    stream_append(s, (struct id){5, 1}, parts, 2, limits);
    stream_append(s, (struct id){6, 0}, other, 1, limits);
    ck_assert(idmap_first(&s->nodes, &at) && s->nodes.n == 1);
    ck_assert_uint_eq(lp_bytes(at.value), sizeof expected - 1);
    ck_assert_mem_eq(at.value, expected, sizeof expected - 1);
    ck_assert(stream_block_valid(at.value, lp_bytes(at.value)));
    stream_free(s);
}
END_TEST

/* A block of our own is well formed; with any byte of it changed it is refused, or still safe to walk and mark. */
START_TEST(blocks_from_outside)
{
    struct stream *s = stream_new();
    struct stream_limits limits = {4096, 100};
    struct bytes parts[16];
    char text[16][32];
    struct idmap_at at;
    for (uint64_t i = 1; i < 12; i++) {
        struct id id = {i * 1000, i};
        stream_append(s, id, parts, make_parts(i % 4 ? 1 : 4, id, parts, text), limits);
    }
    ck_assert(idmap_first(&s->nodes, &at));
    size_t n = lp_bytes(at.value), taken = 0;
    for (size_t i = 0; i < UNIT_STEPS(100000); i++) {
        uint8_t *block = lp_dup(at.value);
        struct stream *loaded = stream_new();
        block[rng_below(n)] = (uint8_t)rng_below(256);
        if (!stream_block_valid(block, n) || !stream_load_block(loaded, at.id, block)) {
            lp_free(block);
        } else {
            struct stream_trim t = {.length = rng_below(12)};
            stream_find_first_id(loaded);
            stream_check(loaded);
            stream_trim(loaded, &t);
            stream_check(loaded);
            taken++;
        }
        stream_free(loaded);
    }
    ck_assert_uint_gt(taken, 0);
    stream_free(s);
}
END_TEST

START_TEST(a_block_of_wide_flags_is_refused)
{
    struct bytes parts[] = {BYTES("a"), BYTES("x")};
    uint8_t *block = stream_block_new(parts, 1), *at;
    block = stream_block_append(block, (struct id){5, 1}, (struct id){5, 1}, parts, 1);
    struct stream_packed e;
    ck_assert(stream_block_first(block, (struct id){5, 1}, &e) &&
              stream_block_valid(block, lp_bytes(block)));
    /* 2 as an integer of 16 bits, which no writer of ours makes. */
    size_t before = (size_t)(e.flags_at - block), n = lp_bytes(block);
    at = mem_alloc(n + 2);
    memcpy(at, block, before);
    memcpy(at + before, "\xf1\x02\x00\x03", 4);
    memcpy(at + before + 4, block + before + 2, n - before - 2);
    at[0] = (uint8_t)(n + 2);
    ck_assert(lp_validate(at, n + 2, NULL, NULL));
    ck_assert(!stream_block_valid(at, n + 2));
    mem_free(at);
    lp_free(block);
}
END_TEST

START_TEST(what_a_stream_takes)
{
    ck_assert(stream_takes(1 << 29, 1) && stream_takes(0, 1 << 20) &&
              !stream_takes((size_t)1 << 30, 1));
    ck_assert(!stream_takes(0, SIZE_MAX) && !stream_takes(SIZE_MAX, 0));
}
END_TEST

START_TEST(a_million_entries_are_small)
{
    struct stream *s = stream_new();
    struct stream_limits limits = {4096, 100};
    size_t n = UNIT_STEPS(200000);
    for (size_t i = 1; i <= n; i++) {
        char text[3][24];
        struct bytes parts[6] = {BYTES("user"), {0}, BYTES("action"), {0}, BYTES("amount"), {0}};
        parts[1] = bytes_of(text[0], (size_t)sprintf(text[0], "user:%zu", i));
        parts[3] = bytes_of(text[1], (size_t)sprintf(text[1], "click%zu", i % 10));
        parts[5] = bytes_of(text[2], (size_t)sprintf(text[2], "%zu", i * 7));
        stream_append(s, (struct id){1700000000000 + i, 0}, parts, 3, limits);
    }
    ck_assert_uint_lt(stream_mem_bytes(s), n * 48);
    stream_free(s);
}
END_TEST

Suite *suite_stream(void)
{
    Suite *s = suite_create("types/stream");
    TCase *t = tcase_create("stream");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, against_an_array, 0, 4);
    tcase_add_test(t, the_packed_form);
    tcase_add_test(t, blocks_from_outside);
    tcase_add_test(t, a_block_of_wide_flags_is_refused);
    tcase_add_test(t, what_a_stream_takes);
    tcase_add_test(t, a_million_entries_are_small);
    suite_add_tcase(s, t);
    return s;
}
