/* The RESP door: requests from the parser to the engine, replies and pushes to the connection. */
#include "net/loop.h"
#include "net/resp_parser.h"

static struct bytes push_encoding(const struct session *s, struct message *m)
{
    return s->resp >= 3 ? message_encoding(m, MESSAGE_RESP3, message_encode_resp3)
                        : message_encoding(m, MESSAGE_RESP2, message_encode_resp2);
}

static void deliver(struct session *s, struct message *m)
{
    struct conn *c = s->context;
    bool wanted = m->kind != MESSAGE_MONITOR || s->reply_mode == REPLY_MODE_ON;
    if (c->dead || c->closing || !wanted)
        return;
    buf_add_bytes(&c->out, push_encoding(s, m));
    conn_mark_dirty(c);
}

static void close_session(struct session *s)
{
    conn_kill(s->context);
}

static void wake(struct session *s, uint64_t wait_id, enum wake_reason reason)
{
    if (wait_id == engine_wait_id(s))
        conn_wake(s->context, reason);
}

static const struct session_ops resp_session_ops = {
    .deliver = deliver,
    .wake = wake,
    .close = close_session,
    .buffers = conn_buffers,
};

static void resp_open(struct conn *c)
{
    struct resp_parser *p = mem_alloc(sizeof *p);
    resp_parser_init(p);
    c->state = p;
}

static void resp_close(struct conn *c)
{
    resp_parser_release(c->state);
    mem_free(c->state);
}

/* CLIENT REPLY OFF and SKIP: what the command answered is taken back. */
static void apply_reply_mode(struct session *s, struct buf *out, size_t mark,
                             enum reply_mode before)
{
    if (before == REPLY_MODE_SKIP || s->reply_mode == REPLY_MODE_OFF ||
        s->reply_mode == REPLY_MODE_SKIP_NEXT)
        out->n = mark;
    if (before == REPLY_MODE_SKIP && s->reply_mode == REPLY_MODE_SKIP)
        s->reply_mode = REPLY_MODE_ON;
    else if (s->reply_mode == REPLY_MODE_SKIP_NEXT)
        s->reply_mode = REPLY_MODE_SKIP;
}

/* A browser that is made to POST to this port: an HTTP request's first line or its Host header.
 * What follows in the request's body must not be taken for commands, so the connection ends here,
 * as in Redis. */
static bool is_http(struct bytes name)
{
    return (name.n == 4 && (name.p[0] | 32) == 'p' && bytes_is(name, "POST")) ||
           (name.n == 5 && bytes_is(name, "HOST:"));
}

static bool resp_wake(struct conn *c, enum wake_reason reason)
{
    struct resp_reply reply;
    size_t mark = c->out.n;
    enum reply_mode before = c->session->reply_mode;
    resp_reply_init(&reply, &c->out, c->session->resp);
    if (!engine_wake(c->session, reason, &reply.base))
        return false;
    if (before != REPLY_MODE_ON)
        apply_reply_mode(c->session, &c->out, mark, before);
    return true;
}

/* While replies are switched off the command answers aside, so that pushes still come through. */
static void init_reply(struct conn *c, struct resp_reply *reply, struct buf *aside)
{
    buf_init(aside);
    if (__builtin_expect(c->session->reply_mode == REPLY_MODE_ON, 1)) {
        resp_reply_init(reply, &c->out, c->session->resp);
    } else {
        resp_reply_init(reply, aside, c->session->resp);
        reply->pushes = &c->out;
    }
}

static void finish_reply(struct conn *c, struct buf *aside, size_t mark, enum reply_mode before)
{
    apply_reply_mode(c->session, before == REPLY_MODE_ON ? &c->out : aside,
                     before == REPLY_MODE_ON ? mark : 0, before);
    buf_add_bytes(&c->out, buf_bytes(aside));
    buf_release(aside);
}

