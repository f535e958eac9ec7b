/* A vector set as a picture: ATR.VPROJECT's points, for the page /vectors among others. */
#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/vectors.h"

#define LIMIT_MAX 5000

/* A point is [id, x, y, attributes]: five nodes. */
static void put_point(struct request *r, struct json_writer *w, const struct reply_node *point)
{
    struct bytes attributes = {0};
    if (point[4].kind == NODE_BULK)
        attributes = call_text(r, &point[4]);
    json_open_object(w);
    json_key(w, "id");
    json_put_bytes(w, call_text(r, &point[1]));
    json_key(w, "x");
    json_put_double(w, point[2].real);
    json_key(w, "y");
    json_put_double(w, point[3].real);
    json_key(w, "attributes");
    vector_put_attributes(r, w, attributes);
    json_close_object(w);
}

static void say_picture(struct request *r)
{
    const struct reply_node *variance = call_field(r, "variance"),
                            *points = call_field(r, "points");
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "total");
    json_put_count(w, (uint64_t)call_field(r, "total")->integer);
    json_key(w, "variance");
    json_open_array(w);
    json_put_double(w, variance[1].real);
    json_put_double(w, variance[2].real);
    json_close_array(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < points->count; i++)
        put_point(r, w, points + 1 + 5 * i);
    json_close_array(w);
    json_close_object(w);
}

static void get_projection(struct request *r)
{
    int64_t limit = 500;
    if (!request_query_int(r, "limit", 1, LIMIT_MAX, &limit))
        return;
    call_start(r, "ATR.VPROJECT");
    call_arg(r, r->params[0]);
    call_word(r, "COUNT");
    call_int(r, limit);
    call_word(r, "WITHATTRIBS");
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL)
        problem(r, "not-found", "there is no such vector set");
    else if (node)
        say_picture(r);
}

const struct route vector_projection_routes[] = {
    {METHOD_GET, "/v1/vectors/{key}/projection", get_projection, "getVectorProjection", 0},
    {0},
};
