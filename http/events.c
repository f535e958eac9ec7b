/* GET /v1/events: the messages of channels and patterns as server-sent events, as they are
 * published at any door.
 *
 * An event's id says how far its listener is in each channel: <epoch>.<offset> for each, in the
 * order in which they are asked for, commas between; "0" for one without a history. Who comes again
 * with an id gets what came since, or, for a channel where that is not known, `event: gap` first.
 * Patterns are live only, so they always have a gap.
 *
 * A page has no header for its password: it shows a ticket, once (POST /v1/tickets). Channels of a
 * namespace with ws_subscribe=no are for who shows a ticket that names them, or the password. */
#include "http/feed.h"
#include "http/listening.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/worker.h"

#define NAMES_MAX  TARGET_QUERY_MAX
#define NAME_MAX_N 1024
#define NO_HISTORY BYTES("0")

struct stream {
    unsigned nchannels, npatterns;
    struct bytes *channels, *patterns;
    struct position *places; /* of channels */
    bool resumes;
    bool open;   /* channels of ws_subscribe=no too */
    bool shared; /* the usual form of a message, which is made once for all listeners */
    char *id;    /* room for the longest */
};

/* ---- ids ------------------------------------------------------------------------------------- */

#define PLACE_MAX (EPOCH_TEXT + 1 + NUM_INT_MAX)

static char *put_place(char *to, struct position p)
{
    if (!p.epoch) {
        *to++ = '0';
        return to;
    }
    char text[EPOCH_TEXT];
    struct bytes epoch = epoch_format(text, p.epoch);
    memcpy(to, epoch.p, epoch.n);
    to += epoch.n;
    *to++ = '.';
    return to + num_format_uint(to, p.offset);
}

static struct bytes id_of(struct stream *s)
{
    char *to = s->id;
    for (unsigned i = 0; i < s->nchannels; i++) {
        if (i)
            *to++ = ',';
        to = put_place(to, s->places[i]);
    }
    if (s->nchannels == 0) /* patterns alone */
        *to++ = '0';
    return bytes_of(s->id, (size_t)(to - s->id));
}

static struct bytes next_part(struct bytes *list)
{
    const char *comma = list->n ? memchr(list->p, ',', list->n) : NULL;
    size_t n = comma ? (size_t)(comma - list->p) : list->n, skip = comma ? n + 1 : n;
    struct bytes part = bytes_of(list->p, n);
    *list = bytes_of(list->p + skip, list->n - skip);
    return part;
}

/* What is no place, an id of other channels or of another program, is one that nobody knows. */
static struct position place_of(struct bytes text)
{
    static const struct position unknown = {.epoch = EPOCH_UNKNOWN};
    struct position p;
    const char *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
    if (!dot)
        return unknown;
    size_t n = (size_t)(dot - text.p);
    bool good = epoch_parse(bytes_of(text.p, n), &p.epoch) &&
                num_parse_uint(bytes_of(dot + 1, text.n - n - 1), &p.offset);
    return good ? p : unknown;
}

/* ---- events ---------------------------------------------------------------------------------- */

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
    if (m->epoch) {
        json_key(w, "offset");
        json_put_count(w, m->offset);
    }
    if (m->from.n) {
        json_key(w, "from");
        json_put_bytes(w, m->from);
    }
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

static void move_on(struct stream *s, const struct message *m)
{
    if (m->via != SUB_CHANNEL || !m->epoch)
        return;
    for (unsigned i = 0; i < s->nchannels; i++)
        if (bytes_eq(s->channels[i], m->channel))
            s->places[i] = (struct position){m->epoch, m->offset};
}

/* A pattern lets nothing through that could not be asked for by name. */
static bool is_hidden(struct request *r, const struct stream *s, const struct message *m)
{
    return m->via == SUB_PATTERN && !s->open && listening_is_closed(r, m->channel);
}

static void send_message(struct request *r, struct message *m)
{
    struct stream *s = r->feed_state;
    if (is_hidden(r, s, m))
        return;
    move_on(s, m);
    struct json_writer *w = feed_open_event(r, id_of(s), NULL);
    if (s->shared)
        buf_add_bytes(&r->out, message_encoding(m, MESSAGE_EVENT, encode));
    else
        put_message(w, m);
    feed_close_event(r);
}

static void send_gap(struct request *r, const char *kind, struct bytes name)
{
    struct json_writer *w = feed_open_event(r, id_of(r->feed_state), "gap");
    json_open_object(w);
    json_key(w, kind);
    json_put_bytes(w, name);
    json_close_object(w);
    feed_close_event(r);
}

/* First an id without an event, so that a client names one when it comes again; then what is
 * missing. */
