#include "ws/conn.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "ws/deflate.h"
#include "ws/frame.h"
#include "ws/thread.h"
#include "ws/tunnel.h"

#define QUEUE_MIN         16
#define WRITE_BYTES_MAX   65536 /* gathered into one write */
#define CLOSE_PATIENCE_MS 5000  /* a socket that takes no close frame for so long is cut */
#define REFUSALS_MAX      100   /* ops beyond the rate, in a row, before the connection closes */

/* With a payload: libwebsockets tells of no pong that is empty. */
static const char ping_frame[] = "\x89\x04ping";

static struct bytes subscription_of(const struct message *m)
{
    return m->via == SUB_PATTERN ? m->pattern : m->channel;
}

static int64_t setting(const struct ws_conn *c, enum config_id id)
{
    return config_int(c->thread->config, id);
}

/* ---- the session ------------------------------------------------------------------------------
 */

static bool wants_binary(const struct ws_conn *c, const struct message *m)
{
    return c->binary && m->kind == MESSAGE_PUBLISHED &&
           hub_subscription_flags(c->session, m->via, subscription_of(m)) & SUBSCRIBE_BINARY;
}

static struct bytes encoded_for(const struct ws_conn *c, struct message *m)
{
    bool deflates = c->deflates && m->data.n >= WS_DEFLATE_MIN_BYTES;
    if (wants_binary(c, m))
        return deflates ? message_encoding(m, MESSAGE_WS_BINARY_DEFLATED, ws_encode_binary_deflated)
                        : message_encoding(m, MESSAGE_WS_BINARY, ws_encode_binary);
    return deflates ? message_encoding(m, MESSAGE_WS_JSON_DEFLATED, ws_encode_message_deflated)
                    : message_encoding(m, MESSAGE_WS_JSON, ws_encode_message);
}

static void deliver(struct session *s, struct message *m)
{
    struct ws_conn *c = s->context;
    if (m->kind > MESSAGE_LEAVE || c->closing)
        return;
    if (m->via == SUB_PATTERN && !ws_may_subscribe(c, m->channel))
        return;
    ws_conn_send_message(c, m, encoded_for(c, m));
}

static void close_session(struct session *s)
{
    ws_conn_close(s->context, WS_CLOSE_KILLED, "killed by an operator");
}

static const struct session_ops ws_session_ops = {.deliver = deliver, .close = close_session};

static void format_address(const struct sockaddr_storage *a, char *to, size_t n)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
        inet_ntop(AF_INET6, &six->sin6_addr, ip, sizeof ip);
        snprintf(to, n, "[%s]:%u", ip, ntohs(six->sin6_port));
        return;
    }
    const struct sockaddr_in *four = (const struct sockaddr_in *)a;
    inet_ntop(AF_INET, &four->sin_addr, ip, sizeof ip);
    /* All of it is zeroed: NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
    snprintf(to, n, "%s:%u", ip, ntohs(four->sin_port));
}

static struct session *open_session(struct ws_conn *c, struct mailbox *mailbox)
{
    int fd = lws_get_socket_fd(c->wsi);
    struct sockaddr_storage peer = {0}, own = {0};
    socklen_t peer_n = sizeof peer, own_n = sizeof own;
    char addr[SESSION_ADDR_MAX], laddr[SESSION_ADDR_MAX];
    getpeername(fd, (struct sockaddr *)&peer, &peer_n);
    getsockname(fd, (struct sockaddr *)&own, &own_n);
    format_address(&peer, addr, sizeof addr);
    format_address(&own, laddr, sizeof laddr);
    return session_new(c->thread->engine, DOOR_WEBSOCKET, &ws_session_ops, c, mailbox, addr, laddr);
}

static void enlist(struct ws_conn *c)
{
    struct ws_thread *t = c->thread;
    c->next = t->conns;
    if (c->next)
        c->next->prev = c;
    t->conns = c;
}

static void delist(struct ws_conn *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->thread->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

/* The session of a tunnel is the RESP door's: the connection's own is nobody's then. */
struct ws_conn *ws_conn_new(struct ws_thread *t, struct lws *wsi, struct ws_greeting greeting)
{
    struct ws_conn *c = mem_calloc(sizeof *c);
    c->thread = t;
    c->wsi = wsi;
    c->deflates = greeting.deflates;
    c->opened_at_ms = c->heard_at_ms = c->tokens_at_ms = clock_wall_ms();
    c->tokens = (uint64_t)setting(c, CONFIG_WS_OPS_PER_SECOND) * 1000;
    c->session = open_session(c, greeting.resp3 ? NULL : t->mailbox);
    c->session->authenticated |= greeting.authenticated || greeting.resp3;
    if (greeting.grant)
        ws_conn_grant(c, greeting.grant);
    enlist(c);
    if (greeting.resp3 && !ws_tunnel_open(c)) {
        ws_conn_free(c);
        return NULL;
    }
    if (!greeting.resp3)
        engine_count(t->engine, COUNTER_CONNECTIONS, 1);
    return c;
}

