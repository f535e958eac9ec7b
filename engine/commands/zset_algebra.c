/* Sorted sets: union, intersection and difference of several, replied or stored. Sets are taken as sources too.
 *
 * The result is built as a sorted set of its own. Union adds each source in turn, O(N log N) in all members;
 * intersection walks the smallest source and asks the others, O(N K); difference walks the first. */
#include <math.h>
#include <stdlib.h>

#include "commands/zset_args.h"
#include "types/set.h"

enum aggregate { SUM, MIN, MAX };

/* A sorted set, or a set, whose members have the score 1; neither where the key is missing. */
struct source {
    struct zset *z;
    struct set *set;
};

struct sources {
    struct source *at;
    double *weight;
    size_t n;
    unsigned first_key; /* the ordinal of the first source */
    enum aggregate aggregate;
    bool with_scores;
    int options_at;
    struct zset_limits limits; /* of the result */
};

/* ---- a source ------------------------------------------------------------------------------------------- */

static bool source_missing(const struct source *s)
{
    return !s->z && !s->set;
}

static size_t source_length(const struct source *s)
{
    return s->z ? zset_length(s->z) : s->set ? set_length(s->set) : 0;
}

static bool source_score(const struct source *s, struct bytes member, double *score)
{
    if (s->z)
        return zset_score(s->z, member, score);
    *score = 1;
    return s->set && set_has(s->set, member);
}

struct source_iter {
    const struct source *s;
    struct zset_iter z;
    struct set_iter set;
    struct set_item item;
};

static void source_iter_init(struct source_iter *it, const struct source *s)
{
    it->s = s;
    if (s->z)
        zset_iter_init(&it->z, s->z, 0, false);
    else if (s->set)
        set_iter_init(&it->set, s->set);
}

/* item->member may point into the iterator. */
static bool source_iter_next(struct source_iter *it, struct zset_item *item)
{
    if (it->s->z)
        return zset_iter_next(&it->z, item);
    if (!it->s->set || !set_iter_next(&it->set, &it->item))
        return false;
    item->member = it->item.member;
    item->score = 1;
    return true;
}

/* False: WRONGTYPE has been answered. */
static bool source_find(struct exec *x, unsigned k, struct source *s)
{
    struct entry *e = exec_read(x, k);
    *s = (struct source){0};
    if (!e)
        return true;
    if (e->type == TYPE_ZSET)
        s->z = entry_object(e);
    else if (e->type == TYPE_SET)
        s->set = entry_object(e);
    else
        reply_error(x->reply, ERROR_WRONGTYPE);
    return !source_missing(s);
}

/* ---- parsing -------------------------------------------------------------------------------------------- */

static bool parse_weights(struct exec *x, int at, struct sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!num_parse_double(x->argv[at + (int)i], &s->weight[i])) {
            reply_errorf(x->reply, ERROR_NOT_FLOAT, "weight value is not a float");
            return false;
        }
    }
    return true;
}

static bool parse_aggregate(struct exec *x, int at, struct sources *s)
{
    static const char *const words[] = {"SUM", "MIN", "MAX"};
    for (int i = 0; i < 3; i++) {
        if (exec_is(x, at, words[i])) {
            s->aggregate = (enum aggregate)i;
            return true;
        }
    }
    reply_error(x->reply, ERROR_SYNTAX);
    return false;
}

