/* DUMP and back: random values of every type and form; then payloads that are cut, and payloads with wrong
 * bytes under a right checksum. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/listpack.h"
#include "persist/crc64.h"
#include "persist/rdb_pack.h"
#include "persist/rdb_value.h"
#include "tests/unit/suites.h"
#include "types/list.h"
#include "types/registry.h"
#include "types/stream_group.h"

#define NOW_MS 1000000u

static const struct rdb_settings settings = {
    .now_ms = NOW_MS,
    .hash = {64, 64},
    .zset = {64, 64},
    .set = {128, 64, 64},
    .list_limit = -1,
    .string_max = 1 << 20,
};

START_TEST(checksum)
{
    uint8_t data[100];
    ck_assert_uint_eq(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9ca);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rng_u64();
    for (unsigned cut = 0; cut <= sizeof data; cut++)
        ck_assert_uint_eq(crc64(crc64(0, data, cut), data + cut, sizeof data - cut),
                          crc64(0, data, sizeof data));
}
END_TEST

START_TEST(lengths)
{
    static const uint64_t sizes[] = {0, 63, 64, 16383, 16384, UINT32_MAX, 1ull << 32, UINT64_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rdb_writer w = {.flush = NULL};
        uint64_t n;
        rdb_write_length(&w, sizes[i]);
        struct rdb_reader r = {(uint8_t *)w.out.p, (uint8_t *)w.out.p + w.out.n, 0};
        ck_assert(rdb_read_length(&r, &n) && n == sizes[i] && rdb_left(&r) == 0);
        r = (struct rdb_reader){(uint8_t *)w.out.p, (uint8_t *)w.out.p + w.out.n - 1, 0};
        ck_assert(!rdb_read_length(&r, &n));
        buf_release(&w.out);
    }
}
END_TEST

/* ---- values ---------------------------------------------------------------------------------- */

/* A text of its own for each i: integers, short and long words, some that compress. */
static struct bytes text_of(unsigned i, char *room)
{
    switch (i % 5) {
    case 0:
        return bytes_of(room, (size_t)sprintf(room, "%d", (int)(i * 2654435761u)));
    case 1:
        memset(room, 'x', 300);
        memcpy(room, &i, sizeof i);
        return bytes_of(room, i % 100 == 1 ? 300 : 30);
    default:
        return bytes_of(room, (size_t)sprintf(room, "text:%u", i));
    }
}

static struct hash *random_hash(unsigned n)
{
    struct hash *h = hash_new();
    bool timed = rng_below(2);
    char a[512], b[512];
    for (unsigned i = 0; i < n; i++) {
        struct hash_write w = {.limits = settings.hash, .now_ms = NOW_MS};
        if (timed && rng_below(3) == 0)
            w.expire_at_ms = NOW_MS + 1 + rng_below(1000000);
        hash_set(h, text_of(i, a), text_of((unsigned)rng_below(1000), b), &w);
    }
    return h;
}

static struct zset *random_zset(unsigned n)
{
    struct zset *z = zset_new();
    char a[512];
    for (unsigned i = 0; i < n; i++) {
        double score = rng_below(2) ? (double)rng_below(1000) - 500 : rng_unit() * 1e9;
        zset_add(z, settings.zset, text_of(i, a), &score, 0);
    }
    return z;
}

static struct set *random_set(unsigned n)
{
    struct set *s = set_new();
    char a[512];
    bool ints = rng_below(2);
    for (unsigned i = 0; i < n; i++)
        set_add(s, text_of(ints ? i * 5 : i, a), &settings.set);
    return s;
}

static struct list *random_list(unsigned n)
{
    struct list *l = list_new();
    char a[512];
    for (unsigned i = 0; i < n; i++)
        list_push(l, LIST_TAIL, text_of((unsigned)rng_below(1000), a), settings.list_limit);
    return l;
}

