/* Lists: a range of elements, and push and pop at both ends. Every request is one command. */
#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/waiting.h"

#define RANGE_MAX  1000
#define RANGE      100
#define VALUES_MAX 10000
#define COUNT_MAX  10000
#define WAIT_MS    30000

enum side { SIDE_LEFT, SIDE_RIGHT };

static const char *const sides[] = {"left", "right", NULL};

/* "items": the elements of an array. */
static void put_items(struct request *r, struct json_writer *w, const struct reply_node *array)
{
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 1; i <= array->count; i++)
        json_put_bytes(w, call_text(r, &array[i]));
    json_close_array(w);
}

/* ---- GET ------------------------------------------------------------------------------------- */

/* ATR.LPAGE's answer. */
static void say_range(struct request *r)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "total");
    json_put_count(w, (uint64_t)call_field(r, "total")->integer);
    json_key(w, "start");
    json_put_count(w, (uint64_t)call_field(r, "start")->integer);
    put_items(r, w, call_field(r, "items"));
    json_close_object(w);
}

/* Where the range ends unless the request says so: RANGE elements on, or at the list's end. */
static int64_t default_stop(int64_t start)
{
    if (start > INT64_MAX - RANGE)
        return INT64_MAX;
    return start < 0 && start >= -RANGE ? -1 : start + RANGE - 1;
}

static void get_list(struct request *r)
{
    int64_t start = 0, stop;
    if (!request_query_int(r, "start", INT64_MIN, INT64_MAX, &start))
        return;
    stop = default_stop(start);
    if (!request_query_int(r, "stop", INT64_MIN, INT64_MAX, &stop))
        return;
    call_start(r, "ATR.LPAGE");
    call_arg(r, r->params[0]);
    call_int(r, start);
    call_int(r, stop);
    call_int(r, RANGE_MAX);
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL)
        problem(r, "not-found", "there is no such list");
    else if (node)
        say_range(r);
}

/* ---- POST push ------------------------------------------------------------------------------- */

static bool add_values(struct request *r, const cJSON *values)
{
    struct bytes value;
    for (const cJSON *item = values->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &value)) {
            problem(r, "bad-arguments",
                    "\"values\" must hold strings, numbers or {\"b64\":\"...\"}");
            return false;
        }
        call_arg(r, value);
    }
    return true;
}

static void push(struct request *r)
{
    const cJSON *values;
    int side = SIDE_RIGHT;
    if (!request_json(r, false) || !request_member_word(r, r->json, "side", sides, &side) ||
        !request_member_array(r, "values", VALUES_MAX, &values))
        return;
    call_start(r, side == SIDE_LEFT ? "LPUSH" : "RPUSH");
    call_arg(r, r->params[0]);
    const struct reply_node *node = add_values(r, values) ? call_run(r) : NULL;
    if (!node)
        return;
    int64_t length = node->integer;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "length");
    json_put_count(w, (uint64_t)length);
    json_close_object(w);
}

/* ---- POST pop -------------------------------------------------------------------------------- */

struct pop {
    int side;
    int64_t count, wait_ms;
};

static bool parse_pop(struct request *r, struct pop *p)
{
    *p = (struct pop){.side = SIDE_LEFT, .count = 1};
    if (r->body.n == 0)
        return true;
    return request_json(r, false) && request_member_word(r, r->json, "side", sides, &p->side) &&
           request_member_int(r, r->json, "count", 1, COUNT_MAX, &p->count) &&
           request_member_int(r, r->json, "wait_ms", 0, WAIT_MS, &p->wait_ms);
}

static void add_pop(struct request *r, const struct pop *p)
{
    call_int(r, 1);
    call_arg(r, r->params[0]);
    call_word(r, p->side == SIDE_LEFT ? "LEFT" : "RIGHT");
    call_word(r, "COUNT");
    call_int(r, p->count);
}

/* LMPOP's or BLMPOP's answer, null or [key, [element ...]]. */
static void say_popped(struct request *r)
{
    const struct reply_node *node = r->reply.nodes;
    if (node->kind == NODE_NULL) {
        answer_empty(r, 204);
        return;
    }
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    put_items(r, w, &node[2]);
    json_close_object(w);
}

static void wait_for_elements(struct request *r, const struct pop *p)
{
    call_start(r, "BLMPOP");
    call_double(r, (double)p->wait_ms / 1000.0);
    add_pop(r, p);
    waiting_call(r, say_popped);
}

static void pop(struct request *r)
{
    struct pop p;
    if (!parse_pop(r, &p))
        return;
    call_start(r, "LMPOP");
    add_pop(r, &p);
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL && p.wait_ms)
        wait_for_elements(r, &p);
    else if (node)
        say_popped(r);
}

const struct route lists_routes[] = {
    {METHOD_GET, "/v1/lists/{key}", get_list, "getList", 0},
    {METHOD_POST, "/v1/lists/{key}/push", push, "pushToList", 0},
    {METHOD_POST, "/v1/lists/{key}/pop", pop, "popFromList", 0},
    {0},
};
