/* Sorted sets: scores, ranks, counts, random members, scans, and the members around one. */
#include <stdlib.h>

#include "base/rng.h"
#include "commands/cursor.h"
#include "commands/zset_args.h"

static void reply_score(struct exec *x, const struct zset *z, struct bytes member)
{
    double score;
    if (z && zset_score(z, member, &score))
        reply_double(x->reply, score);
    else
        reply_null(x->reply);
}

static void cmd_zscore(struct exec *x)
{
    struct zset *z;
    if (zset_read(x, 0, &z))
        reply_score(x, z, x->argv[2]);
}

static void cmd_zmscore(struct exec *x)
{
    struct zset *z;
    if (!zset_read(x, 0, &z))
        return;
    reply_array(x->reply, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++)
        reply_score(x, z, x->argv[i]);
}

static void cmd_zcard(struct exec *x)
{
    struct zset *z;
    if (zset_read(x, 0, &z))
        reply_int(x->reply, z ? (int64_t)zset_length(z) : 0);
}

static void cmd_zcount(struct exec *x)
{
    struct zset_score_range range;
    size_t from = 0, to = 0;
    struct zset *z;
    if (!zset_parse_scores(x, 2, 3, &range) || !zset_read(x, 0, &z))
        return;
    if (z)
        zset_score_span(z, &range, &from, &to);
    reply_int(x->reply, (int64_t)(to - from));
}

static void cmd_zlexcount(struct exec *x)
{
    struct zset_lex_bound min, max;
    size_t from = 0, to = 0;
    struct zset *z;
    if (!zset_parse_lex(x, 2, 3, &min, &max) || !zset_read(x, 0, &z))
        return;
    if (z)
        zset_lex_span(z, &min, &max, &from, &to);
    reply_int(x->reply, (int64_t)(to - from));
}

static void cmd_zrank(struct exec *x)
{
    bool with_score = x->argc == 4 && exec_is(x, 3, "WITHSCORE"),
         reverse = x->cmd->row->name[2] == 'e';
    struct zset *z;
    size_t rank;
    double score;
    if (x->argc > 4 || (x->argc == 4 && !with_score)) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (!zset_read(x, 0, &z))
        return;
    if (!z || !zset_rank(z, x->argv[2], &rank, &score)) {
        if (with_score)
            reply_null_array(x->reply);
        else
            reply_null(x->reply);
        return;
    }
    if (with_score)
        reply_array(x->reply, 2);
    reply_int(x->reply, (int64_t)(reverse ? zset_length(z) - 1 - rank : rank));
    if (with_score)
        reply_double(x->reply, score);
}

/* ---- random members -------------------------------------------------------------------------------------- */

static void reply_rank(struct exec *x, const struct zset *z, size_t rank, bool with_scores)
{
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, z, rank, false);
    if (zset_iter_next(&it, &item))
        zset_reply_item(x, &item, with_scores);
}

/* n distinct ranks, in random order where few are wanted, ascending where many: by Floyd's sampling. */
static void reply_distinct(struct exec *x, const struct zset *z, size_t n, bool with_scores)
{
    size_t len = zset_length(z);
    if (n >= len) {
        zset_reply_span(x, z, 0, len, false, with_scores);
        return;
    }
    zset_reply_open(x, n, with_scores);
    size_t words = len / 64 + 1;
    uint64_t *taken = exec_alloc(x, words * sizeof *taken);
    memset(taken, 0, words * sizeof *taken);
    for (size_t top = len - n; top < len; top++) {
        size_t r = rng_below(top + 1);
        if (taken[r / 64] >> (r % 64) & 1)
            r = top;
        taken[r / 64] |= (uint64_t)1 << (r % 64);
        reply_rank(x, z, r, with_scores);
    }
}

static bool random_count(struct exec *x, int64_t *count, bool with_scores)
{
    if (!exec_int_in(x, 2, -INT64_MAX, INT64_MAX,
                     "value is out of range, value must between -9223372036854775807 and "
                     "9223372036854775807",
                     count))
        return false;
    if (with_scores && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "value is out of range");
        return false;
    }
    return true;
}

static void cmd_zrandmember(struct exec *x)
{
    int64_t count = 1;
    bool with_scores = x->argc == 4 && exec_is(x, 3, "WITHSCORES");
    struct zset *z;
    if (x->argc > 2 && !random_count(x, &count, with_scores))
        return;
    if (x->argc > 4 || (x->argc == 4 && !with_scores)) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (!zset_read(x, 0, &z))
        return;
    if (x->argc == 2) {
        if (z)
            reply_rank(x, z, rng_below(zset_length(z)), false);
        else
            reply_null(x->reply);
    } else if (!z || count == 0) {
        reply_array(x->reply, 0);
    } else if (count > 0) {
        reply_distinct(x, z, (size_t)count, with_scores);
    } else {
        zset_reply_open(x, (size_t)-count, with_scores);
        for (; count < 0; count++)
            reply_rank(x, z, rng_below(zset_length(z)), with_scores);
    }
}

/* ---- ZSCAN --------------------------------------------------------------------------------------------------- */

struct scan {
    struct exec *x;
    const struct bytes *match;
    size_t n;
};

static void scan_visit(const struct zset_item *item, void *ctx)
{
    struct scan *sc = ctx;
    char text[NUM_DOUBLE_MAX];
    if (sc->match && !bytes_glob(*sc->match, item->member, false))
        return;
    reply_bulk(sc->x->reply, item->member);
    reply_bulk(sc->x->reply, bytes_of(text, num_format_double(text, item->score)));
    sc->n += 2;
}

