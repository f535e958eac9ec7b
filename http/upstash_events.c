/* /upstash/subscribe/{channel} and /upstash/psubscribe/{pattern}: messages as server-sent events, whose data are lines as
 * Upstash's clients take them: `subscribe,<channel>,1` first, then `message,<channel>,<data>`, or
 * `pmessage,<pattern>,<channel>,<data>`. A line end in what was published begins another line of data. */
#include "http/feed.h"
#include "http/listening.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define NAME_MAX_N 1024

struct stream {
    struct bytes name;
    bool is_pattern;
};

/* Raw bytes of an event's data: line ends of any kind (CR LF, CR, LF) are new lines of it. */
static void add_data(struct buf *out, struct bytes data)
{
    while (data.n) {
        size_t n = 0;
        while (n < data.n && data.p[n] != '\r' && data.p[n] != '\n')
            n++;
        buf_add(out, data.p, n);
        if (n == data.n)
            return;
        n += data.p[n] == '\r' && n + 1 < data.n && data.p[n + 1] == '\n' ? 2 : 1;
        buf_add_str(out, "\ndata: ");
        data = bytes_of(data.p + n, data.n - n);
    }
}

static void add_word(struct buf *out, struct bytes word)
{
    add_data(out, word);
    buf_add_char(out, ',');
}

static void say_start(struct request *r)
{
    const struct stream *s = r->feed_state;
    buf_add_str(&r->out, s->is_pattern ? "data: psubscribe," : "data: subscribe,");
    add_word(&r->out, s->name);
    buf_add_str(&r->out, "1\n\n");
}

static void say_message(struct request *r, struct message *m)
{
    const struct stream *s = r->feed_state;
    if (s->is_pattern && !listening_has_password(r) && listening_is_closed(r, m->channel))
        return;
    buf_add_str(&r->out, s->is_pattern ? "data: pmessage," : "data: message,");
    if (s->is_pattern)
        add_word(&r->out, m->pattern);
    add_word(&r->out, m->channel);
    add_data(&r->out, m->data);
    buf_add_str(&r->out, "\n\n");
}

static void next_lines(struct request *r)
{
    static const struct listening_form form = {say_start, say_message};
    listening_write(r, &form);
}

static void listen_to(struct request *r, const struct stream *wanted)
{
    struct stream *s = arena_alloc(&r->arena, sizeof *s);
    *s = *wanted;
    if (s->name.n == 0 || s->name.n > NAME_MAX_N)
        problem(r, "bad-arguments", "a channel or pattern has 1 to %d bytes", NAME_MAX_N);
    else if (!s->is_pattern && !listening_has_password(r) && listening_is_closed(r, s->name))
        problem(r, "no-permission", "this channel needs a ticket that names it");
    else if (feed_start(r, next_lines, s) && r->feed)
        listening_join(r, &(struct listening_ask){.channels = s->is_pattern ? NULL : &s->name,
                                                  .patterns = s->is_pattern ? &s->name : NULL,
                                                  .nchannels = !s->is_pattern,
                                                  .npatterns = s->is_pattern});
}

static void subscribe(struct request *r)
{
    listen_to(r, &(struct stream){.name = r->params[0]});
}

static void psubscribe(struct request *r)
{
    listen_to(r, &(struct stream){.name = r->params[0], .is_pattern = true});
}

const struct route upstash_events_routes[] = {
    {METHOD_POST, "/upstash/subscribe/{channel}", subscribe, "upstashSubscribe",
     ROUTE_UPSTASH | ROUTE_RAW},
    {METHOD_POST, "/upstash/psubscribe/{pattern}", psubscribe, "upstashPatternSubscribe",
     ROUTE_UPSTASH | ROUTE_RAW},
    {0},
};
