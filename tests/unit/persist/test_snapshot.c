/* A keyspace to a file and back; files with wrong bytes whose checksum is not there to tell. */
#include "persist/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/list.h"
#include "types/registry.h"

#define KEYS 2000

static char path[] = "/tmp/atrium-snapshot-XXXXXX";

static struct rdb_settings settings_now(void)
{
    return (struct rdb_settings){.now_ms = clock_wall_ms(),
                                 .hash = {64, 64},
                                 .zset = {64, 64},
                                 .set = {128, 64, 64},
                                 .list_limit = -2,
                                 .string_max = SIZE_MAX};
}

static void put(struct keyspace *ks, unsigned db, struct entry *e, uint64_t deadline_ms)
{
    struct keyref k = keyspace_ref(ks, entry_key(e));
    pthread_mutex_lock(&k.shard->lock);
    keyspace_put_locked(ks, db, &k, e, deadline_ms);
    pthread_mutex_unlock(&k.shard->lock);
}

static struct entry *find(struct keyspace *ks, unsigned db, unsigned i)
{
    char name[32];
    struct bytes key = bytes_of(name, (size_t)sprintf(name, "key:%u", i));
    struct keyref k = keyspace_ref(ks, key);
    return keyspace_find_locked(ks, db, &k, clock_wall_ms());
}

/* Key i holds i, or a hash of i; some have a deadline, some client flags. */
static void fill(struct keyspace *ks)
{
    struct hash_write w = {.limits = {64, 64}};
    for (unsigned i = 0; i < KEYS; i++) {
        char name[32], value[32];
        struct bytes key = bytes_of(name, (size_t)sprintf(name, "key:%u", i));
        struct bytes text = bytes_of(value, (size_t)sprintf(value, "value:%u", i));
        uint64_t deadline_ms = i % 5 ? 0 : clock_wall_ms() + 1000000 + i;
        unsigned room =
            (deadline_ms ? ENTRY_HAS_DEADLINE : 0) | (i % 3 ? 0 : ENTRY_HAS_CLIENT_FLAGS);
        struct hash *h = i % 7 ? NULL : hash_new();
        if (h)
            hash_set(h, BYTES("field"), text, &w);
        struct entry *e =
            h ? entry_new_object(key, TYPE_HASH, h, room) : entry_new_string(key, text, room);
        if (i % 3 == 0)
            entry_set_client_flags(e, i);
        put(ks, i % 11 % DB_COUNT, e, deadline_ms);
    }
}

static void same(struct keyspace *a, struct keyspace *b)
{
    for (unsigned i = 0; i < KEYS; i++) {
        char sa[NUM_INT_MAX], sb[NUM_INT_MAX];
        struct entry *ea = find(a, i % 11, i), *eb = find(b, i % 11, i);
        ck_assert(ea && eb && ea->type == eb->type);
        ck_assert_uint_eq(entry_deadline_ms(ea), entry_deadline_ms(eb));
        ck_assert_uint_eq(entry_client_flags(ea), entry_client_flags(eb));
        if (ea->type == TYPE_STRING)
            ck_assert(bytes_eq(entry_string(ea, sa), entry_string(eb, sb)));
        else
            ck_assert_uint_eq(hash_length_all(entry_object(eb)), 1);
    }
}

static void save(struct keyspace *ks)
{
    struct snapshot_info info = {.program_version = "0", .now_ms = clock_wall_ms()};
    struct buf error = {0};
    close(mkstemp(path));
    ck_assert_msg(snapshot_write(ks, path, &info, &error), "%.*s", (int)error.n, error.p);
}

static enum snapshot_result load(struct keyspace *ks, size_t *keys)
{
    struct rdb_settings settings = settings_now();
    struct buf error = {0};
    struct snapshot_progress progress = {0};
    enum snapshot_result result = snapshot_load(ks, path, &settings, &progress, &error);
    *keys = atomic_load(&progress.keys);
    ck_assert_int_eq(result == SNAPSHOT_BAD, error.n > 0);
    buf_release(&error);
    return result;
}

START_TEST(there_and_back)
{
    types_register();
    struct keyspace *a = keyspace_new(), *b = keyspace_new();
    size_t keys;
    fill(a);
    save(a);
    ck_assert_int_eq(load(b, &keys), SNAPSHOT_LOADED);
    ck_assert_uint_eq(keys, KEYS);
    keyspace_check(b);
    same(a, b);
    ck_assert_int_eq(load(b, &keys), SNAPSHOT_BAD); /* the keys are there */
    unlink(path);
    ck_assert_int_eq(load(b, &keys), SNAPSHOT_MISSING);
    keyspace_free(a);
    keyspace_free(b);
}
END_TEST

static size_t read_file(uint8_t **data)
{
    FILE *f = fopen(path, "rb");
    ck_assert(f && fseek(f, 0, SEEK_END) == 0);
    size_t n = (size_t)ftell(f);
    *data = malloc(n);
    rewind(f);
    ck_assert_uint_eq(fread(*data, 1, n, f), n);
    fclose(f);
    return n;
}

