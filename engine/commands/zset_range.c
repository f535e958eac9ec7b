/* Sorted sets: ZRANGE in all its forms, the older commands of the same work, and ZRANGESTORE. */
#include <stdlib.h>

#include "commands/zset_args.h"

enum range_by { BY_RANK, BY_SCORE, BY_LEX };

struct range {
    enum range_by by;
    bool reverse, with_scores;
    int min_at, max_at;
    int64_t offset, limit; /* of LIMIT; limit -1: none */
    /* The bounds, by `by`. */
    int64_t start, stop;
    struct zset_score_range scores;
    struct zset_lex_bound lex_min, lex_max;
};

/* What a command allows beyond its own form: ZRANGE and ZRANGESTORE choose it by options. */
struct form {
    bool chooses, stores;
    bool by_chosen, order_chosen; /* each may be chosen once */
};

static bool option_limit(struct exec *x, int i, struct range *r)
{
    return exec_int(x, i + 1, &r->offset) && exec_int(x, i + 2, &r->limit);
}

/* Options from argument `at` on. */
static bool parse_options(struct exec *x, int at, struct form form, struct range *r)
{
    for (int i = at; i < x->argc; i++) {
        if (!form.stores && exec_is(x, i, "WITHSCORES")) {
            r->with_scores = true;
        } else if (exec_is(x, i, "LIMIT") && i + 2 < x->argc) {
            if (!option_limit(x, i, r))
                return false;
            i += 2;
        } else if (form.chooses && !form.order_chosen && exec_is(x, i, "REV")) {
            r->reverse = form.order_chosen = true;
        } else if (form.chooses && !form.by_chosen && exec_is(x, i, "BYLEX")) {
            r->by = BY_LEX;
            form.by_chosen = true;
        } else if (form.chooses && !form.by_chosen && exec_is(x, i, "BYSCORE")) {
            r->by = BY_SCORE;
            form.by_chosen = true;
        } else {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool check_combination(struct exec *x, const struct range *r)
{
    const char *wrong = NULL;
    if (r->limit != -1 && r->by == BY_RANK)
        wrong = "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    else if (r->with_scores && r->by == BY_LEX)
        wrong = "syntax error, WITHSCORES not supported in combination with BYLEX";
    if (wrong)
        reply_errorf(x->reply, ERROR_SYNTAX, "%s", wrong);
    return !wrong;
}

/* Options and bounds; the first bound is at argument `at`. */
static bool parse_range(struct exec *x, int at, struct form form, struct range *r)
{
    r->limit = -1;
    if (!parse_options(x, at + 2, form, r) || !check_combination(x, r))
        return false;
    bool swapped = r->reverse && r->by != BY_RANK; /* the higher bound is written first */
    r->min_at = at + swapped;
    r->max_at = at + 1 - swapped;
    if (r->by == BY_RANK)
        return zset_parse_ranks(x, at, at + 1, &r->start, &r->stop);
    if (r->by == BY_SCORE)
        return zset_parse_scores(x, r->min_at, r->max_at, &r->scores);
    return zset_parse_lex(x, r->min_at, r->max_at, &r->lex_min, &r->lex_max);
}

/* The span in the order asked for: for a reverse range, ranks count from the highest score. */
static void find_span(const struct zset *z, const struct range *r, size_t *from, size_t *to)
{
    size_t n = zset_length(z);
    if (r->by == BY_RANK) {
        exec_span(r->start, r->stop, n, from, to);
        return;
    }
    if (r->by == BY_SCORE)
        zset_score_span(z, &r->scores, from, to);
    else
        zset_lex_span(z, &r->lex_min, &r->lex_max, from, to);
    if (r->reverse) {
        size_t low = *from;
        *from = n - *to;
        *to = n - low;
    }
    if (r->offset < 0 || (uint64_t)r->offset >= *to - *from)
        *from = *to;
    else
        *from += (size_t)r->offset;
    if (r->limit >= 0 && (uint64_t)r->limit < *to - *from)
        *to = *from + (size_t)r->limit;
}

static void reply_range(struct exec *x, struct form form, struct range *r)
{
    size_t from, to;
    struct zset *z;
    if (!parse_range(x, 2, form, r) || !zset_read(x, 0, &z))
        return;
    if (!z) {
        reply_array(x->reply, 0);
        return;
    }
    find_span(z, r, &from, &to);
    zset_reply_span(x, z, from, to, r->reverse, r->with_scores);
}

static void cmd_zrange(struct exec *x)
{
    struct range r = {.by = BY_RANK};
    reply_range(x, (struct form){.chooses = true}, &r);
}

static void cmd_zrevrange(struct exec *x)
{
    struct range r = {.by = BY_RANK, .reverse = true};
    reply_range(x, (struct form){0}, &r);
}

static void cmd_zrangebyscore(struct exec *x)
{
    struct range r = {.by = BY_SCORE, .reverse = x->cmd->row->name[2] == 'e'};
    reply_range(x, (struct form){0}, &r);
}

static void cmd_zrangebylex(struct exec *x)
{
    struct range r = {.by = BY_LEX, .reverse = x->cmd->row->name[2] == 'e'};
    reply_range(x, (struct form){0}, &r);
}

/* ZRANGESTORE destination source min max ... */
static void cmd_zrangestore(struct exec *x)
{
    struct range r = {.by = BY_RANK};
    size_t from = 0, to = 0;
    struct zset *z, *out;
    struct zset_iter it;
    struct zset_item item;
    if (!parse_range(x, 3, (struct form){.chooses = true, .stores = true}, &r) ||
        !zset_read(x, 1, &z))
        return;
    out = zset_new();
    if (z)
        find_span(z, &r, &from, &to);
    if (to > from)
        zset_iter_init(&it, z, r.reverse ? zset_length(z) - 1 - from : from, r.reverse);
    for (; from < to && zset_iter_next(&it, &item); from++)
        zset_add(out, zset_limits_of(x), item.member, &item.score, 0);
    zset_store(x, 0, out, "zrangestore");
}

#define Z     "sortedset"
#define G     "sorted_set"
#define ONE   "@1:0/1:RO+ACCESS"
#define LIMIT "[LIMIT offset count]"

const struct command_row zset_range_commands[] = {
    {"zrange", cmd_zrange, -4, "readonly", Z, ONE, "1.2.0", G,
     "key start stop [(BYSCORE | BYLEX)] [REV] " LIMIT " [WITHSCORES]",
     "Returns members within a range of ranks, scores or names."},
    {"zrangebylex", cmd_zrangebylex, -4, "readonly", Z, ONE, "2.8.9", G, "key min max " LIMIT,
     "Returns members within a range of names; all scores are equal."},
    {"zrangebyscore", cmd_zrangebyscore, -4, "readonly", Z, ONE, "1.0.5", G,
     "key min max [WITHSCORES] " LIMIT, "Returns members within a range of scores."},
    {"zrangestore", cmd_zrangestore, -5, "write,denyoom", Z, "@1:0/1:OW+UPDATE ; @2:0/1:RO+ACCESS",
     "6.2.0", G, "dst src min max [(BYSCORE | BYLEX)] [REV] " LIMIT,
     "Stores the members of a range in a key."},
    {"zrevrange", cmd_zrevrange, -4, "readonly", Z, ONE, "1.2.0", G, "key start stop [WITHSCORES]",
     "Returns members within a range of ranks, from the highest score."},
    {"zrevrangebylex", cmd_zrangebylex, -4, "readonly", Z, ONE, "2.8.9", G, "key max min " LIMIT,
     "Returns members within a range of names, in reverse."},
    {"zrevrangebyscore", cmd_zrangebyscore, -4, "readonly", Z, ONE, "2.2.0", G,
     "key max min [WITHSCORES] " LIMIT, "Returns members within a range of scores, in reverse."},
    {0},
};
