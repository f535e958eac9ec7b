/* One member of a leaderboard: its place, a new score, the members around it. Each is one step of
 * the engine (ATR.ZAROUND, ATR.ZPLACE). */
#include "http/call.h"
#include "http/leaderboard.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define RADIUS_MAX 500

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such member");
}

/* ---- GET ------------------------------------------------------------------------------------- */

/* Runs ATR.ZAROUND: [total, first rank, rank, [[member, score] ...]]. NULL: answered. */
static const struct reply_node *call_around(struct request *r, int64_t radius)
{
    bool ascending;
    if (!leaderboard_order(r, &ascending))
        return NULL;
    call_start(r, "ATR.ZAROUND");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    call_int(r, radius);
    if (!ascending)
        call_word(r, "REV");
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL) {
        not_found(r);
        return NULL;
    }
    return node;
}

/* The share of the other members that are behind, in percent; alone it is 100. */
static double percentile(int64_t rank, int64_t total)
{
    return total > 1 ? 100.0 * (double)(total - rank) / (double)(total - 1) : 100.0;
}

static void get_member(struct request *r)
{
    const struct reply_node *node = call_around(r, 0);
    if (!node)
        return;
    int64_t total = node[1].integer, rank = node[3].integer + 1;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "member");
    json_put_bytes(w, r->params[1]);
    json_key(w, "score");
    json_put_double(w, node[7].real);
    json_key(w, "rank");
    json_put_count(w, (uint64_t)rank);
    json_key(w, "total");
    json_put_count(w, (uint64_t)total);
    json_key(w, "percentile");
    json_put_double(w, percentile(rank, total));
    json_close_object(w);
}

static void put_neighbour(struct request *r, struct json_writer *w, const struct reply_node *pair,
                          int64_t rank, bool self)
{
    struct leaderboard_entry entry = {call_text(r, &pair[1]), pair[2].real, rank};
    json_open_object(w);
    leaderboard_put(w, &entry);
    if (self) {
        json_key(w, "self");
        json_put_bool(w, true);
    }
    json_close_object(w);
}

static void get_around(struct request *r)
{
    int64_t radius = 5;
    const struct reply_node *node;
    if (!request_query_int(r, "radius", 0, RADIUS_MAX, &radius) || !(node = call_around(r, radius)))
        return;
    int64_t first = node[2].integer, own = node[3].integer;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "total");
    json_put_count(w, (uint64_t)node[1].integer);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < node[4].count; i++)
        put_neighbour(r, w, &node[5 + 3 * i], first + (int64_t)i + 1, first + (int64_t)i == own);
    json_close_array(w);
    json_close_object(w);
}

/* ---- PUT and POST incr ----------------------------------------------------------------------- */

static void put_number(struct request *r, struct json_writer *w, const char *name, bool is_rank)
{
    const struct reply_node *node = call_field(r, name);
    json_key(w, name);
    if (!node)
        json_put_null(w);
    else if (is_rank)
        json_put_count(w, (uint64_t)node->integer + 1);
    else
        json_put_double(w, node->real);
}

static void say_placed(struct request *r)
{
    bool added = !call_field(r, "previous_score") && call_field(r, "score");
    struct json_writer *w = answer_json(r, added ? 201 : 200);
    json_open_object(w);
    json_key(w, "member");
    json_put_bytes(w, r->params[1]);
    put_number(r, w, "score", false);
    put_number(r, w, "rank", true);
    put_number(r, w, "previous_score", false);
    put_number(r, w, "previous_rank", true);
    json_key(w, "changed");
    json_put_bool(w, call_field(r, "changed")->integer != 0);
    json_key(w, "total");
    json_put_count(w, (uint64_t)call_field(r, "total")->integer);
    json_close_object(w);
}

/* A number that must be there. */
static bool member_score(struct request *r, const char *name, double *out)
{
    if (!json_get(r->json, name)) {
        problem(r, "bad-arguments", "\"%s\" must be there: a number, \"inf\" or \"-inf\"", name);
        return false;
    }
    return request_member_double(r, r->json, name, out);
}

/* "ATR.ZPLACE key score member"; the caller adds words. False: answered. */
static bool start_place(struct request *r, const char *member)
{
    double score;
    bool ascending;
    if (!request_json(r, false) || !member_score(r, member, &score) ||
        !leaderboard_order(r, &ascending))
        return false;
    call_start(r, "ATR.ZPLACE");
    call_arg(r, r->params[0]);
    call_double(r, score);
    call_arg(r, r->params[1]);
    if (!ascending)
        call_word(r, "REV");
    return true;
}

/* A condition that does not hold is 412; a mode that keeps the better score is not. */
static void put_member(struct request *r)
{
    static const char *const modes[] = {"set", "max", "min", NULL};
    static const char *const conditions[] = {"nx", "xx", NULL};
    int mode = 0, condition = -1;
    if (!start_place(r, "score") || !request_member_word(r, r->json, "mode", modes, &mode) ||
        !request_member_word(r, r->json, "if", conditions, &condition))
        return;
    if (mode && condition != 0)
        call_word(r, mode == 1 ? "GT" : "LT");
    if (condition >= 0)
        call_word(r, condition == 0 ? "NX" : "XX");
    if (!call_run(r))
        return;
    bool was_there = call_field(r, "previous_score") != NULL;
    if (condition >= 0 && was_there == (condition == 0))
        problem(r, "precondition-failed",
                condition == 0 ? "the member is there" : "there is no such member");
    else
        say_placed(r);
}

static void increment_member(struct request *r)
{
    if (!start_place(r, "by"))
        return;
    call_word(r, "INCR");
    if (call_run(r))
        say_placed(r);
}

/* ---- DELETE ---------------------------------------------------------------------------------- */

static void delete_member(struct request *r)
{
    call_start(r, "ZREM");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (node && node->integer)
        answer_empty(r, 204);
    else if (node)
        not_found(r);
}

#define MEMBER "/v1/leaderboards/{key}/members/{member}"

const struct route leaderboard_members_routes[] = {
    {METHOD_GET, MEMBER, get_member, "getMember", 0},
    {METHOD_PUT, MEMBER, put_member, "putMember", 0},
    {METHOD_DELETE, MEMBER, delete_member, "deleteMember", 0},
    {METHOD_POST, MEMBER "/incr", increment_member, "incrementMember", 0},
    {METHOD_GET, MEMBER "/around", get_around, "getMemberAround", 0},
    {0},
};