/* Runs one request; false where it has to wait for CLIENT UNPAUSE, or for another thread. */
static bool run_request(struct conn *c, const struct bytes *argv, int argc)
{
    struct session *s = c->session;
    struct resp_reply reply;
    struct buf aside;
    size_t mark = c->out.n;
    enum reply_mode before = s->reply_mode;
    if (__builtin_expect(is_http(argv[0]), 0)) {
        log_warning("an HTTP request came to the RESP port; the connection is closed");
        conn_finish(c);
        return true;
    }
    init_reply(c, &reply, &aside);
    c->unsynced_n += s->reply_mode == REPLY_MODE_ON;
    enum engine_result result = engine_execute(s, argv, argc, &reply.base);
    if (__builtin_expect(result == ENGINE_PAUSED, 0)) {
        c->paused = c->loop->any_paused = true;
        c->unsynced_n -= c->unsynced_n > 0;
        return false;
    }
    if (__builtin_expect(result == ENGINE_ELSEWHERE, 0)) {
        conn_move(c);
        c->unsynced_n -= c->unsynced_n > 0;
        return false;
    }
    if (__builtin_expect(result == ENGINE_BLOCKED, 0)) {
        conn_block(c);
        c->unsynced_n -= c->unsynced_n > 0;
        return true;
    }
    if (__builtin_expect(before != REPLY_MODE_ON || s->reply_mode != REPLY_MODE_ON, 0))
        finish_reply(c, &aside, mark, before);
    if (s->close_after_reply)
        conn_finish(c);
    return true;
}

static void resp_lost(struct conn *c, const char *why)
{
    struct resp_reply reply;
    resp_reply_init(&reply, &c->out, c->session->resp);
    for (unsigned i = 0; i < c->unsynced_n; i++)
        reply_errorf(&reply.base, ERROR_MISCONF, "%s", why);
}

static struct resp_limits limits_of(const struct conn *c)
{
    const struct config *config = engine_config(c->loop->engine);
    return (struct resp_limits){
        .max_bulk_bytes = config_int(config, CONFIG_PROTO_MAX_BULK_LEN),
        .max_arguments = config_int(config, CONFIG_MAX_ARGUMENTS),
        .authenticated = c->session->authenticated,
    };
}

/* Of a pipeline: which keys come next. Returns for how many requests that has been done. */
static unsigned hint_ahead(struct conn *c)
{
    struct bytes keys[ENGINE_HINTS_MAX];
    unsigned requests, n = resp_look_ahead(conn_unread(c), keys, ENGINE_HINTS_MAX, &requests);
    if (n > 1)
        engine_hint(c->session, keys, n);
    return requests;
}

static void resp_input(struct conn *c)
{
    struct resp_parser *p = c->state;
    struct resp_limits limits = limits_of(c);
    unsigned hinted = 1; /* a single request is not looked at twice */
    while (!c->dead && !c->closing && !c->blocked && !conn_is_full(c)) {
        char error[96];
        limits.authenticated = c->session->authenticated;
        enum resp_result r = resp_parse(p, conn_unread(c), &limits, error, sizeof error);
        if (r == RESP_INCOMPLETE) {
            size_t more = resp_parser_wants(p, conn_unread(c).n);
            if (more > 32 * 1024)
                buf_reserve(&c->in, more);
            return;
        }
        if (r == RESP_ERROR) {
            struct resp_reply reply;
            resp_reply_init(&reply, &c->out, c->session->resp);
            reply_errorf(&reply.base, ERROR_GENERIC, "%s", error);
            conn_finish(c);
            return;
        }
        if (p->argc && !run_request(c, p->argv, p->argc)) {
            resp_parser_next(p); /* parsed anew then */
            return;
        }
        conn_consume(c, p->pos);
        resp_parser_next(p);
        hinted -= hinted > 0;
        if (hinted == 0 && conn_unread(c).n)
            hinted = hint_ahead(c);
    }
}

const struct protocol resp_protocol = {
    .name = "resp",
    .door = DOOR_RESP,
    .session_ops = &resp_session_ops,
    .open = resp_open,
    .input = resp_input,
    .close = resp_close,
    .wake = resp_wake,
    .moves = true,
    .lost = resp_lost,
    .full = "-ERR max number of clients reached\r\n",
};
