/* Watches and queues against a plain array of who stands where. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "keyspace/interest.h"
#include "keyspace/shard.h"
#include "tests/unit/suites.h"

#define KEYS  12
#define LINKS 40

static struct bytes key_of(unsigned k, char *room)
{
    room[0] = 'k';
    room[1] = (char)('a' + k);
    return bytes_of(room, 2);
}

struct person {
    struct wait_link link;
    struct watch watch;
    struct shard_set shards;
    _Atomic bool dirty;
    int waits, watches; /* the key, -1: none */
    unsigned long since;
};

static void step(struct shard *sh, struct person *p, unsigned long now)
{
    char room[2];
    unsigned k = (unsigned)rng_below(KEYS), db = k & 1;
    struct bytes key = key_of(k, room);
    uint64_t hash = hash_bytes(key);
    if (rng_below(2)) {
        if (p->waits >= 0) {
            interest_unwait(&p->link);
            p->waits = -1;
        } else {
            p->shards = (struct shard_set){{0}};
            shard_set_add(&p->shards, (uint32_t)rng_below(SHARD_COUNT));
            p->link.shards = &p->shards;
            interest_wait(sh, db, hash, key, &p->link);
            p->waits = (int)k;
            p->since = now;
        }
    } else if (p->watches >= 0) {
        interest_unwatch(&p->watch);
        p->watches = -1;
    } else {
        p->watch.dirty = &p->dirty;
        atomic_store(&p->dirty, false);
        interest_watch(sh, db, hash, key, &p->watch);
        p->watches = (int)k;
    }
}

/* The queue of the key is those who wait for it, in the order of arrival. */
static void compare_queue(const struct shard *sh, const struct person *people, unsigned k)
{
    char room[2];
    struct bytes key = key_of(k, room);
    const struct interest *in = interest_find(sh, k & 1, hash_bytes(key), key);
    unsigned long last = 0;
    size_t n = 0, expected = 0;
    for (const struct wait_link *l = in ? in->first : NULL; l; l = l->next, n++) {
        const struct person *p = (const struct person *)(const void *)l;
        ck_assert(p->waits == (int)k && p->since >= last);
        last = p->since;
    }
    for (int i = 0; i < LINKS; i++)
        expected += people[i].waits == (int)k;
    ck_assert_uint_eq(n, expected);
}

/* Everyone who waits is in the audience. */
static void compare_audience(const struct shard *sh, const struct person *people)
{
    const struct shard_set *audience = interest_audience(sh);
    for (int i = 0; i < LINKS; i++) {
        if (people[i].waits < 0)
            continue;
        struct shard_set wider = *audience;
        ck_assert(!shard_set_merge(&wider, &people[i].shards));
    }
}

START_TEST(against_an_array)
{
    struct shard *sh = mem_alloc_aligned(64, sizeof *sh);
    struct person *people = mem_calloc(LINKS * sizeof *people);
    memset(sh, 0, sizeof *sh);
    for (int i = 0; i < LINKS; i++)
        people[i].waits = people[i].watches = -1;
    for (unsigned long now = 0; now < UNIT_STEPS(20000); now++) {
        step(sh, &people[rng_below(LINKS)], now);
        interest_check(sh);
        compare_queue(sh, people, (unsigned)rng_below(KEYS));
        compare_audience(sh, people);
    }
    for (int i = 0; i < LINKS; i++) {
        interest_unwait(&people[i].link);
        interest_unwatch(&people[i].watch);
    }
    ck_assert_ptr_null(sh->interests);
    ck_assert_uint_eq(sh->waiting, 0);
    mem_free(people);
    mem_free(sh);
}
END_TEST

START_TEST(a_change_raises_the_flags_of_that_key_alone)
{
    struct shard *sh = mem_alloc_aligned(64, sizeof *sh);
    struct watch w[3] = {{0}};
    _Atomic bool dirty[3] = {false, false, false};
    struct bytes keys[] = {BYTES("a"), BYTES("a"), BYTES("b")};
    memset(sh, 0, sizeof *sh);
    for (int i = 0; i < 3; i++) {
        w[i].dirty = &dirty[i];
        interest_watch(sh, i == 1, hash_bytes(keys[i]), keys[i],
                       &w[i]); /* the second one in another database */
    }
    interest_raise(interest_find(sh, 0, hash_bytes(keys[0]), keys[0]));
    ck_assert(dirty[0] && !dirty[1] && !dirty[2]);
    for (int i = 0; i < 3; i++)
        interest_unwatch(&w[i]);
    ck_assert_ptr_null(sh->interests);
    mem_free(sh);
}
END_TEST

Suite *suite_interest(void)
{
    Suite *s = suite_create("keyspace/interest");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, against_an_array);
    tcase_add_test(tc, a_change_raises_the_flags_of_that_key_alone);
    suite_add_tcase(s, tc);
    return s;
}
