#include "http/feed.h"

#include <microhttpd.h>

#include "http/accept.h"
#include "http/waiting.h"

#define TYPE_EVENTS "text/event-stream"

bool feed_start(struct request *r, void (*feed)(struct request *r), void *state)
{
    if (!accept_type(r, TYPE_EVENTS))
        return false;
    answer_json(r, 200); /* for the writer's flags */
    r->content_type = TYPE_EVENTS;
    if (r->method == METHOD_HEAD) /* libmicrohttpd would end the body that a HEAD has not */
        return true;
    r->feed = feed;
    r->feed_state = state;
    r->fed = r->fed_bytes = 0;
    buf_add_str(&r->out, "retry: 1000\n\n");
    return true;
}

struct json_writer *feed_open_event(struct request *r, struct bytes id, const char *name)
{
    buf_add_str(&r->out, "id: ");
    buf_add_bytes(&r->out, id);
    if (name)
        buf_printf(&r->out, "\nevent: %s", name);
    buf_add_str(&r->out, "\ndata: ");
    r->writer.comma = false;
    return &r->writer;
}

void feed_close_event(struct request *r)
{
    buf_add_str(&r->out, "\n\n");
}

void feed_heartbeat(struct request *r)
{
    buf_add_str(&r->out, ":\n\n");
}

bool feed_last_id(struct request *r, struct bytes *id)
{
    return request_header(r, "Last-Event-ID", id) || request_query(r, "since", id);
}

/* Something to send in r->out, or a wait has begun. False: it is over. */
static bool next_piece(struct request *r)
{
    if (r->feed_ended)
        return false;
    buf_clear(&r->out);
    r->fed = 0;
    if (r->then)
        return waiting_resume_feed(r);
    r->feed(r);
    return true;
}

ssize_t feed_read(void *context, uint64_t position, char *to, size_t room)
{
    struct request *r = context;
    (void)position;
    while (r->fed == r->out.n) {
        if (!next_piece(r))
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (r->then)
            return 0; /* suspended: called again when the wait is over */
    }
    size_t n = r->out.n - r->fed;
    n = n < room ? n : room;
    memcpy(to, r->out.p + r->fed, n);
    r->fed += n;
    r->fed_bytes += n;
    return (ssize_t)n;
}
