/* A thread of the door: libwebsockets' context, and its callback.
 *
 * libwebsockets by itself hands all its sockets to poll(2) in each turn, which takes the longer the more there are. So it
 * runs within a loop of libev's, which is on epoll. */
#include "ws/thread.h"

#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws/addresses.h"
#include "ws/conn.h"
#include "ws/deflate.h"
#include "ws/handshake.h"
#include "ws/inbound.h"
#include "ws/tunnel.h"

#define TICK_US      LWS_US_PER_SEC
#define RX_BYTES     16384
#define HEADER_BYTES 16384 /* of a request head; the acceptor's bound */
#define HANDSHAKE_S  15

#define DRAIN_TICK_US     (20 * LWS_US_PER_MS)
#define DRAIN_APART_MS    10   /* between two connections that are closed, at most */
#define DRAIN_PATIENCE_MS 1000 /* for the last ones to answer */
#define RETRY_AFTER_MS    1000 /* what clients are told */

/* What libwebsockets keeps for each socket of ours. */
struct slot {
    struct ws_conn *conn; /* NULL until the handshake is done */
    struct ws_greeting greeting;
};

void ws_agreed_to_deflate(struct lws *wsi)
{
    struct slot *slot = lws_wsi_user(wsi);
    slot->greeting.deflates = true;
}

/* ---- the handshake ----------------------------------------------------------------------------
 */

static int answer_refusal(struct ws_thread *t, struct lws *wsi, const char *status,
                          const char *reason)
{
    struct buf *out = &t->out;
    struct buf body;
    buf_init(&body);
    buf_printf(&body,
               "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%.3s,\"detail\":\"%s\"}\n",
               status + 4, status, reason);
    buf_clear(out);
    buf_reserve(out, LWS_PRE);
    out->n = LWS_PRE;
    buf_printf(out,
               "HTTP/1.1 %s\r\nContent-Type: application/problem+json\r\nContent-Length: %zu\r\n"
               "Sec-WebSocket-Version: 13\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
               status, body.n);
    buf_add_bytes(out, buf_bytes(&body));
    buf_release(&body);
    lws_write(wsi, (unsigned char *)out->p + LWS_PRE, out->n - LWS_PRE, LWS_WRITE_HTTP);
    return -1;
}

/* Counts the connection to its address until it is gone; false: its address has all that it may. */
static bool enter_address(struct ws_thread *t, struct lws *wsi)
{
    size_t most = (size_t)config_int(t->config, CONFIG_WS_MAX_CONNECTIONS_PER_ADDRESS);
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&peer, &n);
    struct ws_address *address = ws_addresses_enter(t->addresses, &peer, most);
    lws_set_opaque_user_data(wsi, address);
    return address != NULL;
}

static void leave_address(struct ws_thread *t, struct lws *wsi)
{
    struct ws_address *address = lws_get_opaque_user_data(wsi);
    lws_set_opaque_user_data(wsi, NULL);
    if (address)
        ws_addresses_leave(t->addresses, address);
}

static int on_upgrade(struct ws_thread *t, struct lws *wsi)
{
    const char *reason = "";
    const char *refusal = ws_check_handshake(t, wsi, &reason);
    if (!refusal && !enter_address(t, wsi)) {
        refusal = "429 Too Many Requests";
        reason = "this address has as many connections as it may";
        engine_count(t->engine, COUNTER_REJECTED, 1);
    }
    arena_clear(&t->arena);
    return refusal ? answer_refusal(t, wsi, refusal, reason) : 0;
}

/* ---- messages in ------------------------------------------------------------------------------
 */

/* What was published before the message came is delivered before it is answered, whichever of the two the loop sees first. */
static int on_receive(struct ws_thread *t, struct ws_conn *c, const void *in, size_t n)
{
    mailbox_drain(t->mailbox);
    ws_receive(c, bytes_of(in, n));
    return 0;
}

/* ---- messages out -----------------------------------------------------------------------------
 */