static void send_start(struct request *r)
{
    struct stream *s = r->feed_state;
    for (unsigned i = 0; i < s->nchannels; i++)
        s->places[i] = listening_place(r, i).at;
    buf_add_str(&r->out, "id: ");
    buf_add_bytes(&r->out, id_of(s));
    buf_add_str(&r->out, "\n\n");
    for (unsigned i = 0; i < s->nchannels; i++)
        if (listening_place(r, i).gap)
            send_gap(r, "channel", s->channels[i]);
    for (unsigned i = 0; s->resumes && i < s->npatterns; i++)
        send_gap(r, "pattern", s->patterns[i]);
}

static void next_events(struct request *r)
{
    static const struct listening_form form = {send_start, send_message};
    listening_write(r, &form);
}

/* ---- the request ----------------------------------------------------------------------------- */

/* Every value of a repeatable parameter. False: answered. */
static bool take_names(struct request *r, const char *name, struct bytes **names, unsigned *n)
{
    *names = arena_alloc(&r->arena, r->target.nquery * sizeof **names);
    for (unsigned i = 0; i < r->target.nquery; i++) {
        const struct query_item *q = &r->target.query[i];
        if (!bytes_eq(q->name, bytes_str(name)))
            continue;
        if (q->value.n == 0 || q->value.n > NAME_MAX_N) {
            problem(r, "bad-arguments", "%s has 1 to %d bytes", name, NAME_MAX_N);
            return false;
        }
        (*names)[(*n)++] = q->value;
    }
    return true;
}

static struct stream *take_stream(struct request *r)
{
    struct stream *s = arena_alloc(&r->arena, sizeof *s);
    *s = (struct stream){0};
    if (!take_names(r, "channel", &s->channels, &s->nchannels) ||
        !take_names(r, "pattern", &s->patterns, &s->npatterns))
        return NULL;
    if (s->nchannels + s->npatterns == 0) {
        problem(r, "bad-arguments", "there must be a channel or a pattern");
        return NULL;
    }
    s->places = arena_alloc(&r->arena, (s->nchannels + 1) * sizeof *s->places);
    s->id = arena_alloc(&r->arena, (s->nchannels + 1) * (PLACE_MAX + 1));
    struct bytes id;
    s->resumes = feed_last_id(r, &id);
    for (unsigned i = 0; i < s->nchannels; i++)
        s->places[i] = s->resumes ? place_of(next_part(&id)) : (struct position){0};
    return s;
}

/* May the ticket's holder hear all of that? A pattern must be one that the ticket names. */
static bool may_listen(const struct stream *s, const struct grant *g)
{
    for (unsigned i = 0; i < s->nchannels; i++)
        if (!grant_allows(g, s->channels[i]))
            return false;
    for (unsigned i = 0; g->n && i < s->npatterns; i++) {
        size_t k = 0;
        while (k < g->n && !bytes_eq(g->channels[k], s->patterns[i]))
            k++;
        if (k == g->n)
            return false;
    }
    return true;
}

/* Without a ticket: where there is a password, it has been shown. False: answered. */
static bool check_open(struct request *r, struct stream *s)
{
    s->open = listening_has_password(r);
    for (unsigned i = 0; i < s->nchannels && !s->open; i++) {
        if (!listening_is_closed(r, s->channels[i]))
            continue;
        problem(r, "no-permission", "this channel needs a ticket that names it");
        return false;
    }
    return true;
}

/* Spends the ticket, where the request shows one. False: answered. */
static bool spend_ticket(struct request *r, struct stream *s, struct bytes *user)
{
    struct bytes ticket;
    if (!request_query(r, "ticket", &ticket))
        return check_open(r, s);
    struct grant *g = hub_ticket_redeem(engine_hub(r->worker->engine), ticket);
    if (!g) {
        problem(r, "wrong-credentials", "there is no such ticket, or it has been used");
        return false;
    }
    bool may = may_listen(s, g);
    s->open = g->n > 0; /* its patterns are what it names */
    for (unsigned i = 0; i < s->nchannels && !s->open; i++)
        may &= !listening_is_closed(r, s->channels[i]);
    if (g->user.n)
        *user = arena_copy(&r->arena, g->user);
    grant_free(g);
    if (!may)
        problem(r, "no-permission", "the ticket is not for these channels");
    return may;
}

static void listen_to(struct request *r)
{
    struct stream *s = take_stream(r);
    if (!s || !feed_start(r, next_events, s) || !r->feed)
        return;
    struct listening_ask ask = {.channels = s->channels,
                                .patterns = s->patterns,
                                .nchannels = s->nchannels,
                                .npatterns = s->npatterns,
                                .from = s->resumes ? s->places : NULL};
    s->shared = !r->writer.base64;
    if (spend_ticket(r, s, &ask.user))
        listening_join(r, &ask);
    else
        r->feed = NULL;
}

const struct route events_routes[] = {
    {METHOD_GET, "/v1/events", listen_to, "listen", ROUTE_RAW | ROUTE_TICKET},
    {0},
};
