/* ATR.ZPAGE key offset limit [REV] [MIN score] [MAX score]
 *
 * One page of a leaderboard in one atomic step: a map of
 *   total     members with a score between MIN and MAX (all of them, where none is given)
 *   ahead     members before the page's first one in the order asked for, also those outside of the
 * bounds better    of those, the ones whose score is another than the first one's members   member,
 * score, member, score, ...: at most `limit` of those in the bounds, from `offset` on A missing key
 * is an empty set. O(log n + limit). */
#include <math.h>

#include "commands/zset_args.h"

enum page_option { REV, MIN, MAX };

struct page {
    int64_t offset, limit;
    bool reverse;
    struct zset_score_range range;
};

static bool parse_page(struct exec *x, struct page *p)
{
    struct option o[] = {[REV] = {.word = "REV"},
                         [MIN] = {.word = "MIN", .takes = 1},
                         [MAX] = {.word = "MAX", .takes = 1},
                         {0}};
    *p = (struct page){.range = {.min = -INFINITY, .max = INFINITY}};
    if (!exec_int_in(x, 2, 0, INT64_MAX, "offset must not be negative", &p->offset) ||
        !exec_int_in(x, 3, 1, INT64_MAX, "limit must be positive", &p->limit) ||
        !exec_options(x, 4, o) || (o[MIN].at && !exec_double(x, o[MIN].at + 1, &p->range.min)) ||
        (o[MAX].at && !exec_double(x, o[MAX].at + 1, &p->range.max)))
        return false;
    p->reverse = o[REV].at != 0;
    return true;
}

/* The items of `n` ranks from `first` on, which count from the end that the order begins at.
 * Returns how many of the members before them have another score than the first. */
static size_t reply_members(struct exec *x, const struct zset *z, size_t first, size_t n,
                            bool reverse)
{
    struct zset_iter it;
    struct zset_item item;
    size_t from = 0, to = 0, length = z ? zset_length(z) : 0;
    reply_text(x->reply, "members");
    reply_array(x->reply, 2 * n);
    if (n)
        zset_iter_init(&it, z, reverse ? length - 1 - first : first, reverse);
    for (size_t i = 0; i < n && zset_iter_next(&it, &item); i++) {
        reply_bulk(x->reply, item.member);
        reply_double(x->reply, item.score);
        if (i == 0)
            zset_score_span(z, &(struct zset_score_range){.min = item.score, .max = item.score},
                            &from, &to);
    }
    return n == 0 ? 0 : reverse ? length - to : from;
}

static void reply_count(struct exec *x, const char *name, size_t n)
{
    reply_text(x->reply, name);
    reply_int(x->reply, (int64_t)n);
}

static void cmd_atr_zpage(struct exec *x)
{
    struct page p;
    struct zset *z;
    size_t from = 0, to = 0, first = 0;
    if (!parse_page(x, &p) || !zset_read(x, 0, &z))
        return;
    if (z)
        zset_score_span(z, &p.range, &from, &to);
    size_t total = to > from ? to - from : 0;
    size_t skipped = (uint64_t)p.offset < total ? (size_t)p.offset : total;
    size_t n = (uint64_t)p.limit < total - skipped ? (size_t)p.limit : total - skipped;
    if (n)
        first = skipped + (p.reverse ? zset_length(z) - to : from);
    reply_map(x->reply, 4);
    reply_count(x, "total", total);
    reply_count(x, "ahead", first);
    size_t better = reply_members(x, z, first, n, p.reverse);
    reply_count(x, "better", better);
}

const struct command_row zset_page_commands[] = {
    {"atr.zpage", cmd_atr_zpage, -4, "readonly", "sortedset", "@1:0/1:RO+ACCESS", "0.1.0",
     "sorted_set", "key offset limit [REV] [MIN score] [MAX score]",
     "Returns members by rank, with how many there are and how many stand before them."},
    {0},
};
