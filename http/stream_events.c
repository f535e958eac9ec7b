/* A stream as server-sent events: entries from an id on, then each new one. Durable: the stream
 * itself is what a slow or returning listener reads from, by the id of the last entry it saw. */
#include "http/feed.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/streams.h"
#include "http/waiting.h"

#define PIECE_ENTRIES 16
#define ID_MAX        48 /* two 64-bit numbers and a dash */

struct place {
    char text[ID_MAX];
    struct bytes id; /* of the last entry that was sent */
};

static void move_to(struct place *at, struct bytes id)
{
    size_t n = id.n < ID_MAX ? id.n : ID_MAX;
    memcpy(at->text, id.p, n);
    at->id = bytes_of(at->text, n);
}

/* XREAD's answer: {key: [entry, ...]}, or null where nothing came in time; an error ends the feed,
 * and is told to who comes again. */
static void send_entries(struct request *r)
{
    struct place *at = r->feed_state;
    const struct reply_node *nodes = r->reply.nodes;
    r->feed_ended = nodes[0].kind == NODE_ERROR;
    if (r->feed_ended)
        return;
    if (nodes[0].kind == NODE_NULL) {
        feed_heartbeat(r);
        return;
    }
    size_t entry = 3;
    for (size_t i = 0; i < nodes[2].count; i++, entry = capture_skip(&r->reply, entry)) {
        move_to(at, call_text(r, &nodes[entry + 1]));
        struct json_writer *w = feed_open_event(r, at->id, NULL);
        json_open_object(w);
        stream_put_entry(r, w, entry);
        json_close_object(w);
        feed_close_event(r);
    }
}

static void read_on(struct request *r)
{
    struct place *at = r->feed_state;
    r->argv[r->argc - 1] = at->id;
    waiting_call(r, send_entries);
}

/* From the entry that is the last one now. False: answered. */
static bool start_at_end(struct request *r, struct place *at)
{
    call_start(r, "XREVRANGE");
    call_arg(r, r->params[0]);
    call_word(r, "+");
    call_word(r, "-");
    call_word(r, "COUNT");
    call_word(r, "1");
    const struct reply_node *node = call_run(r);
    if (!node)
        return false;
    move_to(at, node->count ? call_text(r, node + 2) : BYTES("0-0"));
    return true;
}

static bool is_number(struct bytes s)
{
    uint64_t ignored;
    return num_parse_uint(s, &ignored);
}

/* An id as the client gives it: a time, or a time, a dash and a number. */
static bool is_id(struct bytes id)
{
    const char *dash = id.n ? memchr(id.p, '-', id.n) : NULL;
    if (!dash)
        return is_number(id);
    size_t n = (size_t)(dash - id.p);
    return is_number(bytes_of(id.p, n)) && is_number(bytes_of(dash + 1, id.n - n - 1));
}

static bool find_start(struct request *r, struct place *at)
{
    struct bytes id;
    if (!start_at_end(r, at)) /* in any case: a key of another type is an error now */
        return false;
    if (!feed_last_id(r, &id))
        return true;
    if (!is_id(id)) {
        problem(r, "bad-arguments", "Last-Event-ID and since are an entry's id");
        return false;
    }
    move_to(at, id);
    return true;
}

static void follow_stream(struct request *r)
{
    struct place *at = arena_alloc(&r->arena, sizeof *at);
    if (!find_start(r, at))
        return;
    call_start(r, "XREAD");
    call_word(r, "COUNT");
    call_int(r, PIECE_ENTRIES);
    call_word(r, "BLOCK");
    call_int(r, FEED_HEARTBEAT_MS);
    call_word(r, "STREAMS");
    call_arg(r, r->params[0]);
    call_arg(r, at->id);
    feed_start(r, read_on, at);
}

const struct route stream_events_routes[] = {
    {METHOD_GET, "/v1/streams/{key}/events", follow_stream, "followStream", ROUTE_RAW},
    {0},
};
