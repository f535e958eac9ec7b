#include "keyspace/interest.h"

#include <stdlib.h>

#include "base/mem.h"
#include "keyspace/shard.h"

#define BUCKETS_MIN 16

/* A chained hash table; the number of buckets is a power of two. */
struct interest_table {
    size_t n, buckets;
    struct interest **at;
    struct shard_set audience; /* of the links that are here, and of some that left */
    size_t left;               /* links that left since it was exact */
};

/* The upper bits chose the shard, the lower ones choose here. */
static struct interest **bucket_of(const struct interest_table *t, uint64_t hash)
{
    return &t->at[hash & (t->buckets - 1)];
}

struct interest *interest_find(const struct shard *sh, unsigned db, uint64_t hash, struct bytes key)
{
    if (!sh->interests)
        return NULL;
    struct interest *in = *bucket_of(sh->interests, hash);
    while (in && !(in->hash == hash && in->db == db && bytes_eq(interest_key(in), key)))
        in = in->next;
    return in;
}

static void grow(struct interest_table *t)
{
    struct interest_table wide = *t;
    wide.buckets *= 2;
    wide.at = mem_calloc(wide.buckets * sizeof *wide.at);
    for (size_t b = 0; b < t->buckets; b++) {
        for (struct interest *in = t->at[b], *next; in; in = next) {
            struct interest **to = bucket_of(&wide, in->hash);
            next = in->next;
            in->next = *to;
            *to = in;
        }
    }
    mem_free(t->at);
    *t = wide;
}

static struct interest_table *table_of(struct shard *sh)
{
    if (!sh->interests) {
        sh->interests = mem_calloc(sizeof *sh->interests);
        sh->interests->buckets = BUCKETS_MIN;
        sh->interests->at = mem_calloc(BUCKETS_MIN * sizeof *sh->interests->at);
    }
    return sh->interests;
}

static struct interest *get(struct shard *sh, unsigned db, uint64_t hash, struct bytes key)
{
    struct interest *in = interest_find(sh, db, hash, key);
    if (in)
        return in;
    struct interest_table *t = table_of(sh);
    if (t->n == t->buckets)
        grow(t);
    in = mem_calloc(sizeof *in + key.n);
    in->shard = sh;
    in->hash = hash;
    in->db = (uint8_t)db;
    in->key_len = key.n;
    memcpy(in->key, key.p, key.n);
    struct interest **b = bucket_of(t, hash);
    in->next = *b;
    *b = in;
    t->n++;
    return in;
}

void interest_settle(struct interest *in)
{
    struct shard *sh = in->shard;
    struct interest_table *t = sh->interests;
    if (in->watches || in->first || in->ready)
        return;
    struct interest **p = bucket_of(t, in->hash);
    while (*p != in) /* it is in its bucket. NOLINT(clang-analyzer-core.*) */
        p = &(*p)->next;
    *p = in->next;
    mem_free(in);
    if (--t->n)
        return;
    mem_free(t->at);
    mem_free(t);
    sh->interests = NULL;
}

void interest_watch(struct shard *sh, unsigned db, uint64_t hash, struct bytes key, struct watch *w)
{
    struct interest *in = get(sh, db, hash, key);
    w->on = in;
    w->prev = NULL;
    w->next = in->watches;
    if (w->next)
        w->next->prev = w;
    in->watches = w;
}

void interest_unwatch(struct watch *w)
{
    struct interest *in = w->on;
    if (!in)
        return;
    if (w->prev)
        w->prev->next = w->next;
    else
        in->watches = w->next;
    if (w->next)
        w->next->prev = w->prev;
    w->on = NULL;
    interest_settle(in);
}

void interest_wait(struct shard *sh, unsigned db, uint64_t hash, struct bytes key,
                   struct wait_link *w)
{
    struct interest *in = get(sh, db, hash, key);
    w->on = in;
    w->next = NULL;
    w->prev = in->last;
    if (in->last)
        in->last->next = w;
    else
        in->first = w;
    in->last = w;
    sh->waiting++;
    shard_set_merge(&sh->interests->audience, w->shards);
}

/* The audience anew, once as many links left as would pay for a walk. */
#define LEFT_MIN 16

static void merge_links(struct interest *in, void *ctx)
{
    for (const struct wait_link *w = in->first; w; w = w->next)
        shard_set_merge(ctx, w->shards);
}

static void count_leaving(struct shard *sh)
{
    struct interest_table *t = sh->interests;
    sh->waiting--;
    if (++t->left < LEFT_MIN + sh->waiting && sh->waiting)
        return;
    t->left = 0;
    t->audience = (struct shard_set){{0}};
    interest_each(sh, merge_links, &t->audience);
}

const struct shard_set *interest_audience(const struct shard *sh)
{
    return sh->waiting ? &sh->interests->audience : NULL;
}

void interest_unwait(struct wait_link *w)
{
    struct interest *in = w->on;
    if (!in)
        return;
    if (w->prev)
        w->prev->next = w->next;
    else
        in->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        in->last = w->prev;
    w->on = NULL;
    count_leaving(in->shard);
    interest_settle(in);
}

void interest_raise(struct interest *in)
{
    for (struct watch *w = in->watches; w; w = w->next)
        atomic_store_explicit(w->dirty, true, memory_order_release);
}

void interest_each(struct shard *sh, interest_visit *visit, void *ctx)
{
    struct interest_table *t = sh->interests;
    for (size_t b = 0; t && b < t->buckets; b++) {
        for (struct interest *in = t->at[b]; in; in = in->next)
            visit(in, ctx);
    }
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t check_node(const struct interest *in, const struct shard *sh)
{
    size_t links = 0;
    require(in->shard == sh && (in->watches || in->first || in->ready));
    for (const struct watch *w = in->watches; w; w = w->next)
        require(w->on == in && (!w->next || w->next->prev == w));
    for (const struct wait_link *w = in->first; w; w = w->next, links++)
        require(w->on == in && (w->next ? w->next->prev == w : in->last == w));
    return links;
}

void interest_check(const struct shard *sh)
{
    const struct interest_table *t = sh->interests;
    size_t nodes = 0, links = 0;
    for (size_t b = 0; t && b < t->buckets; b++) {
        for (const struct interest *in = t->at[b]; in; in = in->next, nodes++) {
            require(bucket_of(t, in->hash) == &t->at[b]);
            links += check_node(in, sh);
        }
    }
    require(links == sh->waiting && (!t || (nodes == t->n && nodes > 0)));
}
