#include "types/zset.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ds/listpack.h"
#include "keyspace/entry.h"
#include "types/registry.h"
#include "types/zset_tree.h"

struct zset {
    uint8_t *lp; /* the listpack, or NULL */
    struct zset_tree *tree;
};

struct zset *zset_new(void)
{
    struct zset *z = mem_calloc(sizeof *z);
    z->lp = lp_new(0);
    return z;
}

void zset_free(struct zset *z)
{
    if (z->lp)
        lp_free(z->lp);
    else
        zset_tree_free(z->tree);
    mem_free(z);
}

size_t zset_length(const struct zset *z)
{
    return z->lp ? lp_length(z->lp) / 2 : z->tree->tree.count;
}

const char *zset_encoding(const struct zset *z)
{
    return z->lp ? "listpack" : "skiplist";
}

size_t zset_mem_bytes(const struct zset *z)
{
    return sizeof *z + (z->lp ? lp_bytes(z->lp) : zset_tree_mem_bytes(z->tree));
}

/* ---- the listpack ------------------------------------------------------------------------------------------ */

static double lp_score(const uint8_t *score_at)
{
    char scratch[NUM_INT_MAX];
    struct lp_value v = lp_get(score_at);
    double d = (double)v.integer;
    if (v.p && !num_parse_double(lp_get_bytes(score_at, scratch), &d))
        abort();
    return d;
}

/* Adding 0 makes 0 of -0: a listpack does not keep the sign of zero, as in Redis. */
static struct bytes score_text(double score, char *to)
{
    return bytes_of(to, num_format_double(to, score + 0.0));
}

/* The member's place, NULL where missing; *score and *rank are set. */
static uint8_t *lp_locate(const struct zset *z, struct bytes member, double *score, size_t *rank)
{
    *rank = 0;
    for (uint8_t *at = lp_first(z->lp); at; ++*rank) {
        uint8_t *score_at = lp_next(z->lp, at);
        if (lp_equal(at, member)) {
            *score = lp_score(score_at);
            return at;
        }
        at = lp_next(z->lp, score_at);
    }
    return NULL;
}

static void lp_remove(struct zset *z, uint8_t *at)
{
    z->lp = lp_delete_range_at(z->lp, &at, 2);
}

static void lp_add(struct zset *z, struct bytes member, double score)
{
    char text[NUM_DOUBLE_MAX], scratch[NUM_INT_MAX];
    uint8_t *at = lp_first(z->lp);
    while (at) {
        double s = lp_score(lp_next(z->lp, at));
        if (s > score || (s == score && bytes_cmp(lp_get_bytes(at, scratch), member) > 0))
            break;
        at = lp_next(z->lp, lp_next(z->lp, at));
    }
    if (at) {
        z->lp = lp_insert(z->lp, &at, LP_BEFORE, member);
        z->lp = lp_insert(z->lp, &at, LP_AFTER, score_text(score, text));
    } else {
        z->lp = lp_append(z->lp, member);
        z->lp = lp_append(z->lp, score_text(score, text));
    }
}