/* Entries with the same and with other fields, some deleted; groups that have read some and acknowledged few. */
static struct stream *random_stream(unsigned n)
{
    struct stream *s = stream_new();
    struct id id = {1, 0};
    char a[512], b[512];
    for (unsigned i = 0; i < n; i++) {
        struct bytes parts[] = {text_of(i % 3, a), text_of(i, b), BYTES("same"), BYTES("")};
        id.ms += rng_below(2);
        id.seq = id.ms == s->last_id.ms ? id.seq + 1 : rng_below(5);
        stream_append(s, id, parts, 1 + rng_below(8) / 7, (struct stream_limits){4096, 20});
        if (rng_below(5) == 0)
            stream_delete(s, id);
    }
    for (unsigned g = 0; g < rng_below(4); g++) {
        struct stream_group *group = stream_group_create(
            s, bytes_of(a, (size_t)sprintf(a, "group:%u", g)), id, STREAM_UNKNOWN);
        for (unsigned i = 0; i < rng_below(30); i++) {
            struct bytes name = bytes_of(a, (size_t)sprintf(a, "c%d", (int)rng_below(5)));
            struct stream_consumer *c = stream_consumer_find(group, name);
            c = c ? c : stream_consumer_create(group, name, (int64_t)i);
            struct id at = {rng_below(20), i};
            stream_nack_add(group, c, at, (int64_t)rng_below(1000), i);
        }
    }
    return s;
}

