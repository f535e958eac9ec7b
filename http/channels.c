/* Channels: publishing, what they keep, who is there. Subscribers of every door get the message. */
#include "http/call.h"
#include "http/resources.h"
#include "http/router.h"

#define LIMIT_MAX   1000
#define MEMBERS_MAX 10000

static void put_field(struct request *r, struct json_writer *w, const char *name)
{
    const struct reply_node *node = call_field(r, name);
    json_key(w, name);
    if (!node)
        json_put_null(w);
    else if (node->kind == NODE_INT)
        json_put_count(w, (uint64_t)node->integer);
    else
        json_put_plain(w, call_text(r, node));
}

static void put_channel(struct request *r, struct json_writer *w)
{
    json_key(w, "channel");
    json_put_bytes(w, r->params[0]);
}

static void publish(struct request *r)
{
    call_start(r, "ATR.PUBLISH");
    call_arg(r, r->params[0]);
    call_arg(r, buf_bytes(&r->body));
    if (!call_run(r))
        return;
    struct json_writer *w = answer_json(r, 202);
    json_open_object(w);
    put_channel(r, w);
    put_field(r, w, "receivers");
    put_field(r, w, "epoch");
    put_field(r, w, "offset");
    json_close_object(w);
}

/* A map of the engine's own as an object, however clients' bytes are shown: its names are words, and an epoch is ours. */
static void put_map(struct json_writer *w, const struct capture *c, size_t at)
{
    size_t part = at + 1;
    json_open_object(w);
    for (size_t i = 0; i < c->nodes[at].count; i += 2) {
        struct bytes name = capture_text(c, &c->nodes[part]);
        json_put_name(w, name);
        if (bytes_eq(name, BYTES("epoch")) && c->nodes[part + 1].kind == NODE_BULK)
            json_put_plain(w, capture_text(c, &c->nodes[part + 1]));
        else
            json_put_reply(w, c, part + 1);
        part = capture_skip(c, part + 1);
    }
    json_close_object(w);
}

/* An item of a list: a map, or bytes. */
static void put_item(struct json_writer *w, const struct capture *c, size_t at)
{
    if (c->nodes[at].kind == NODE_MAP)
        put_map(w, c, at);
    else
        json_put_reply(w, c, at);
}

/* The array under `name` of a map, its items as the engine tells them; empty where all is null.
 * Returns the last one. */
static const struct reply_node *put_items(struct request *r, struct json_writer *w,
                                          const char *name)
{
    const struct reply_node *items = call_field(r, name), *last = NULL;
    size_t at = items ? (size_t)(items - r->reply.nodes) + 1 : 0;
    json_open_array(w);
    for (size_t i = 0; items && i < items->count; i++, at = capture_skip(&r->reply, at)) {
        last = &r->reply.nodes[at];
        put_item(w, &r->reply, at);
    }
    json_close_array(w);
    return last;
}

/* ---- history --------------------------------------------------------------------------------- */

/* ?since, or a page's cursor; ?epoch: of the position. */
static bool add_position(struct request *r)
{
    struct bytes epoch;
    int64_t since = -1;
    if (!request_query_int(r, "since", 0, INT64_MAX, &since) ||
        !request_query_int(r, "cursor", 0, INT64_MAX, &since))
        return false;
    if (since >= 0) {
        call_word(r, "SINCE");
        call_int(r, since);
    }
    if (request_query(r, "epoch", &epoch)) {
        call_word(r, "EPOCH");
        call_arg(r, epoch);
    }
    return true;
}

/* A full page has a cursor: the offset of its last message, the first field of the map. */
static void put_cursor(struct request *r, struct json_writer *w, const struct reply_node *last,
                       size_t limit)
{
    char text[NUM_INT_MAX];
    json_key(w, "cursor");
    if (!last || call_field(r, "messages")->count < limit)
        json_put_null(w);
    else
        json_put_plain(w, bytes_of(text, num_format_int(text, last[2].integer)));
}

static void get_history(struct request *r)
{
    int64_t limit = 100;
    bool reverse = false;
    if (!request_query_int(r, "limit", 1, LIMIT_MAX, &limit) ||
        !request_query_bool(r, "reverse", &reverse))
        return;
    call_start(r, "ATR.HISTORY");
    call_arg(r, r->params[0]);
    if (!add_position(r))
        return;
    call_word(r, "LIMIT");
    call_int(r, limit);
    if (reverse)
        call_word(r, "REV");
    if (!call_run(r))
        return;
    const struct reply_node *complete = call_field(r, "complete");
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    put_channel(r, w);
    put_field(r, w, "epoch");
    put_field(r, w, "offset");
    json_key(w, "complete");
    json_put_bool(w, complete && complete->integer != 0);
    json_key(w, "items");
    put_cursor(r, w, put_items(r, w, "messages"), (size_t)limit);
    json_close_object(w);
}

/* ---- presence, and the channels that there are ----------------------------------------------- */

static void get_presence(struct request *r)
{
    int64_t limit = 100;
    if (!request_query_int(r, "limit", 1, MEMBERS_MAX, &limit))
        return;
    call_start(r, "ATR.PRESENCE");
    call_arg(r, r->params[0]);
    call_word(r, "LIMIT");
    call_int(r, limit);
    if (!call_run(r))
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    put_channel(r, w);
    put_field(r, w, "clients");
    put_field(r, w, "users");
    json_key(w, "members");
    put_items(r, w, "members");
    json_close_object(w);
}

static void list_channels(struct request *r)
{
    struct bytes match;
    int64_t limit = 100;
    if (!request_query_int(r, "limit", 1, LIMIT_MAX, &limit))
        return;
    call_start(r, "ATR.CHANNELS");
    if (request_query(r, "match", &match)) {
        call_word(r, "MATCH");
        call_arg(r, match);
    }
    call_word(r, "LIMIT");
    call_int(r, limit);
    if (!call_run(r))
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0, at = 1; i < r->reply.nodes[0].count; i++, at = capture_skip(&r->reply, at))
        put_item(w, &r->reply, at);
    json_close_array(w);
    json_key(w, "cursor");
    json_put_null(w);
    json_close_object(w);
}

const struct route channels_routes[] = {
    {METHOD_GET, "/v1/channels", list_channels, "listChannels", 0},
    {METHOD_POST, "/v1/channels/{channel}/messages", publish, "publishMessage", 0},
    {METHOD_GET, "/v1/channels/{channel}/messages", get_history, "getMessages", 0},
    {METHOD_GET, "/v1/channels/{channel}/presence", get_presence, "getPresence", 0},
    {0},
};
