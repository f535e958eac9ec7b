/* GET /v1/events: the messages of channels and patterns as server-sent events, as they are
 * published at any door.
 *
 * An event's id is <epoch>.<number>, drawn anew for each listener. A client that comes again with an
 * id gets `event: gap` first: what was published meanwhile is not known to it. */
#include "http/feed.h"
#include "http/listening.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define NAMES_MAX   128
#define NAME_MAX_N  1024
#define PIECE_BYTES 65536u

struct stream {
    uint64_t epoch, number; /* of the last event */
    bool gap;               /* to be told */
    bool shared;            /* the usual form of a message, which is made once for all listeners */
    char id[48];
};

static struct bytes next_id(struct stream *s)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++)
        s->id[i] = hex[s->epoch >> (60 - 4 * i) & 15];
    s->id[16] = '.';
    return bytes_of(s->id, 17 + num_format_uint(s->id + 17, s->number++));
}

static void put_message(struct json_writer *w, const struct message *m)
{
    json_open_object(w);
    json_key(w, "channel");
    json_put_bytes(w, m->channel);
    if (m->via == SUB_PATTERN) {
        json_key(w, "pattern");
        json_put_bytes(w, m->pattern);
    }
    json_key(w, "data");
    json_put_bytes(w, m->data);
    json_key(w, "time_ms");
    json_put_count(w, m->published_at_ms);
    json_close_object(w);
}

static void encode(const struct message *m, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    put_message(&w, m);
}

static void send_message(struct request *r, struct message *m)
{
    struct stream *s = r->feed_state;
    struct json_writer *w = feed_open_event(r, next_id(s), NULL);
    if (s->shared)
        buf_add_bytes(&r->out, message_encoding(m, MESSAGE_EVENT, encode));
    else
        put_message(w, m);
    feed_close_event(r);
    message_unref(m);
}

/* Sets the client's last id without an event, so that it names one when it comes again. */
static void send_start(struct request *r)
{
    struct stream *s = r->feed_state;
    if (!s->gap) {
        buf_add_str(&r->out, "id: ");
        buf_add_bytes(&r->out, next_id(s));
        buf_add_str(&r->out, "\n\n");
        return;
    }
    struct json_writer *w = feed_open_event(r, next_id(s), "gap");
    json_open_object(w);
    json_close_object(w);
    feed_close_event(r);
}

static void go_on(struct request *r)
{
    (void)r; /* resumed: the feed is asked again */
}

/* One piece: as many messages as there are, within its size; or the wait for one. */
static void next_events(struct request *r)
{
    struct message *m;
    while (r->out.n < PIECE_BYTES) {
        bool wait = r->out.n == 0;
        r->then = wait ? go_on : NULL;
        enum listening_news news = listening_next(r, wait, &m);
        if (news == LISTENING_WAIT)
            return;
        r->then = NULL;
        if (news == LISTENING_MESSAGE)
            send_message(r, m);
        else if (news == LISTENING_READY)
            send_start(r);
        else if (news == LISTENING_QUIET)
            feed_heartbeat(r);
        r->feed_ended = news == LISTENING_OVER;
        if (news == LISTENING_OVER || news == LISTENING_NOTHING)
            return;
    }
}

/* Every value of a repeatable parameter. False: answered. */
static bool take_names(struct request *r, const char *name, struct bytes *names, unsigned *n)
{
    *n = 0;
    for (unsigned i = 0; i < r->target.nquery; i++) {
        const struct query_item *q = &r->target.query[i];
        if (!bytes_eq(q->name, bytes_str(name)))
            continue;
        if (q->value.n == 0 || q->value.n > NAME_MAX_N) {
            problem(r, "bad-arguments", "%s has 1 to %d bytes", name, NAME_MAX_N);
            return false;
        }
        names[(*n)++] = q->value;
    }
    return true;
}

static void listen_to(struct request *r)
{
    struct bytes *names = arena_alloc(&r->arena, 2 * NAMES_MAX * sizeof *names), id;
    struct listening_ask ask = {.channels = names, .patterns = names + NAMES_MAX};
    if (!take_names(r, "channel", names, &ask.nchannels) ||
        !take_names(r, "pattern", names + NAMES_MAX, &ask.npatterns))
        return;
    if (ask.nchannels + ask.npatterns == 0) {
        problem(r, "bad-arguments", "there must be a channel or a pattern");
        return;
    }
    struct stream *s = arena_alloc(&r->arena, sizeof *s);
    *s = (struct stream){.gap = feed_last_id(r, &id)};
    rng_secret(&s->epoch, sizeof s->epoch);
    if (!feed_start(r, next_events, s) || !r->feed)
        return;
    s->shared = !r->writer.base64;
    listening_join(r, &ask);
}

const struct route events_routes[] = {
    {METHOD_GET, "/v1/events", listen_to, "listen", ROUTE_RAW},
    {0},
};
