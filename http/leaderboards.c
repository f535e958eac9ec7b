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
    bool ascending, competition;
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
    return true;
}

static const struct reply_node *call_page(struct request *r, const struct page *p)
{
    call_start(r, "ATR.ZPAGE");
    call_arg(r, r->params[0]);
    call_int(r, p->offset);
    call_int(r, p->limit);
    if (!p->ascending)
        call_word(r, "REV");
    call_word(r, "MIN");
    call_double(r, p->min);
    call_word(r, "MAX");
    call_double(r, p->max);
    return call_run(r);
}

/* The page's members as entries in the arena. */
static size_t take_entries(struct request *r, struct leaderboard_entry **entries)
{
    const struct reply_node *node = call_field(r, "members");
    size_t n = node->count / 2;
    *entries = arena_alloc(&r->arena, n * sizeof **entries);
    for (size_t i = 0; i < n; i++) {
        (*entries)[i].member = call_text(r, &node[1 + 2 * i]);
        call_double_of(r, &node[2 + 2 * i], &(*entries)[i].score);
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
    if (!parse_page(r, &p) || !call_page(r, &p))
        return;
    size_t n = take_entries(r, &entries);
    number(entries, n, call_field(r, "ahead")->integer, call_field(r, "better")->integer,
           p.competition);
    say_page(r, call_field(r, "total")->integer, entries, n);
}

const struct route leaderboards_routes[] = {
    {METHOD_GET, "/v1/leaderboards/{key}", get_leaderboard, "getLeaderboard", 0},
    {0},
};