/* WEIGHTS, AGGREGATE (not for a difference), WITHSCORES (not where the result is stored). */
static bool parse_options(struct exec *x, struct sources *s, bool weighted, bool stores)
{
    for (int i = s->options_at; i < x->argc; i++) {
        int left = x->argc - i - 1;
        if (weighted && exec_is(x, i, "WEIGHTS") && (size_t)left >= s->n) {
            if (!parse_weights(x, i + 1, s))
                return false;
            i += (int)s->n;
        } else if (weighted && exec_is(x, i, "AGGREGATE") && left >= 1) {
            if (!parse_aggregate(x, ++i, s))
                return false;
        } else if (!stores && exec_is(x, i, "WITHSCORES")) {
            s->with_scores = true;
        } else {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* numkeys at argument `at`; the sources' sets are looked up, types checked. */
static bool find_sources(struct exec *x, int at, struct sources *s)
{
    int64_t n;
    if (!exec_int(x, at, &n))
        return false;
    if (n < 1) {
        reply_errorf(x->reply, ERROR_GENERIC, "at least 1 input key is needed for '%s' command",
                     x->cmd->row->name);
        return false;
    }
    if (n > x->argc - at - 1) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    s->n = (size_t)n;
    s->first_key = (unsigned)at - 1;
    s->options_at = at + 1 + (int)n;
    s->at = exec_alloc(x, s->n * sizeof *s->at);
    s->weight = exec_alloc(x, s->n * sizeof *s->weight);
    for (size_t i = 0; i < s->n; i++) {
        s->weight[i] = 1;
        if (!source_find(x, s->first_key + (unsigned)i, &s->at[i]))
            return false;
    }
    return true;
}

/* Ascending by length, so that sums of doubles come out as Redis adds them up. Stable. */
static void sort_sources(struct sources *s)
{
    for (size_t i = 1; i < s->n; i++) {
        struct source source = s->at[i];
        double weight = s->weight[i];
        size_t len = source_length(&source), k = i;
        for (; k > 0 && source_length(&s->at[k - 1]) > len; k--) {
            s->at[k] = s->at[k - 1];
            s->weight[k] = s->weight[k - 1];
        }
        s->at[k] = source;
        s->weight[k] = weight;
    }
}

/* ---- computing ------------------------------------------------------------------------------------------ */

static double weigh(double score, double weight)
{
    double v = score * weight;
    return isnan(v) ? 0 : v;
}

/* Where `b` is no number (0 times inf) MIN and MAX keep `a` and SUM gives 0, as in Redis. */
static double combine(enum aggregate how, double a, double b)
{
    if (how == MIN)
        return b < a ? b : a;
    if (how == MAX)
        return b > a ? b : a;
    double v = a + b;
    return isnan(v) ? 0 : v; /* inf and -inf */
}

static struct zset *unite(const struct sources *s)
{
    struct zset *out = zset_new();
    struct source_iter it;
    struct zset_item item;
    for (size_t i = 0; i < s->n; i++) {
        source_iter_init(&it, &s->at[i]);
        while (source_iter_next(&it, &item)) {
            double v = weigh(item.score, s->weight[i]), old;
            if (zset_score(out, item.member, &old)) {
                v = combine(s->aggregate, old, v);
                if (v == 0 && signbit(v) != signbit(old)) /* the same score to zset_add */
                    zset_remove(out, item.member);
            }
            zset_add(out, s->limits, item.member, &v, 0);
        }
    }
    return out;
}

/* The source of fewest members; s->n where some source is missing, so that nothing is common. */
static size_t smallest(const struct sources *s)
{
    size_t best = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (source_missing(&s->at[i]))
            return s->n;
        if (source_length(&s->at[i]) < source_length(&s->at[best]))
            best = i;
    }
    return best;
}

/* Is the member in every source? *v is its aggregated score. */
static bool common(const struct sources *s, struct bytes member, double *v)
{
    for (size_t i = 0; i < s->n; i++) {
        double score;
        if (!source_score(&s->at[i], member, &score))
            return false;
        *v = i ? combine(s->aggregate, *v, score * s->weight[i]) : weigh(score, s->weight[i]);
    }
    return true;
}

static struct zset *intersect(const struct sources *s)
{
    struct zset *out = zset_new();
    struct source_iter it;
    struct zset_item item;
    size_t from = smallest(s);
    if (from == s->n)
        return out;
    source_iter_init(&it, &s->at[from]);
    while (source_iter_next(&it, &item)) {
        double v;
        if (common(s, item.member, &v))
            zset_add(out, s->limits, item.member, &v, 0);
    }
    return out;
}

static struct zset *subtract(const struct sources *s)
{
    struct zset *out = zset_new();
    struct source_iter it;
    struct zset_item item;
    source_iter_init(&it, &s->at[0]);
    while (source_iter_next(&it, &item)) {
        double score;
        size_t i = 1;
        while (i < s->n && !source_score(&s->at[i], item.member, &score))
            i++;
        if (i == s->n)
            zset_add(out, s->limits, item.member, &item.score, 0);
    }
    return out;
}

/* ---- commands -------------------------------------------------------------------------------------------- */

typedef struct zset *algebra_fn(const struct sources *s);

static void run_reply(struct exec *x, algebra_fn *compute, bool weighted)
{
    struct sources s = {0};
    if (!find_sources(x, 1, &s) || !parse_options(x, &s, weighted, false))
        return;
    if (weighted)
        sort_sources(&s);
    struct zset *out = compute(&s); /* no listpack: a reply shows -0 */
    zset_reply_span(x, out, 0, zset_length(out), false, s.with_scores);
    zset_free(out);
}

static void run_store(struct exec *x, algebra_fn *compute, bool weighted)
{
    struct sources s = {0};
    if (!find_sources(x, 2, &s) || !parse_options(x, &s, weighted, true))
        return;
    if (weighted)
        sort_sources(&s);
    s.limits = zset_limits_of(x);
    zset_store(x, 0, compute(&s), x->cmd->row->name);
}

static void cmd_zunion(struct exec *x)
{
    run_reply(x, unite, true);
}

static void cmd_zinter(struct exec *x)
{
    run_reply(x, intersect, true);
}

static void cmd_zdiff(struct exec *x)
{
    run_reply(x, subtract, false);
}

static void cmd_zunionstore(struct exec *x)
{
    run_store(x, unite, true);
}

static void cmd_zinterstore(struct exec *x)
{
    run_store(x, intersect, true);
}

static void cmd_zdiffstore(struct exec *x)
{
    run_store(x, subtract, false);
}

/* Counts the common members, up to limit (0: all). */
static int64_t count_common(const struct sources *s, int64_t limit)
{
    struct source_iter it;
    struct zset_item item;
    size_t from = smallest(s);
    int64_t n = 0;
    if (from == s->n)
        return 0;
    source_iter_init(&it, &s->at[from]);
    while ((!limit || n < limit) && source_iter_next(&it, &item)) {
        double v;
        n += common(s, item.member, &v);
    }
    return n;
}

/* ZINTERCARD numkeys key ... [LIMIT n] */
static void cmd_zintercard(struct exec *x)
{
    struct sources s = {0};
    int64_t limit = 0;
    if (!find_sources(x, 1, &s))
        return;
    for (int i = s.options_at; i < x->argc; i += 2) {
        if (!exec_is(x, i, "LIMIT") || i + 1 == x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return;
        }
        if (!num_parse_int(x->argv[i + 1], &limit) || limit < 0) {
            reply_errorf(x->reply, ERROR_GENERIC, "LIMIT can't be negative");
            return;
        }
    }
    reply_int(x->reply, count_common(&s, limit));
}

#define Z        "sortedset"
#define G        "sorted_set"
#define COUNTED  "@1:numkeys:RO+ACCESS"
#define STORED   "@1:0/1:OW+UPDATE ; @2:numkeys:RO+ACCESS"
#define WEIGHTED "[WEIGHTS weight ...] [AGGREGATE (SUM | MIN | MAX)]"

const struct command_row zset_algebra_commands[] = {
    {"zdiff", cmd_zdiff, -3, "readonly", Z, COUNTED, "6.2.0", G, "numkeys key ... [WITHSCORES]",
     "Returns the members of the first sorted set that are in none of the others."},
    {"zdiffstore", cmd_zdiffstore, -4, "write,denyoom", Z, STORED, "6.2.0", G,
     "destination numkeys key ...", "Stores the difference of sorted sets in a key."},
    {"zinter", cmd_zinter, -3, "readonly", Z, COUNTED, "6.2.0", G,
     "numkeys key ... " WEIGHTED " [WITHSCORES]", "Returns the members that all sorted sets have."},
    {"zintercard", cmd_zintercard, -3, "readonly", Z, COUNTED, "7.0.0", G,
     "numkeys key ... [LIMIT limit]", "Counts the members that all sorted sets have."},
    {"zinterstore", cmd_zinterstore, -4, "write,denyoom", Z, STORED, "2.0.0", G,
     "destination numkeys key ... " WEIGHTED, "Stores the intersection of sorted sets in a key."},
    {"zunion", cmd_zunion, -3, "readonly", Z, COUNTED, "6.2.0", G,
     "numkeys key ... " WEIGHTED " [WITHSCORES]",
     "Returns the members that any of the sorted sets has."},
    {"zunionstore", cmd_zunionstore, -4, "write,denyoom", Z, STORED, "2.0.0", G,
     "destination numkeys key ... " WEIGHTED, "Stores the union of sorted sets in a key."},
    {0},
};
