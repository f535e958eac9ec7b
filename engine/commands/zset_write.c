/* Sorted sets: adding and removing. */
#include <math.h>
#include <stdlib.h>

#include "commands/zset_args.h"

/* ---- ZADD and ZINCRBY ------------------------------------------------------------------------------------ */

struct zadd {
    unsigned flags;
    bool changed; /* CH */
    int at;       /* the first score */
    int n;        /* pairs */
    double *scores;
};

static void zadd_flags(const struct exec *x, struct zadd *a)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {
        {"NX", ZSET_NX}, {"XX", ZSET_XX}, {"GT", ZSET_GT}, {"LT", ZSET_LT}, {"INCR", ZSET_INCR}};
    for (a->at = 2; a->at < x->argc; a->at++) {
        size_t i = 0, n = sizeof words / sizeof *words;
        while (i < n && !exec_is(x, a->at, words[i].word))
            i++;
        if (i < n)
            a->flags |= words[i].flag;
        else if (exec_is(x, a->at, "CH"))
            a->changed = true;
        else
            break;
    }
}

static const char *zadd_conflict(const struct zadd *a)
{
    unsigned f = a->flags;
    if (f & ZSET_NX && f & ZSET_XX)
        return "XX and NX options at the same time are not compatible";
    if ((f & ZSET_GT && f & ZSET_LT) || (f & ZSET_NX && f & (ZSET_GT | ZSET_LT)))
        return "GT, LT, and/or NX options at the same time are not compatible";
    if (f & ZSET_INCR && a->n > 1)
        return "INCR option supports a single increment-element pair";
    return NULL;
}

static bool parse_zadd(struct exec *x, struct zadd *a)
{
    zadd_flags(x, a);
    int left = x->argc - a->at;
    if (left == 0 || left % 2) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    a->n = left / 2;
    const char *conflict = zadd_conflict(a);
    if (conflict) {
        reply_errorf(x->reply, ERROR_GENERIC, "%s", conflict);
        return false;
    }
    a->scores = exec_alloc(x, (size_t)a->n * sizeof *a->scores);
    for (int i = 0; i < a->n; i++) {
        if (!exec_double(x, a->at + 2 * i, &a->scores[i]))
            return false;
    }
    return true;
}

static void reply_nan(struct exec *x)
{
    reply_errorf(x->reply, ERROR_OVERFLOW, "resulting score is not a number (NaN)");
}

/* Adds every pair. Only the single pair of INCR can give no number, so an error changes nothing. */
static void add_all(struct exec *x, const struct zadd *a, struct zset *z)
{
    int64_t added = 0, updated = 0;
    bool fresh = z == NULL;
    enum zset_result r = ZSET_NOTHING;
    if (fresh)
        z = zset_new();
    for (int i = 0; i < a->n; i++) {
        r = zset_add(z, zset_limits_of(x), x->argv[a->at + 2 * i + 1], &a->scores[i], a->flags);
        added += r == ZSET_ADDED;
        updated += r == ZSET_UPDATED;
    }
    if (fresh && zset_length(z))
        exec_put_object(x, 0, TYPE_ZSET, z);
    else if (fresh)
        zset_free(z);
    if (added || updated)
        exec_changed(x, 0, EVENT_ZSET, a->flags & ZSET_INCR ? "zincr" : "zadd");
    if (r == ZSET_NAN)
        reply_nan(x);
    else if (!(a->flags & ZSET_INCR))
        reply_int(x->reply, a->changed ? added + updated : added);
    else if (r == ZSET_NOTHING)
        reply_null(x->reply);
    else
        reply_double(x->reply, a->scores[0]);
}

static void cmd_zadd(struct exec *x)
{
    struct zadd a = {0};
    struct zset *z;
    if (parse_zadd(x, &a) && zset_write(x, 0, &z))
        add_all(x, &a, z);
}

/* ZADD with INCR, down to the words that may stand before the increment. */
static void cmd_zincrby(struct exec *x)
{
    struct zadd a = {.flags = ZSET_INCR};
    struct zset *z;
    if (parse_zadd(x, &a) && zset_write(x, 0, &z))
        add_all(x, &a, z);
}

/* ---- removing ----------------------------------------------------------------------------------------------- */

static void cmd_zrem(struct exec *x)
{
    struct zset *z;
    int64_t n = 0;
    if (!zset_write(x, 0, &z))
        return;
    for (int i = 2; z && i < x->argc; i++)
        n += zset_remove(z, x->argv[i]);
    if (n)
        zset_removed(x, 0, z, "zrem");
    reply_int(x->reply, n);
}

static void remove_span(struct exec *x, struct zset *z, size_t from, size_t to)
{
    if (to > from) {
        zset_remove_span(z, from, to);
        zset_removed(x, 0, z, x->cmd->row->name);
    }
    reply_int(x->reply, (int64_t)(to - from));
}

static void cmd_zremrangebyrank(struct exec *x)
{
    int64_t start, stop;
    size_t from, to;
    struct zset *z;
    if (!zset_parse_ranks(x, 2, 3, &start, &stop) || !zset_write(x, 0, &z))
        return;
    exec_span(start, stop, z ? zset_length(z) : 0, &from, &to);
    remove_span(x, z, from, to);
}

static void cmd_zremrangebyscore(struct exec *x)
{
    struct zset_score_range range;
    size_t from = 0, to = 0;
    struct zset *z;
    if (!zset_parse_scores(x, 2, 3, &range) || !zset_write(x, 0, &z))
        return;
    if (z)
        zset_score_span(z, &range, &from, &to);
    remove_span(x, z, from, to);
}

static void cmd_zremrangebylex(struct exec *x)
{
    struct zset_lex_bound min, max;
    size_t from = 0, to = 0;
    struct zset *z;
    if (!zset_parse_lex(x, 2, 3, &min, &max) || !zset_write(x, 0, &z))
        return;
    if (z)
        zset_lex_span(z, &min, &max, &from, &to);
    remove_span(x, z, from, to);
}

#define Z   "sortedset"
#define G   "sorted_set"
#define ONE "@1:0/1:"

const struct command_row zset_write_commands[] = {
    {"zadd", cmd_zadd, -4, "write,denyoom,fast", Z, ONE "RW+UPDATE", "1.2.0", G,
     "key [(NX | XX)] [(GT | LT)] [CH] [INCR] score member ...",
     "Adds members to a sorted set or changes their scores."},
    {"zincrby", cmd_zincrby, 4, "write,denyoom,fast", Z, ONE "RW+ACCESS+UPDATE", "1.2.0", G,
     "key increment member", "Adds to a member's score."},
    {"zrem", cmd_zrem, -3, "write,fast", Z, ONE "RW+DELETE", "1.2.0", G, "key member ...",
     "Removes members."},
    {"zremrangebylex", cmd_zremrangebylex, 4, "write", Z, ONE "RW+DELETE", "2.8.9", G,
     "key min max", "Removes the members within a range of names; all scores are equal."},
    {"zremrangebyrank", cmd_zremrangebyrank, 4, "write", Z, ONE "RW+DELETE", "2.0.0", G,
     "key start stop", "Removes the members within a range of ranks."},
    {"zremrangebyscore", cmd_zremrangebyscore, 4, "write", Z, ONE "RW+DELETE", "1.2.0", G,
     "key min max", "Removes the members within a range of scores."},
    {0},
};
