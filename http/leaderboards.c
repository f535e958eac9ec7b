/* Leaderboards: sorted sets with ranks from 1, the highest score first (?order=asc: the lowest).
 * One member's place is in leaderboard_members.c.
 *
 * ?ties=competition gives equal scores the same rank (1 2 2 4), ordinal (the default) counts on,
 * members of equal score in the order of their bytes, as the sorted set has them. */
#include "http/call.h"
#include "http/leaderboard.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define LIMIT_MAX 1000

struct page {
    int64_t offset, limit;
    bool ascending, competition, bounded;
    double min, max;
};

bool leaderboard_order(struct request *r, bool *ascending)
{
    static const char *const orders[] = {"desc", "asc", NULL};
    int order = 0;
    if (!request_query_word(r, "order", orders, &order))
        return false;
    *ascending = order == 1;
    return true;
}

static bool parse_page(struct request *r, struct page *p)
{
    static const char *const ties[] = {"ordinal", "competition", NULL};
    struct bytes ignored;
    int tie = 0;
    *p = (struct page){.limit = 100, .min = -1.0 / 0.0, .max = 1.0 / 0.0};
    if (!leaderboard_order(r, &p->ascending) ||
        !request_query_int(r, "offset", 0, INT64_MAX / 2, &p->offset) ||
        !request_query_int(r, "limit", 1, LIMIT_MAX, &p->limit) ||
        !request_query_double(r, "min_score", &p->min) ||
        !request_query_double(r, "max_score", &p->max) ||
        !request_query_word(r, "ties", ties, &tie))
        return false;
    p->competition = tie == 1;
    p->bounded = request_query(r, "min_score", &ignored) || request_query(r, "max_score", &ignored);
    return true;
}

/* How many members have a score that is better than `score` (`or_equal`: or as good). -1: answered.
 */
static int64_t count_better(struct request *r, const struct page *p, double score)
{
    char *bound = arena_alloc(&r->arena, NUM_DOUBLE_MAX + 1);
    *bound = '(';
    struct bytes exclusive = bytes_of(bound, 1 + num_format_double(bound + 1, score));
    call_start(r, "ZCOUNT");
    call_arg(r, r->params[0]);
    call_arg(r, p->ascending ? BYTES("-inf") : exclusive);
    call_arg(r, p->ascending ? exclusive : BYTES("+inf"));
    const struct reply_node *node = call_run(r);
    return node ? node->integer : -1;
}

/* Members within the page's bounds. -1: answered. */
static int64_t count_all(struct request *r, const struct page *p)
{
    call_start(r, p->bounded ? "ZCOUNT" : "ZCARD");
    call_arg(r, r->params[0]);
    if (p->bounded) {
        call_double(r, p->min);
        call_double(r, p->max);
    }
    const struct reply_node *node = call_run(r);
    return node ? node->integer : -1;
}

static const struct reply_node *call_range(struct request *r, const struct page *p)
{
    call_start(r, "ZRANGE");
    call_arg(r, r->params[0]);
    if (p->bounded) {
        call_double(r, p->ascending ? p->min : p->max);
        call_double(r, p->ascending ? p->max : p->min);
        call_word(r, "BYSCORE");
    } else {
        call_int(r, p->offset);
        call_int(r, p->offset + p->limit - 1);
    }
    if (!p->ascending)
        call_word(r, "REV");
    if (p->bounded) {
        call_word(r, "LIMIT");
        call_int(r, p->offset);
        call_int(r, p->limit);
    }
    call_word(r, "WITHSCORES");
    return call_run(r);
}

/* The answer to ZRANGE as entries in the arena: pairs under RESP3. */
static size_t take_entries(struct request *r, const struct reply_node *node,
                           struct leaderboard_entry **entries)
{
    size_t n = node->count;
    *entries = arena_alloc(&r->arena, n * sizeof **entries);
    for (size_t i = 0; i < n; i++) {
        const struct reply_node *pair = &node[1 + 3 * i];
        (*entries)[i].member = arena_copy(&r->arena, call_text(r, &pair[1]));
        call_double_of(r, &pair[2], &(*entries)[i].score);
    }
    return n;
}

/* Ranks for a page whose first entry has `ahead` members before it by order, `better` by score. */
static void number(struct leaderboard_entry *entries, size_t n, int64_t ahead, int64_t better,
                   bool competition)
{
    for (size_t i = 0; i < n; i++) {
        entries[i].rank = ahead + (int64_t)i + 1;
        if (!competition)
            continue;
        if (i == 0)
            entries[i].rank = better + 1;
        else if (entries[i].score == entries[i - 1].score)
            entries[i].rank = entries[i - 1].rank;
    }
}

void leaderboard_put(struct json_writer *w, const struct leaderboard_entry *entry)
{
    json_key(w, "rank");
    json_put_count(w, (uint64_t)entry->rank);
    json_key(w, "member");
    json_put_bytes(w, entry->member);
    json_key(w, "score");
    json_put_double(w, entry->score);
}

static void say_page(struct request *r, int64_t total, const struct leaderboard_entry *entries,
                     size_t n)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "total");
    json_put_count(w, (uint64_t)total);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(w);
        leaderboard_put(w, &entries[i]);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static void get_leaderboard(struct request *r)
{
    struct page p;
    struct leaderboard_entry *entries;
    int64_t better = 0, skipped = 0;
    if (!parse_page(r, &p))
        return;
    const struct reply_node *node = call_range(r, &p);
    if (!node)
        return;
    size_t n = take_entries(r, node, &entries);
    int64_t total = count_all(r, &p);
    if (total < 0)
        return;
    if (p.bounded && n)
        skipped = count_better(r, &p, p.ascending ? p.min : p.max);
    if (p.competition && n)
        better = count_better(r, &p, entries[0].score);
    if (skipped < 0 || better < 0)
        return;
    number(entries, n, skipped + p.offset, better, p.competition);
    say_page(r, total, entries, n);
}

const struct route leaderboards_routes[] = {
    {METHOD_GET, "/v1/leaderboards/{key}", get_leaderboard, "getLeaderboard", 0},
    {0},
};