void ws_conn_grant(struct ws_conn *c, struct grant *g)
{
    grant_free(c->grant);
    c->grant = g;
    c->expires_at_ms = g->session_ms ? clock_wall_ms() + g->session_ms : 0;
    c->session->authenticated = true;
    ws_conn_set_user(c, g->user);
}

void ws_conn_set_user(struct ws_conn *c, struct bytes user)
{
    buf_clear(&c->user);
    buf_add_bytes(&c->user, user);
}

struct bytes ws_conn_user(const struct ws_conn *c)
{
    return c->user.n ? buf_bytes(&c->user) : BYTES("default");
}

static void release_piece(struct ws_conn *c, struct ws_piece *p)
{
    c->queue_bytes -= p->frame.n;
    if (p->message)
        message_unref(p->message);
    mem_free(p->owned);
}

static void drop_queue(struct ws_conn *c)
{
    for (; c->queued; c->queued--) {
        release_piece(c, &c->queue[c->head]);
        c->head = (c->head + 1) % c->cap;
    }
    mem_free(c->queue);
    c->queue = NULL;
    c->head = c->cap = 0;
}

static void drop_gaps(struct ws_conn *c)
{
    for (struct ws_gap *g = c->gaps, *next; g; g = next) {
        next = g->next;
        mem_free(g);
    }
    c->gaps = NULL;
}

