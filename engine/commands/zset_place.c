/* ATR.ZPLACE key score member [NX | XX] [GT | LT] [INCR] [REV]
 *
 * ZADD of one member, with what a leaderboard wants to know of it, in one atomic step: a map of
 *   changed           boolean: the member was added or has another score now
 *   score, rank       afterwards; null where the member is not there (XX)
 *   previous_score, previous_rank     before; null where it was not there
 *   total             members afterwards
 * Ranks count from 0 in the order asked for (REV: from the highest score). With INCR the score is
 * added; XX, GT and LT then decide as they do for ZADD. */
#include "commands/zset_args.h"

enum place_option { NX, XX, GT, LT, INCR, REV };
enum { GROUP_EXIST = 1, GROUP_ORDER = 2 };

/* Where a member stands; `there` false: it does not. */
struct place {
    bool there;
    double score;
    size_t rank;
};

static struct place find_place(const struct zset *z, struct bytes member, bool reverse)
{
    struct place p = {0};
    p.there = z && zset_rank(z, member, &p.rank, &p.score);
    if (p.there && reverse)
        p.rank = zset_length(z) - 1 - p.rank;
    return p;
}

static void reply_place(struct reply *r, const char *score, const char *rank, struct place p)
{
    reply_text(r, score);
    if (p.there)
        reply_double(r, p.score);
    else
        reply_null(r);
    reply_text(r, rank);
    if (p.there)
        reply_int(r, (int64_t)p.rank);
    else
        reply_null(r);
}

static bool parse_flags(struct exec *x, unsigned *flags, bool *reverse)
{
    struct option o[] = {[NX] = {.word = "NX", .group = GROUP_EXIST},
                         [XX] = {.word = "XX", .group = GROUP_EXIST},
                         [GT] = {.word = "GT", .group = GROUP_ORDER},
                         [LT] = {.word = "LT", .group = GROUP_ORDER},
                         [INCR] = {.word = "INCR"},
                         [REV] = {.word = "REV"},
                         {0}};
    static const unsigned bits[] = {ZSET_NX, ZSET_XX, ZSET_GT, ZSET_LT, ZSET_INCR};
    *flags = 0;
    if (!exec_options(x, 4, o))
        return false;
    for (int i = NX; i <= INCR; i++)
        if (o[i].at)
            *flags |= bits[i];
    *reverse = o[REV].at != 0;
    if (!(o[NX].at && (o[GT].at || o[LT].at)))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC,
                 "GT, LT, and/or NX options at the same time are not compatible");
    return false;
}

static void cmd_atr_zplace(struct exec *x)
{
    unsigned flags;
    bool reverse;
    double score;
    struct zset *z;
    struct bytes member = x->argv[3];
    if (!exec_double(x, 2, &score) || !parse_flags(x, &flags, &reverse) || !zset_write(x, 0, &z))
        return;
    struct place before = find_place(z, member, reverse);
    bool fresh = z == NULL;
    if (fresh)
        z = zset_new();
    enum zset_result result = zset_add(z, zset_limits_of(x), member, &score, flags);
    bool changed = result == ZSET_ADDED || result == ZSET_UPDATED;
    struct place after = find_place(z, member, reverse);
    size_t total = zset_length(z);
    if (fresh && changed)
        exec_put_object(x, 0, TYPE_ZSET, z);
    else if (fresh)
        zset_free(z);
    if (result == ZSET_NAN) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "resulting score is not a number (NaN)");
        return;
    }
    if (changed)
        exec_changed(x, 0, EVENT_ZSET, flags & ZSET_INCR ? "zincr" : "zadd");
    reply_map(x->reply, 6);
    reply_text(x->reply, "changed");
    reply_bool(x->reply, changed);
    reply_place(x->reply, "score", "rank", after);
    reply_place(x->reply, "previous_score", "previous_rank", before);
    reply_text(x->reply, "total");
    reply_int(x->reply, (int64_t)total);
}

const struct command_row zset_place_commands[] = {
    {"atr.zplace", cmd_atr_zplace, -4, "write,denyoom,fast", "sortedset", "@1:0/1:RW+UPDATE",
     "0.1.0", "sorted_set", "key score member [(NX | XX)] [(GT | LT)] [INCR] [REV]",
     "Sets or adds to a member's score; tells its score and rank before and after."},
    {0},
};