static void write_file(const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

START_TEST(damaged)
{
    types_register();
    struct keyspace *a = keyspace_new();
    uint8_t *whole, byte;
    size_t keys, bad = 0;
    fill(a);
    save(a);
    size_t n = read_file(&whole);
    memset(whole + n - 8, 0, 8); /* a file without a checksum */
    for (unsigned i = 0; i < UNIT_STEPS(300); i++) {
        struct keyspace *b = keyspace_new();
        size_t at = rng_below(i % 2 ? n : 200);
        byte = whole[at];
        whole[at] ^= (uint8_t)(1u << rng_below(8));
        write_file(whole, i % 4 ? n : at);
        bad += load(b, &keys) == SNAPSHOT_BAD;
        keyspace_check(b);
        whole[at] = byte;
        keyspace_free(b);
    }
    ck_assert_uint_gt(bad, 0);
    free(whole);
    unlink(path);
    keyspace_free(a);
}
END_TEST

/* One key of each type, small. */
static void fill_types(struct keyspace *ks)
{
    struct hash_write w = {.limits = {64, 64}};
    struct set_limits limits = {128, 64, 64};
    struct zset_limits zlimits = {64, 64};
    struct hash *h = hash_new();
    struct list *l = list_new();
    struct set *s = set_new();
    struct zset *z = zset_new();
    double score = 1.5;
    hash_set(h, BYTES("field"), BYTES("value"), &w);
    list_push(l, LIST_TAIL, BYTES("element"), -2);
    set_add(s, BYTES("member"), &limits);
    zset_add(z, zlimits, BYTES("member"), &score, 0);
    put(ks, 0, entry_new_object(BYTES("h"), TYPE_HASH, h, 0), 0);
    put(ks, 0, entry_new_object(BYTES("l"), TYPE_LIST, l, 0), 0);
    put(ks, 1, entry_new_object(BYTES("s"), TYPE_SET, s, 0), 0);
    put(ks, 1, entry_new_object(BYTES("z"), TYPE_ZSET, z, 0), 0);
    put(ks, 1, entry_new_string(BYTES("t"), BYTES("text"), ENTRY_HAS_DEADLINE),
        clock_wall_ms() + 1000000);
}

/* What the loader says of these bytes: it names the file, and where in it. */
static enum snapshot_result load_bytes(const uint8_t *p, size_t n)
{
    struct keyspace *ks = keyspace_new();
    struct rdb_settings settings = settings_now();
    struct snapshot_progress progress = {0};
    struct buf error = {0};
    enum snapshot_result result =
        snapshot_load_bytes(ks, p, n, "some.rdb", &settings, &progress, &error);
    if (result == SNAPSHOT_BAD) {
        buf_add_char(&error, '\0');
        ck_assert_msg(strncmp(error.p, "some.rdb: ", 10) == 0 && strstr(error.p, "byte "), "%s",
                      error.p);
    }
    keyspace_check(ks);
    keyspace_free(ks);
    buf_release(&error);
    return result;
}

/* Cut off at every byte, and each bit changed, with and without a checksum to tell. */
START_TEST(at_every_byte)
{
    types_register();
    struct keyspace *a = keyspace_new();
    uint8_t *whole, *part;
    fill_types(a);
    save(a);
    size_t n = read_file(&whole), step = UNIT_STEPS(64) < 64 ? 7 : 1;
    for (size_t cut = 0; cut < n; cut += step) {
        part = malloc(cut + 1); /* of its length, so that the sanitizer sees what is read behind */
        memcpy(part, whole, cut);
        ck_assert_int_eq(load_bytes(part, cut), SNAPSHOT_BAD);
        free(part);
    }
    for (size_t at = 0; at < 8 * n; at += step) {
        whole[at / 8] ^= (uint8_t)(1u << at % 8);
        ck_assert_int_eq(load_bytes(whole, n), SNAPSHOT_BAD);
        whole[at / 8] ^= (uint8_t)(1u << at % 8);
    }
    memset(whole + n - 8, 0, 8);
    for (size_t at = 0; at < 8 * (n - 8); at += step) {
        whole[at / 8] ^= (uint8_t)(1u << at % 8);
        load_bytes(whole, n);
        whole[at / 8] ^= (uint8_t)(1u << at % 8);
    }
    ck_assert_int_eq(load_bytes(whole, n), SNAPSHOT_LOADED);
    free(whole);
    unlink(path);
    keyspace_free(a);
}
END_TEST

START_TEST(stopped)
{
    types_register();
    struct keyspace *a = keyspace_new(), *b = keyspace_new();
    struct snapshot_progress progress = {.stop = true};
    struct rdb_settings settings = settings_now();
    struct buf error = {0};
    fill(a);
    save(a);
    ck_assert_int_eq(snapshot_load(b, path, &settings, &progress, &error), SNAPSHOT_STOPPED);
    ck_assert_uint_lt(atomic_load(&progress.keys), KEYS);
    ck_assert_uint_gt(atomic_load(&progress.loaded_bytes), 0);
    keyspace_check(b);
    unlink(path);
    keyspace_free(a);
    keyspace_free(b);
}
END_TEST

Suite *suite_snapshot(void)
{
    Suite *s = suite_create("snapshot");
    TCase *t = tcase_create("snapshot");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, damaged);
    tcase_add_test(t, at_every_byte);
    tcase_add_test(t, stopped);
    suite_add_tcase(s, t);
    return s;
}