/* What the log of writes does not hold yet is not answered until it does, and no further op is taken in. */
static bool may_leave(struct ws_conn *c)
{
    if (engine_synced(c->session))
        return true;
    engine_log_await(c->thread->engine, &c->thread->log);
    if (engine_synced(c->session))
        return true;
    if (!c->unsynced) {
        lws_rx_flow_control(c->wsi, 0);
        c->unsynced = true;
        c->thread->unsynced++;
    }
    return false;
}

/* Nobody knows whether what was written will outlive a crash, where the log fails: no answer is given. */
static void go_on_synced(struct ws_thread *t)
{
    for (struct ws_conn *c = t->conns; c && t->unsynced; c = c->next) {
        if (!c->unsynced)
            continue;
        c->unsynced = false;
        t->unsynced--;
        lws_rx_flow_control(c->wsi, 1);
        if (!engine_synced(c->session) && engine_log_failing(t->engine))
            ws_conn_cut(c, WS_CLOSE_LOG_FAILS, "the log of writes fails");
        lws_callback_on_writable(c->wsi);
    }
}

static int on_writable(struct ws_conn *c)
{
    if (!may_leave(c))
        return 0;
    if (!ws_conn_flush(c))
        return -1;
    if (c->tunnel)
        ws_tunnel_resume(c->tunnel);
    return 0;
}

/* The code that answers a close frame of this payload; 0: its own. libwebsockets lets pass half a code, codes that
 * nobody may send, and reasons that end within a character. */
static enum ws_close_code objection(struct bytes close)
{
    const unsigned char *p = (const unsigned char *)close.p;
    if (close.n == 1 || (close.n > 1 && p[0] * 256 + p[1] >= WS_CLOSE_CODES_END))
        return WS_CLOSE_BAD_FRAME;
    struct bytes reason = close.n > 2 ? bytes_of(close.p + 2, close.n - 2) : (struct bytes){0};
    return bytes_utf8_check(reason) < reason.n ? WS_CLOSE_BAD_TEXT : 0;
}

/* The answer to our close ends the connection. Before the answer to a client's, which libwebsockets gives, goes what waits. */
static int on_peer_close(struct ws_conn *c, struct bytes close)
{
    if (c->close_sent)
        return -1;
    enum ws_close_code code = objection(close);
    if (may_leave(c) && !ws_conn_flush(c))
        return -1;
    if (code)
        lws_close_reason(c->wsi, (enum lws_close_status)code, NULL, 0);
    return code ? -1 : 0;
}

static void on_tick(lws_sorted_usec_list_t *sul)
{
    struct ws_thread *t = lws_container_of(sul, struct ws_thread, tick);
    uint64_t now_ms = clock_wall_ms();
    for (struct ws_conn *c = t->conns; c; c = c->next)
        ws_conn_sweep(c, now_ms);
    lws_sul_schedule(t->context, 0, &t->tick, on_tick, TICK_US);
}

/* ---- woken by others --------------------------------------------------------------------------
 */