static void to_tree(struct zset *z)
{
    struct zset_item item;
    struct zset_iter it;
    struct zset_tree *t = zset_tree_new(zset_length(z) + 1);
    zset_iter_init(&it, z, 0, false);
    while (zset_iter_next(&it, &item))
        zset_tree_add(t, item.member, item.score);
    lp_free(z->lp);
    z->lp = NULL;
    z->tree = t;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void insert(struct zset *z, struct zset_limits limits, struct bytes member, double score)
{
    if (z->lp &&
        (zset_length(z) >= limits.entries || member.n > limits.value || !lp_fits(z->lp, member.n)))
        to_tree(z);
    if (z->lp) {
        lp_add(z, member, score);
        return;
    }
    zset_tree_add(z->tree, member, score);
    zset_tree_tidy(z->tree, 1);
}

/* The new score under the flags; what is to be done with it is the result. */
static enum zset_result judge(bool there, double old, double *score, unsigned flags)
{
    double wanted = *score;
    if ((flags & ZSET_NX && there) || (flags & ZSET_XX && !there))
        return ZSET_NOTHING;
    if (!there)
        return isnan(wanted) ? ZSET_NAN : ZSET_ADDED;
    if (flags & ZSET_INCR)
        wanted += old;
    if (isnan(wanted))
        return ZSET_NAN;
    if ((flags & ZSET_GT && wanted <= old) || (flags & ZSET_LT && wanted >= old))
        return ZSET_NOTHING;
    *score = wanted;
    return wanted == old ? ZSET_SAME : ZSET_UPDATED;
}

enum zset_result zset_add(struct zset *z, struct zset_limits limits, struct bytes member,
                          double *score, unsigned flags)
{
    double old = 0;
    size_t rank;
    uint8_t *at = z->lp ? lp_locate(z, member, &old, &rank) : NULL;
    uint32_t handle = z->lp ? 0 : zset_tree_find(z->tree, member);
    if (handle)
        old = zset_tree_score(z->tree, handle);
    enum zset_result r = judge(at || handle, old, score, flags);
    if (r == ZSET_ADDED) {
        insert(z, limits, member, *score);
    } else if (r == ZSET_UPDATED && at) {
        lp_remove(z, at);
        lp_add(z, member, *score);
    } else if (r == ZSET_UPDATED) {
        zset_tree_set_score(z->tree, handle, *score);
    }
    return r;
}

bool zset_remove(struct zset *z, struct bytes member)
{
    double score;
    size_t rank;
    if (z->lp) {
        uint8_t *at = lp_locate(z, member, &score, &rank);
        if (at)
            lp_remove(z, at);
        return at != NULL;
    }
    uint32_t handle = zset_tree_find(z->tree, member);
    if (handle) {
        zset_tree_remove(z->tree, handle);
        zset_tree_tidy(z->tree, 1);
    }
    return handle != 0;
}

void zset_remove_span(struct zset *z, size_t from, size_t to)
{
    if (z->lp) {
        if (to > from)
            z->lp = lp_delete_range(z->lp, (int64_t)from * 2, (to - from) * 2);
        return;
    }
    size_t n = to > from ? to - from : 0;
    for (size_t i = 0; i < n; i++) {
        struct btree_pos p = btree_select(&z->tree->tree, from);
        zset_tree_remove(z->tree, btree_handle(&p));
    }
    zset_tree_tidy(z->tree, n);
}

struct zset *zset_dup(const struct zset *z)
{
    struct zset *copy = mem_calloc(sizeof *copy);
    if (z->lp) {
        copy->lp = lp_dup(z->lp);
        return copy;
    }
    copy->tree = zset_tree_new(zset_length(z));
    for (struct btree_pos p = btree_select(&z->tree->tree, 0); p.leaf; btree_next(&p))
        zset_tree_add(copy->tree, zset_tree_member(z->tree, btree_handle(&p)), btree_score(&p));
    return copy;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

bool zset_score(const struct zset *z, struct bytes member, double *score)
{
    size_t rank;
    if (z->lp)
        return lp_locate(z, member, score, &rank) != NULL;
    uint32_t handle = zset_tree_find(z->tree, member);
    if (handle)
        *score = zset_tree_score(z->tree, handle);
    return handle != 0;
}

bool zset_rank(const struct zset *z, struct bytes member, size_t *rank, double *score)
{
    if (z->lp)
        return lp_locate(z, member, score, rank) != NULL;
    uint32_t handle = zset_tree_find(z->tree, member);
    if (!handle)
        return false;
    *score = zset_tree_score(z->tree, handle);
    struct btree_key key = {.score = *score, .kind = BTREE_MEMBER, .member = member};
    *rank = btree_lower(&z->tree->tree, &key, NULL);
    return true;
}

void zset_iter_init(struct zset_iter *it, const struct zset *z, size_t rank, bool reverse)
{
    *it = (struct zset_iter){.z = z, .reverse = reverse};
    if (z->lp)
        it->at = rank < zset_length(z) ? lp_seek(z->lp, (int64_t)rank * 2) : NULL;
    else
        it->pos = btree_select(&z->tree->tree, rank);
}

static bool lp_iter_next(struct zset_iter *it, struct zset_item *item)
{
    const uint8_t *lp = it->z->lp, *score_at;
    if (!it->at)
        return false;
    score_at = lp_next(lp, it->at);
    item->member = lp_get_bytes(it->at, item->scratch);
    item->score = lp_score(score_at);
    if (it->reverse) {
        score_at = lp_prev(lp, it->at);
        it->at = score_at ? lp_prev(lp, score_at) : NULL;
    } else {
        it->at = lp_next(lp, score_at);
    }
    return true;
}

bool zset_iter_next(struct zset_iter *it, struct zset_item *item)
{
    if (it->z->lp)
        return lp_iter_next(it, item);
    if (!it->pos.leaf)
        return false;
    item->member = zset_tree_member(it->z->tree, btree_handle(&it->pos));
    item->score = btree_score(&it->pos);
    if (it->reverse)
        btree_prev(&it->pos);
    else
        btree_next(&it->pos);
    return true;
}

/* ---- spans ------------------------------------------------------------------------------------------------------ */

/* The number of members below the key, in either encoding. */
static size_t rank_of_key(const struct zset *z, const struct btree_key *key)
{
    struct zset_iter it;
    struct zset_item item;
    size_t rank = 0;
    if (!z->lp)
        return btree_lower(&z->tree->tree, key, NULL);
    zset_iter_init(&it, z, 0, false);
    for (; zset_iter_next(&it, &item); rank++) {
        if (!key->lex && item.score != key->score) {
            if (item.score > key->score)
                break;
            continue;
        }
        if (key->kind == BTREE_BELOW_ALL)
            break;
        int c = key->kind == BTREE_ABOVE_ALL ? -1 : bytes_cmp(item.member, key->member);
        if (c > 0 || (c == 0 && !key->after))
            break;
    }
    return rank;
}

void zset_score_span(const struct zset *z, const struct zset_score_range *r, size_t *from,
                     size_t *to)
{
    struct btree_key low = {.score = r->min,
                            .kind = r->min_open ? BTREE_ABOVE_ALL : BTREE_BELOW_ALL};
    struct btree_key high = {.score = r->max,
                             .kind = r->max_open ? BTREE_BELOW_ALL : BTREE_ABOVE_ALL};
    *from = rank_of_key(z, &low);
    *to = r->max < r->min ? *from : rank_of_key(z, &high);
    if (*to < *from)
        *to = *from;
}

void zset_lex_span(const struct zset *z, const struct zset_lex_bound *min,
                   const struct zset_lex_bound *max, size_t *from, size_t *to)
{
    const struct zset_lex_bound *bounds[] = {min, max};
    size_t *out[] = {from, to};
    for (int i = 0; i < 2; i++) {
        const struct zset_lex_bound *b = bounds[i];
        struct btree_key key = {.lex = true,
                                .kind = b->kind == LEX_LOWEST    ? BTREE_BELOW_ALL
                                        : b->kind == LEX_HIGHEST ? BTREE_ABOVE_ALL
                                                                 : BTREE_MEMBER,
                                .member = b->member,
                                .after = i == 0 ? b->open : !b->open};
        *out[i] = rank_of_key(z, &key);
    }
    if (*to < *from)
        *to = *from;
}

/* ---- scanning ------------------------------------------------------------------------------------------------------ */

struct scan {
    const struct zset *z;
    zset_visit *visit;
    void *ctx;
};

static void scan_one(uint32_t handle, void *ctx)
{
    struct scan *sc = ctx;
    struct zset_item item = {.member = zset_tree_member(sc->z->tree, handle),
                             .score = zset_tree_score(sc->z->tree, handle)};
    sc->visit(&item, sc->ctx);
}

uint64_t zset_scan(const struct zset *z, uint64_t cursor, zset_visit *visit, void *ctx)
{
    struct scan sc = {z, visit, ctx};
    struct zset_iter it;
    struct zset_item item;
    if (!z->lp)
        return handle_table_scan(&z->tree->table, cursor, scan_one, &sc);
    zset_iter_init(&it, z, 0, false);
    while (zset_iter_next(&it, &item))
        visit(&item, ctx);
    return 0;
}

/* ---- the keyspace's view ---------------------------------------------------------------------------------------------- */

void zset_check(const struct zset *z)
{
    struct zset_iter it;
    struct zset_item item, before = {0};
    if (!z->lp) {
        zset_tree_check(z->tree);
        return;
    }
    lp_check(z->lp);
    assert(lp_length(z->lp) % 2 == 0);
    zset_iter_init(&it, z, 0, false);
    for (bool first = true; zset_iter_next(&it, &item); first = false) {
        assert(first || before.score <= item.score);
        before.score = item.score;
    }
}

static void ops_free(void *object)
{
    zset_free(object);
}

static void *ops_dup(const void *object)
{
    return zset_dup(object);
}

static size_t ops_mem_bytes(const void *object)
{
    return zset_mem_bytes(object);
}

static size_t ops_length(const void *object)
{
    return zset_length(object);
}

/* Chunks and nodes, not members, are what is freed. */
static size_t ops_free_effort(const void *object)
{
    const struct zset *z = object;
    return z->lp ? 1 : zset_length(z) / 16;
}

static const char *ops_encoding(const void *object)
{
    return zset_encoding(object);
}

const struct type_ops zset_ops = {
    .name = "zset",
    .free = ops_free,
    .dup = ops_dup,
    .mem_bytes = ops_mem_bytes,
    .free_effort = ops_free_effort,
    .encoding = ops_encoding,
    .length = ops_length,
};