void ws_conn_free(struct ws_conn *c)
{
    c->thread->unsynced -= c->unsynced;
    delist(c);
    if (c->tunnel)
        ws_tunnel_close(c->tunnel);
    session_free(c->session);
    drop_queue(c);
    drop_gaps(c);
    grant_free(c->grant);
    buf_release(&c->user);
    buf_release(&c->in);
    ws_inflater_free(c->inflater);
    mem_free(c);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static void grow_queue(struct ws_conn *c)
{
    size_t cap = c->cap ? c->cap * 2 : QUEUE_MIN;
    struct ws_piece *fresh = mem_alloc(cap * sizeof *fresh);
    for (size_t i = 0; i < c->queued; i++)
        fresh[i] = c->queue[(c->head + i) % c->cap];
    mem_free(c->queue);
    c->queue = fresh;
    c->head = 0;
    c->cap = cap;
}

/* ---- the slow ---------------------------------------------------------------------------------- */

static bool may_drop(const struct ws_conn *c, const struct ws_piece *p)
{
    return p->message && p->message->kind == MESSAGE_PUBLISHED &&
           hub_subscription_flags(c->session, p->message->via, subscription_of(p->message)) &
               SUBSCRIBE_DROPS;
}

/* Patterns have no place in a history to resume from. */
static void note_gap(struct ws_conn *c, const struct message *m)
{
    struct bytes name = subscription_of(m);
    struct ws_gap *g = c->gaps;
    while (g && !(g->via == m->via && bytes_eq(g->name, name)))
        g = g->next;
    if (!g) {
        g = mem_alloc(sizeof *g + name.n);
        memcpy(g + 1, name.p, name.n);
        *g = (struct ws_gap){.next = c->gaps, .via = m->via, .name = bytes_of(g + 1, name.n)};
        if (m->via == SUB_CHANNEL && m->epoch)
            g->resume = (struct position){m->epoch, m->offset - 1};
        c->gaps = g;
    }
    g->dropped++;
    engine_count(c->thread->engine, COUNTER_MESSAGES_DROPPED, 1);
}

/* Drops the oldest messages that may be, until half of the bounds is free; the rest closes up. */
static void drop_oldest(struct ws_conn *c, size_t most, size_t most_bytes)
{
    size_t kept = 0, n = c->queued;
    for (size_t i = 0; i < n; i++) {
        struct ws_piece p = c->queue[(c->head + i) % c->cap];
        bool full = kept + (n - i) > most / 2 || c->queue_bytes > most_bytes / 2;
        if (full && may_drop(c, &p)) {
            note_gap(c, p.message);
            release_piece(c, &p);
        } else {
            c->queue[(c->head + kept++) % c->cap] = p;
        }
    }
    c->queued = kept;
}

/* Before a bound makes a connection slow whose socket still takes bytes it is written to: a burst that
 * arrives between two turns of the loop makes nobody slow. False: the queue is too long. */
static bool make_room(struct ws_conn *c, size_t bytes)
{
    size_t most = (size_t)setting(c, CONFIG_WS_QUEUE_MESSAGES);
    size_t most_bytes = (size_t)setting(c, CONFIG_WS_QUEUE_BYTES);
    if (c->queued < most && c->queue_bytes + bytes <= most_bytes)
        return true;
    if (!ws_conn_flush(c))
        return false;
    if (c->queued >= most || c->queue_bytes + bytes > most_bytes)
        drop_oldest(c, most, most_bytes);
    return c->queued < most && c->queue_bytes + bytes <= most_bytes;
}

static void send_piece(struct ws_conn *c, struct ws_piece p)
{
    if (c->queued == c->cap)
        grow_queue(c);
    c->queue[(c->head + c->queued++) % c->cap] = p;
    c->queue_bytes += p.frame.n;
    if (c->queued == 1)
        lws_callback_on_writable(c->wsi);
}

static bool may_send(struct ws_conn *c, size_t bytes)
{
    if (c->closing)
        return false;
    if (make_room(c, bytes))
        return true;
    engine_count(c->thread->engine, COUNTER_OUTPUT_LIMIT_CLOSED, 1);
    ws_conn_close(c, WS_CLOSE_SLOW, "too slow");
    return false;
}

void ws_conn_send_message(struct ws_conn *c, struct message *m, struct bytes frame)
{
    struct ws_piece p = {.message = m, .frame = frame};
    size_t most_bytes = (size_t)setting(c, CONFIG_WS_QUEUE_BYTES);
    if (frame.n > most_bytes && !c->closing && may_drop(c, &p)) { /* it never fits */
        note_gap(c, m);
        lws_callback_on_writable(c->wsi);
        return;
    }
    if (!may_send(c, frame.n))
        return;
    message_ref(m);
    send_piece(c, (struct ws_piece){.message = m, .frame = frame});
}

void ws_conn_send_copy(struct ws_conn *c, struct bytes frame)
{
    if (!may_send(c, frame.n))
        return;
    char *owned = mem_alloc(frame.n);
    memcpy(owned, frame.p, frame.n);
    send_piece(c, (struct ws_piece){.owned = owned, .frame = bytes_of(owned, frame.n)});
}

/* Moves frames from the queue into the door's write buffer, behind libwebsockets' own room. */
static void gather(struct ws_conn *c, struct buf *out)
{
    buf_clear(out);
    buf_reserve(out, LWS_PRE);
    out->n = LWS_PRE;
    while (c->gaps) {
        struct ws_gap *g = c->gaps;
        c->gaps = g->next;
        ws_add_gap(g, out);
        mem_free(g);
    }
    while (c->queued && out->n < LWS_PRE + WRITE_BYTES_MAX) {
        struct ws_piece *p = &c->queue[c->head];
        buf_add_bytes(out, p->frame);
        release_piece(c, p);
        c->head = (c->head + 1) % c->cap;
        c->queued--;
    }
}

static bool write_raw(struct ws_conn *c, struct buf *out)
{
    size_t n = out->n - LWS_PRE;
    if (lws_write(c->wsi, (unsigned char *)out->p + LWS_PRE, n, LWS_WRITE_RAW) < 0)
        return false;
    atomic_fetch_add_explicit(&c->session->bytes_out, n, memory_order_relaxed);
    engine_count(c->thread->engine, COUNTER_BYTES_OUT, n);
    return true;
}

/* By ourselves: libwebsockets keeps the reason where it keeps the payload of a client's ping, and a ping that comes then
 * overwrites it. */
static bool write_close(struct ws_conn *c)
{
    struct buf *out = &c->thread->out;
    buf_clear(out);
    buf_reserve(out, LWS_PRE);
    out->n = LWS_PRE;
    ws_add_close((uint16_t)c->closing, c->closing_reason, out);
    c->close_sent = true;
    hub_drop_session(engine_hub(c->thread->engine),
                     c->session); /* not when its client gets around to answer */
    return write_raw(c, out);
}

bool ws_conn_flush(struct ws_conn *c)
{
    struct buf *out = &c->thread->out;
    while ((c->queued || c->gaps) && !lws_send_pipe_choked(c->wsi)) {
        gather(c, out);
        if (!write_raw(c, out))
            return false;
    }
    bool more = c->queued || c->gaps || (c->closing && !c->close_sent);
    if (!more)
        return true;
    if (!c->queued && !c->gaps && !lws_send_pipe_choked(c->wsi))
        return write_close(c);
    lws_callback_on_writable(c->wsi);
    return true;
}

void ws_conn_close(struct ws_conn *c, enum ws_close_code code, const char *reason)
{
    if (c->closing)
        return;
    c->closing = code;
    c->closing_reason = reason;
    c->closing_at_ms = clock_wall_ms();
    if (code == WS_CLOSE_SLOW)
        drop_queue(c);
    lws_callback_on_writable(c->wsi);
}

void ws_conn_cut(struct ws_conn *c, enum ws_close_code code, const char *reason)
{
    drop_queue(c);
    c->session->log_position = 0;
    ws_conn_close(c, code, reason);
}

/* ---- limits -----------------------------------------------------------------------------------
 */

bool ws_conn_take_op(struct ws_conn *c)
{
    uint64_t rate = (uint64_t)setting(c, CONFIG_WS_OPS_PER_SECOND), now_ms = clock_wall_ms();
    if (rate == 0)
        return true;
    uint64_t elapsed_ms = now_ms > c->tokens_at_ms ? now_ms - c->tokens_at_ms : 0;
    c->tokens += (elapsed_ms < 1000 ? elapsed_ms : 1000) * rate;
    c->tokens = c->tokens < rate * 1000 ? c->tokens : rate * 1000;
    c->tokens_at_ms = now_ms;
    if (c->tokens < 1000) {
        if (++c->refused > REFUSALS_MAX)
            ws_conn_close(c, WS_CLOSE_TOO_MANY, "too many ops");
        return false;
    }
    c->tokens -= 1000;
    c->refused = 0;
    return true;
}

static void sweep_open(struct ws_conn *c, uint64_t now_ms)
{
    if (!c->session->authenticated &&
        now_ms >= c->opened_at_ms + (uint64_t)setting(c, CONFIG_WS_AUTH_SECONDS) * 1000) {
        ws_conn_close(c, WS_CLOSE_UNAUTHENTICATED, "no credentials in time");
        return;
    }
    if (c->expires_at_ms && now_ms >= c->expires_at_ms) {
        ws_conn_close(c, WS_CLOSE_EXPIRED, "the ticket's session has expired");
        return;
    }
    if (c->pinged_at_ms && c->heard_at_ms >= c->pinged_at_ms)
        c->pinged_at_ms = 0;
    if (c->pinged_at_ms) {
        if (now_ms >= c->pinged_at_ms + (uint64_t)setting(c, CONFIG_WS_PONG_SECONDS) * 1000)
            ws_conn_close(c, WS_CLOSE_NO_PONG, "no pong");
    } else if (now_ms >= c->heard_at_ms + (uint64_t)setting(c, CONFIG_WS_PING_SECONDS) * 1000) {
        c->pinged_at_ms = now_ms;
        ws_conn_send_copy(c, bytes_of(ping_frame, sizeof ping_frame - 1));
    }
}

void ws_conn_sweep(struct ws_conn *c, uint64_t now_ms)
{
    if (!c->closing)
        sweep_open(c, now_ms);
    else if (now_ms >= c->closing_at_ms + CLOSE_PATIENCE_MS)
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}