static void take_adopted(struct ws_thread *t)
{
    pthread_mutex_lock(&t->lock);
    int *taken = t->adopted;
    size_t n = t->nadopted;
    t->adopted = NULL;
    t->nadopted = t->adopted_cap = 0;
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; i < n; i++) {
        int on = 1; /* libwebsockets leaves Nagle's delay on for sockets that it adopts */
        setsockopt(taken[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        lws_adopt_socket_vhost(t->vhost, taken[i]); /* closes what it does not take */
    }
    mem_free(taken);
}

static void wake(void *ctx)
{
    struct ws_thread *t = ctx;
    lws_cancel_service(t->context);
}

/* ---- libwebsockets' callback ------------------------------------------------------------------
 */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t n)
{
    struct ws_thread *t = lws_context_user(lws_get_context(wsi));
    struct slot *slot = user;
    switch (reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        take_adopted(t);
        mailbox_drain(t->mailbox);
        go_on_synced(t);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(t, wsi);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* the slot is there from here on */
        slot->greeting.authenticated = ws_bears_token(t, wsi);
        slot->greeting.resp3 = ws_speaks_resp3(t, wsi);
        slot->greeting.grant = ws_redeem_ticket(t, wsi);
        arena_clear(&t->arena);
        return 0;
    case LWS_CALLBACK_HTTP:
        return answer_refusal(t, wsi, "426 Upgrade Required", "only WebSocket is served here");
    case LWS_CALLBACK_ESTABLISHED:
        slot->conn = ws_conn_new(t, wsi, slot->greeting);
        slot->greeting.grant = NULL;
        return slot->conn ? 0 : -1;
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
        return !(config_int(t->config, CONFIG_WS_DEFLATE) && ws_may_deflate(t, wsi));
    case LWS_CALLBACK_RECEIVE:
        return on_receive(t, slot->conn, in, n);
    case LWS_CALLBACK_RECEIVE_PONG:
        slot->conn->heard_at_ms = clock_wall_ms();
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return on_peer_close(slot->conn, bytes_of(in, n));
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(slot->conn);
    case LWS_CALLBACK_CLOSED:
        if (slot->conn)
            ws_conn_free(slot->conn);
        slot->conn = NULL;
        grant_free(slot->greeting.grant);
        slot->greeting.grant = NULL;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        leave_address(t, wsi);
        return 0;
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        if (slot) {
            grant_free(slot->greeting.grant);
            slot->greeting.grant = NULL;
        }
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "atrium.v1.json",
     .callback = on_event,
     .per_session_data_size = sizeof(struct slot),
     .rx_buffer_size = RX_BYTES},
    {.name = "atrium.v1.resp3",
     .callback = on_event,
     .per_session_data_size = sizeof(struct slot),
     .rx_buffer_size = RX_BYTES},
    {.name = WS_TUNNEL_PROTOCOL, .callback = ws_tunnel_event},
    {0},
};

/* ---- lifetime ---------------------------------------------------------------------------------
 */

static void on_log(int level, const char *line)
{
    int n = (int)strcspn(line, "\n");
    log_write(level == LLL_ERR ? LOG_LEVEL_VERBOSE : LOG_LEVEL_DEBUG, "libwebsockets: %.*s", n,
              line);
}

static void ignore_close(struct session *s)
{
    (void)s;
}

static const struct session_ops visitor_ops = {.close = ignore_close};

static struct lws_context *new_context(struct ws_thread *t)
{
    void *loops[] = {t->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .extensions = ws_extensions,
        .user = t,
        .timeout_secs = HANDSHAKE_S,
        .max_http_header_data = HEADER_BYTES,
        .options = t->loop ? LWS_SERVER_OPTION_LIBEV : 0,
        .foreign_loops = t->loop ? loops : NULL,
    };
    return lws_create_context(&info);
}

static bool open_context(struct ws_thread *t)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    t->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
    t->context = t->loop ? new_context(t) : NULL;
    if (!t->context) {
        log_notice("WebSocket: without libev, which is slow with thousands of connections");
        if (t->loop)
            ev_loop_destroy(t->loop);
        t->loop = NULL;
        t->context = new_context(t);
    }
    t->vhost = t->context ? lws_get_vhost_by_name(t->context, "default") : NULL;
    return t->vhost != NULL;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* Connections go one after the other, so that they do not come back all at once. */
static void on_drain(lws_sorted_usec_list_t *sul)
{
    struct ws_thread *t = lws_container_of(sul, struct ws_thread, tick);
    uint64_t now_ms = clock_wall_ms();
    uint64_t passed_ms = now_ms > t->drain_from_ms ? now_ms - t->drain_from_ms : 0;
    size_t due = t->drain_ms ? (size_t)(passed_ms * t->drain_count / t->drain_ms) + 1 : SIZE_MAX;
    for (struct ws_conn *c = t->conns; c; c = c->next) {
        if (c->closing || t->drained >= due)
            continue;
        ws_conn_close(c, WS_CLOSE_KILLED, t->drain_reason);
        t->drained++;
    }
    lws_sul_schedule(t->context, 0, &t->tick, on_drain, DRAIN_TICK_US);
}

