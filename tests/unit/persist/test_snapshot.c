/* A keyspace to a file and back; files with wrong bytes whose checksum is not there to tell. */
#include "persist/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/unit/suites.h"
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
    enum snapshot_result result = snapshot_load(ks, path, &settings, keys, &error);
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

Suite *suite_snapshot(void)
{
    Suite *s = suite_create("snapshot");
    TCase *t = tcase_create("snapshot");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, damaged);
    suite_add_tcase(s, t);
    return s;
}