/* Word by word, so that the first mistake from the left is the one that is answered. */
static bool scan_options(struct exec *x, struct scan *sc, int64_t *count)
{
    for (int i = 3; i < x->argc; i += 2) {
        bool known = i + 1 < x->argc;
        if (known && exec_is(x, i, "MATCH"))
            sc->match = bytes_eq(x->argv[i + 1], BYTES("*")) ? NULL : &x->argv[i + 1];
        else if (!known || !exec_is(x, i, "COUNT"))
            known = false;
        else if (!exec_int(x, i + 1, count))
            return false;
        if (!known || *count < 1) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* The elements are emitted before the next cursor is known, so the reply is put together aside. */
static void cmd_zscan(struct exec *x)
{
    struct scan sc = {.x = x};
    uint64_t cursor;
    int64_t count = 10;
    struct zset *z;
    if (!cursor_parse(x->argv[2], &cursor)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid cursor");
        return;
    }
    if (!zset_read(x, 0, &z))
        return;
    if (!z) { /* the options of a missing key are not looked at */
        reply_array(x->reply, 2);
        reply_bulk(x->reply, BYTES("0"));
        reply_array(x->reply, 0);
        return;
    }
    if (!scan_options(x, &sc, &count))
        return;
    char text[NUM_INT_MAX];
    struct reply *out = x->reply;
    struct capture captured;
    capture_init(&captured);
    x->reply = &captured.base;
    for (int64_t left = count; left > 0; left -= 10) {
        cursor = zset_scan(z, cursor, scan_visit, &sc);
        if (!cursor)
            break;
    }
    x->reply = out;
    reply_array(out, 2);
    reply_bulk(out, bytes_of(text, num_format_uint(text, cursor)));
    reply_array(out, captured.n);
    for (size_t i = 0; i < captured.n; i++)
        reply_bulk(out, capture_text(&captured, &captured.nodes[i]));
    capture_release(&captured);
}

/* ---- ATR.ZAROUND ------------------------------------------------------------------------------------------------ */

/* ATR.ZAROUND key member radius [REV]: the member and up to `radius` neighbours on either side, in one step.
 * Replies [total, rank of the first row, rank of the member, [[member, score] ...]]; ranks count from 0 in the
 * order asked for (REV: from the highest score). Null where the member is missing. */
static void cmd_zaround(struct exec *x)
{
    int64_t radius;
    struct zset *z;
    size_t rank;
    double score;
    bool reverse = x->argc == 5 && exec_is(x, 4, "REV");
    if (x->argc > 5 || (x->argc == 5 && !reverse)) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (!exec_int_in(x, 3, 0, 1000000, "radius must be between 0 and 1000000", &radius) ||
        !zset_read(x, 0, &z))
        return;
    if (!z || !zset_rank(z, x->argv[2], &rank, &score)) {
        reply_null_array(x->reply);
        return;
    }
    size_t n = zset_length(z), r = (size_t)radius;
    rank = reverse ? n - 1 - rank : rank;
    size_t from = rank > r ? rank - r : 0, to = r < n - rank - 1 ? rank + r + 1 : n;
    reply_array(x->reply, 4);
    reply_int(x->reply, (int64_t)n);
    reply_int(x->reply, (int64_t)from);
    reply_int(x->reply, (int64_t)rank);
    reply_array(x->reply, to - from);
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, z, reverse ? n - 1 - from : from, reverse);
    for (size_t i = from; i < to && zset_iter_next(&it, &item); i++) {
        reply_array(x->reply, 2);
        reply_bulk(x->reply, item.member);
        reply_double(x->reply, item.score);
    }
}

#define Z   "sortedset"
#define G   "sorted_set"
#define ONE "@1:0/1:"

const struct command_row zset_read_commands[] = {
    {"atr.zaround", cmd_zaround, -4, "readonly", Z, ONE "RO+ACCESS", "0.1.0", G,
     "key member radius [REV]", "Returns a member and its neighbours by rank, in one step."},
    {"zcard", cmd_zcard, 2, "readonly,fast", Z, ONE "RO", "1.2.0", G, "key",
     "Returns the number of members."},
    {"zcount", cmd_zcount, 4, "readonly,fast", Z, ONE "RO+ACCESS", "2.0.0", G, "key min max",
     "Counts the members within a range of scores."},
    {"zlexcount", cmd_zlexcount, 4, "readonly,fast", Z, ONE "RO+ACCESS", "2.8.9", G, "key min max",
     "Counts the members within a range of names; all scores are equal."},
    {"zmscore", cmd_zmscore, -3, "readonly,fast", Z, ONE "RO+ACCESS", "6.2.0", G, "key member ...",
     "Returns the scores of members."},
    {"zrandmember", cmd_zrandmember, -2, "readonly", Z, ONE "RO+ACCESS", "6.2.0", G,
     "key [count [WITHSCORES]]", "Returns random members."},
    {"zrank", cmd_zrank, -3, "readonly,fast", Z, ONE "RO+ACCESS", "2.0.0", G,
     "key member [WITHSCORE]", "Returns a member's rank by ascending score."},
    {"zrevrank", cmd_zrank, -3, "readonly,fast", Z, ONE "RO+ACCESS", "2.0.0", G,
     "key member [WITHSCORE]", "Returns a member's rank by descending score."},
    {"zscan", cmd_zscan, -3, "readonly", Z, ONE "RO+ACCESS", "2.8.0", G,
     "key cursor [MATCH pattern] [COUNT count]", "Iterates over members and scores."},
    {"zscore", cmd_zscore, 3, "readonly,fast", Z, ONE "RO+ACCESS", "1.2.0", G, "key member",
     "Returns a member's score."},
    {0},
};