static void begin_drain(struct ws_thread *t)
{
    for (struct ws_conn *c = t->conns; c; c = c->next)
        t->drain_count++;
    t->drain_from_ms = clock_wall_ms();
    t->drain_ms = (uint64_t)config_int(t->config, CONFIG_WS_DRAIN_SECONDS) * 1000;
    if (t->drain_ms > t->drain_count * DRAIN_APART_MS)
        t->drain_ms = t->drain_count * DRAIN_APART_MS;
    snprintf(t->drain_reason, sizeof t->drain_reason, "the server ends; retry_after_ms=%d",
             RETRY_AFTER_MS);
    lws_sul_schedule(t->context, 0, &t->tick, on_drain, 1);
}

/* One turn; false: the context is at its end. */
static bool serve(struct ws_thread *t)
{
    if (!t->loop)
        return lws_service(t->context, 0) >= 0;
    ev_run(t->loop, EVRUN_ONCE);
    return true;
}

static void drain(struct ws_thread *t)
{
    begin_drain(t);
    uint64_t until_ms = t->drain_from_ms + t->drain_ms + DRAIN_PATIENCE_MS;
    while (t->conns && clock_wall_ms() < until_ms && serve(t))
        continue;
    lws_sul_schedule(t->context, 0, &t->tick, on_drain, LWS_SET_TIMER_USEC_CANCEL);
}

static void *service_main(void *arg)
{
    struct ws_thread *t = arg;
    mem_thread_register();
    lws_sul_schedule(t->context, 0, &t->tick, on_tick, TICK_US);
    while (!atomic_load_explicit(&t->stop, memory_order_acquire) && serve(t))
        continue;
    drain(t);
    ws_deflate_thread_end();
    return NULL;
}

bool ws_thread_start(struct ws_thread *t, struct engine *e, struct net *net, struct buf *error)
{
    t->net = net;
    t->engine = e;
    t->config = engine_config(e);
    pthread_mutex_init(&t->lock, NULL);
    arena_init(&t->arena);
    capture_init(&t->capture);
    if (!open_context(t)) {
        buf_add_str(error, "WebSocket: libwebsockets gives no context");
        return false;
    }
    t->mailbox = mailbox_new(engine_hub(e), wake, t);
    t->log = (struct log_listener){.wake = wake, .ctx = t};
    engine_log_listen(e, &t->log);
    t->visitor = session_new(e, DOOR_WEBSOCKET, &visitor_ops, t, NULL, "websocket", "websocket");
    t->started = pthread_create(&t->thread, NULL, service_main, t) == 0;
    if (!t->started)
        buf_add_str(error, "WebSocket: no thread");
    return t->started;
}

bool ws_thread_adopt(struct ws_thread *t, int fd)
{
    if (atomic_load_explicit(&t->stop, memory_order_acquire))
        return false;
    pthread_mutex_lock(&t->lock);
    if (t->nadopted == t->adopted_cap) {
        t->adopted_cap = t->adopted_cap ? t->adopted_cap * 2 : 16;
        t->adopted = mem_realloc(t->adopted, t->adopted_cap * sizeof *t->adopted);
    }
    t->adopted[t->nadopted++] = fd;
    pthread_mutex_unlock(&t->lock);
    wake(t);
    return true;
}

void ws_thread_stop(struct ws_thread *t)
{
    atomic_store(&t->stop, true);
    if (t->started)
        wake(t);
}

void ws_thread_join(struct ws_thread *t)
{
    if (t->started)
        pthread_join(t->thread, NULL);
}

void ws_thread_release(struct ws_thread *t)
{
    if (t->visitor) {
        engine_log_unlisten(t->engine, &t->log);
        session_free(t->visitor);
    }
    if (t->context)
        lws_context_destroy(t->context);
    for (size_t i = 0; i < t->nadopted; i++)
        close(t->adopted[i]);
    mem_free(t->adopted);
    if (t->loop)
        ev_loop_destroy(t->loop);
    if (t->mailbox)
        mailbox_free(t->mailbox);
    capture_release(&t->capture);
    arena_release(&t->arena);
    buf_release(&t->out);
    buf_release(&t->reply);
    pthread_mutex_destroy(&t->lock);
}