static struct entry *random_entry(enum value_type type)
{
    unsigned n = 1 + (unsigned)rng_below(rng_below(2) ? 20 : 400);
    struct bytes key = BYTES("key");
    char text[512];
    switch (type) {
    case TYPE_HASH:
        return entry_new_object(key, type, random_hash(n), 0);
    case TYPE_ZSET:
        return entry_new_object(key, type, random_zset(n), 0);
    case TYPE_SET:
        return entry_new_object(key, type, random_set(n), 0);
    case TYPE_LIST:
        return entry_new_object(key, type, random_list(n), 0);
    case TYPE_STREAM:
        return entry_new_object(key, type, random_stream(n), 0);
    default:
        return entry_new_string(key, text_of(n, text), 0);
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void same_hash(const struct hash *a, const struct hash *b)
{
    struct hash_iter it;
    struct hash_item x, y;
    hash_check(b);
    ck_assert_uint_eq(hash_length_all(a), hash_length_all(b));
    ck_assert_str_eq(hash_encoding(a), hash_encoding(b));
    hash_iter_init(&it, a, NOW_MS);
    while (hash_iter_next(&it, &x))
        if (!hash_get(b, x.field, NOW_MS, &y) || !bytes_eq(x.value, y.value) ||
            x.expire_at_ms != y.expire_at_ms)
            ck_abort_msg("a field differs");
}

static void same_zset(const struct zset *a, const struct zset *b)
{
    struct zset_iter ia, ib;
    struct zset_item x, y;
    zset_check(b);
    ck_assert_uint_eq(zset_length(a), zset_length(b));
    ck_assert_str_eq(zset_encoding(a), zset_encoding(b));
    zset_iter_init(&ia, a, 0, false);
    zset_iter_init(&ib, b, 0, false);
    while (zset_iter_next(&ia, &x))
        if (!zset_iter_next(&ib, &y) || !bytes_eq(x.member, y.member) || x.score != y.score)
            ck_abort_msg("a member differs");
}

static void same_set(const struct set *a, const struct set *b)
{
    struct set_iter it;
    struct set_item x;
    set_check(b);
    ck_assert_uint_eq(set_length(a), set_length(b));
    ck_assert_str_eq(set_encoding(a), set_encoding(b));
    set_iter_init(&it, a);
    while (set_iter_next(&it, &x))
        if (!set_has(b, x.member))
            ck_abort_msg("a member is missing");
}

static void same_list(const struct list *a, const struct list *b)
{
    struct list_item x, y;
    list_check(b);
    ck_assert_uint_eq(list_length(a), list_length(b));
    for (size_t i = 0; i < list_length(a); i++)
        if (!list_get(a, i, &x) || !list_get(b, i, &y) || !bytes_eq(x.value, y.value))
            ck_abort_msg("element %zu differs", i);
}

/* What is written of both is the same. */
static void same_stream(const struct stream *a, const struct stream *b)
{
    struct rdb_writer wa = {.flush = NULL}, wb = {.flush = NULL};
    stream_check(b);
    ck_assert_uint_eq(a->length, b->length);
    ck_assert_uint_eq(a->groups.n, b->groups.n);
    rdb_write_stream(&wa, a);
    rdb_write_stream(&wb, b);
    ck_assert(bytes_eq(buf_bytes(&wa.out), buf_bytes(&wb.out)));
    buf_release(&wa.out);
    buf_release(&wb.out);
}

static void check_value(const struct rdb_value *v)
{
    if (v->type == TYPE_HASH && v->object)
        hash_check(v->object);
    if (v->type == TYPE_ZSET)
        zset_check(v->object);
    if (v->type == TYPE_SET)
        set_check(v->object);
    if (v->type == TYPE_LIST)
        list_check(v->object);
    if (v->type == TYPE_STREAM)
        stream_check(v->object);
}

static void same_value(const struct entry *e, const struct rdb_value *v)
{
    char scratch[NUM_INT_MAX];
    ck_assert_int_eq(e->type, v->type);
    switch (e->type) {
    case TYPE_HASH:
        same_hash(entry_object(e), v->object);
        return;
    case TYPE_ZSET:
        same_zset(entry_object(e), v->object);
        return;
    case TYPE_SET:
        same_set(entry_object(e), v->object);
        return;
    case TYPE_LIST:
        same_list(entry_object(e), v->object);
        return;
    case TYPE_STREAM:
        same_stream(entry_object(e), v->object);
        return;
    default:
        ck_assert(bytes_eq(entry_string(e, scratch), v->text.s));
    }
}

static const enum value_type types[] = {TYPE_STRING, TYPE_HASH, TYPE_ZSET,
                                        TYPE_SET,    TYPE_LIST, TYPE_STREAM};

/* Reads from a block of exactly the bytes, so that the sanitizer sees a read past them. */
static bool read_exact(struct bytes body, struct rdb_value *v, uint8_t **block)
{
    unsigned type;
    *block = malloc(body.n ? body.n : 1);
    memcpy(*block, body.p, body.n);
    struct rdb_reader r = {*block, *block + body.n, 0};
    if (rdb_read_byte(&r, &type) && rdb_read_value(&r, type, &settings, v))
        return true;
    free(*block);
    return false;
}

static void damage(struct bytes body)
{
    struct rdb_value v;
    uint8_t *block, *copy = malloc(body.n);
    memcpy(copy, body.p, body.n);
    struct bytes changed = bytes_of(copy, body.n);
    if (rng_below(3) == 0)
        changed.n = rng_below(body.n);
    for (uint64_t i = rng_below(4); changed.n && i > 0; i--)
        copy[rng_below(rng_below(2)     ? changed.n
                       : changed.n < 20 ? changed.n
                                        : 20)] ^= (uint8_t)(1u << rng_below(8));
    if (read_exact(changed, &v, &block)) {
        check_value(&v);
        rdb_value_release(&v);
        free(block);
    }
    free(copy);
}

static void there_and_back(enum value_type type)
{
    struct entry *e = random_entry(type);
    struct buf dump = {0};
    struct bytes inside;
    struct rdb_value v;
    uint8_t *block;
    rdb_dump(&dump, e, NOW_MS);
    ck_assert(rdb_dump_open(buf_bytes(&dump), &inside));
    ck_assert(read_exact(inside, &v, &block));
    same_value(e, &v);
    rdb_value_release(&v);
    free(block);
    for (unsigned i = 0; i < 20; i++)
        damage(inside);
    dump.p[rng_below(dump.n)] ^= 1;
    ck_assert(!rdb_dump_open(buf_bytes(&dump), &inside));
    buf_release(&dump);
    entry_free(e);
}

START_TEST(round_trips)
{
    types_register();
    rng_seed((uint64_t)_i + 1);
    for (unsigned i = 0; i < UNIT_STEPS(500); i++)
        there_and_back(types[_i]);
}
END_TEST

START_TEST(cut_everywhere)
{
    types_register();
    for (unsigned i = 0; i < 6; i++) {
        struct entry *e = random_entry(types[i]);
        struct buf dump = {0};
        struct rdb_value v;
        uint8_t *block;
        rdb_dump(&dump, e, NOW_MS);
        for (size_t n = 0; n < dump.n - 10; n += 1 + n / 200)
            ck_assert(!read_exact(bytes_of(dump.p, n), &v, &block));
        buf_release(&dump);
        entry_free(e);
    }
}
END_TEST

/* ---- what claims more than it has ------------------------------------------------------------ */

START_TEST(large_claims)
{
    /* Counts and lengths of 2^62 and 2^31, LZF that would be 4 GiB, doubles, scores that are no numbers. */
    static const struct bytes bad[] = {
        BYTES("\x02\x81\x40\0\0\0\0\0\0\0"),
        BYTES("\x04\x80\x7f\xff\xff\xff\x01"),
        BYTES("\x00\x81\x40\0\0\0\0\0\0\0"),
        BYTES("\x00\xc3\x03\x80\xff\xff\xff\xff\x00\x61\x61"),
        BYTES("\x12\x01\x02\x07\x07\0\0\0\0\0\xff"),
        BYTES("\x02\x02\x01\x61\x01\x61"),
        BYTES("\x04\x02\x01\x61\x01\x62\x01\x61\x01\x62"),
        BYTES("\x0b\x0c\x02\0\0\0\x02\0\0\0\x05\0\x05\0"),
        BYTES("\x05\x01\x01\x61\0\0\0\0\0\0\xf8\x7f"),
        BYTES("\x03\x01\x01\x61\xfd"),
        BYTES("\x07\x01"),
        BYTES("\xff"),
    };
    struct rdb_value v;
    uint8_t *block;
    types_register();
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!read_exact(bad[i], &v, &block), "payload %u is taken", i);
}
END_TEST

static bool ignore(struct bytes s, void *ctx)
{
    *(size_t *)ctx += s.n;
    return true;
}

/* A ziplist and a zipmap with every bit wrong once; and noise. */
START_TEST(old_packs)
{
    static const struct bytes packs[] = {
        BYTES("\x1e\0\0\0\x17\0\0\0\x04\0\x00\x01"
              "a\x03\xf2\x02\xc0\x39\x30\x04\x03xyz\xff"),
        BYTES("\x02\x01"
              "a\x02\x00"
              "bc\x01"
              "d\x01\x02"
              "e..\xff"),
    };
    for (unsigned k = 0; k < 2; k++) {
        enum rdb_pack form = k == 0 ? RDB_PACK_ZIPLIST : RDB_PACK_ZIPMAP;
        size_t sum = 0;
        char *copy = malloc(packs[k].n);
        memcpy(copy, packs[k].p, packs[k].n);
        if (k == 0) {
            copy[0] = (char)packs[k].n;
            copy[4] = (char)(packs[k].n - 6);
        }
        struct bytes pack = bytes_of(copy, packs[k].n);
        ck_assert(rdb_pack_each(form, pack, ignore, &sum));
        for (unsigned bit = 0; bit < 8 * pack.n; bit++) {
            copy[bit / 8] ^= (char)(1 << bit % 8);
            rdb_pack_each(form, pack, ignore, &sum);
            copy[bit / 8] ^= (char)(1 << bit % 8);
        }
        for (size_t n = 0; n < pack.n; n++)
            ck_assert(!rdb_pack_each(form, bytes_of(copy, n), ignore, &sum));
        free(copy);
    }
}
END_TEST

Suite *suite_rdb(void)
{
    Suite *s = suite_create("rdb");
    TCase *t = tcase_create("rdb");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, checksum);
    tcase_add_test(t, lengths);
    tcase_add_loop_test(t, round_trips, 0, 6);
    tcase_add_test(t, cut_everywhere);
    tcase_add_test(t, large_claims);
    tcase_add_test(t, old_packs);
    suite_add_tcase(s, t);
    return s;
}
