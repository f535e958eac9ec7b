/* Connections: reading, writing, limits, closing. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/loop.h"

#define READ_BYTES  (16 * 1024)
#define SPARE_BYTES (64 * 1024) /* a larger buffer is freed when it falls empty */
#define COMPACT_BYTES                                                                              \
    (64 * 1024) /* what was taken or sent is dropped when it is this much and half of all */

/* ---- opening
 * ------------------------------------------------------------------------------------- */

static void format_address(const struct sockaddr_storage *a, char *to, size_t room)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(to, room, "%s:%u", host, ntohs(v4->sin_port));
    } else if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(to, room, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        snprintf(to, room, "%s:0", ((const struct sockaddr_un *)a)->sun_path);
    }
}

static void addresses(int fd, char *peer, char *local, size_t room)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    memset(&a, 0, sizeof a);
    getsockname(fd, (struct sockaddr *)&a, &len);
    format_address(&a, local, room);
    if (a.ss_family == AF_UNIX) { /* the peer of a Unix socket has no name */
        snprintf(peer, room, "%s", local);
        return;
    }
    len = sizeof a;
    memset(&a, 0, sizeof a);
    getpeername(fd, (struct sockaddr *)&a, &len);
    format_address(&a, peer, room);
}

static void set_socket_options(int fd, const struct config *config)
{
    int on = 1, seconds = (int)config_int(config, CONFIG_TCP_KEEPALIVE);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (seconds > 0) {
        int interval = seconds / 3 > 0 ? seconds / 3 : 1, probes = 3;
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    }
}

static void enlist(struct conn *c)
{
    struct loop *l = c->loop;
    c->prev = NULL;
    c->next = l->conns;
    if (c->next)
        c->next->prev = c;
    l->conns = c;
}

static void delist(struct conn *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->loop->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

static struct session *guest_session(struct conn *c, const struct net_guest *g)
{
    struct loop *l = c->loop;
    struct session *s = session_new(l->engine, c->protocol->door, c->protocol->session_ops, c,
                                    l->mailbox, g->addr, g->laddr);
    s->authenticated |= g->authenticated;
    s->resp = 3;
    return s;
}

static struct session *peer_session(struct conn *c)
{
    char peer[SESSION_ADDR_MAX], local[SESSION_ADDR_MAX];
    struct loop *l = c->loop;
    set_socket_options(c->fd, engine_config(l->engine));
    addresses(c->fd, peer, local, sizeof peer);
    return session_new(l->engine, c->protocol->door, c->protocol->session_ops, c, l->mailbox, peer,
                       local);
}

void conn_open(struct loop *l, int fd, const struct protocol *protocol,
               const struct net_guest *guest)
{
    struct conn *c = mem_calloc(sizeof *c);
    c->fd = fd;
    c->loop = l;
    c->protocol = protocol;
    c->session = guest ? guest_session(c, guest) : peer_session(c);
    c->session->may_move = l->for_long != NULL && protocol->moves;
    protocol->open(c);
    enlist(c);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        conn_kill(c);
    engine_count(l->engine, COUNTER_CONNECTIONS, 1);
}

static void forget_deadline(struct conn *c)
{
    if (c->deadline.when_ms)
        wheel_remove(&c->loop->deadlines, &c->deadline);
}

static void forget_unsynced(struct conn *c)
{
    struct conn **at = &c->loop->unsynced;
    while (c->unsynced && *at != c)
        at = &(*at)->next_unsynced;
    if (c->unsynced)
        *at = c->next_unsynced;
    c->unsynced = false;
}

void conn_free(struct conn *c)
{
    forget_deadline(c);
    forget_unsynced(c);
    c->protocol->close(c);
    session_free(c->session);
    delist(c);
    /* A child that saves has the socket, too: closing it here neither ends it nor takes it out of the epoll. */
    epoll_ctl(c->loop->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    shutdown(c->fd, SHUT_RDWR);
    close(c->fd);
    buf_release(&c->in);
    buf_release(&c->out);
    mem_free(c);
}

void conn_kill(struct conn *c)
{
    c->doomed = c->away;
    if (c->dead || c->away)
        return;
    c->dead = true;
    c->next_dead = c->loop->dead;
    c->loop->dead = c;
}

void conn_finish(struct conn *c)
{
    c->closing = true;
    conn_mark_dirty(c);
}

/* ---- buffers
 * -------------------------------------------------------------------------------------- */

/* An empty buffer takes over the loop's spare one. */
static void borrow(struct buf *b, struct buf *spare)
{
    if (b->cap == 0 && spare->cap) {
        *b = *spare;
        b->n = 0;
        *spare = (struct buf){0};
    }
}

/* An empty buffer goes back to the loop, or away. */
static void give_back(struct buf *b, struct buf *spare)
{
    if (b->n || !b->cap)
        return;
    if (!spare->cap && b->cap <= SPARE_BYTES)
        *spare = *b;
    else
        buf_release(b);
    *b = (struct buf){0};
}

static void show_buffers(struct conn *c)
{
    atomic_store_explicit(&c->shown_in, c->in.n - c->consumed, memory_order_relaxed);
    atomic_store_explicit(&c->shown_in_free, c->in.cap - c->in.n, memory_order_relaxed);
    atomic_store_explicit(&c->shown_out, conn_unsent(c), memory_order_relaxed);
}

struct session_buffers conn_buffers(const struct session *s)
{
    const struct conn *c = s->context;
    return (struct session_buffers){
        .fd = c->fd,
        .in = atomic_load_explicit(&c->shown_in, memory_order_relaxed),
        .in_free = atomic_load_explicit(&c->shown_in_free, memory_order_relaxed),
        .out = atomic_load_explicit(&c->shown_out, memory_order_relaxed),
    };
}

/* Drops the first *done bytes, where that moves no more than was done since the last time. */
static void compact(struct buf *b, size_t *done)
{
    if (*done < b->n && (*done < COMPACT_BYTES || *done < b->n / 2))
        return;
    buf_consume(b, *done);
    *done = 0;
}

/* ---- writing
 * --------------------------------------------------------------------------------------- */

void conn_mark_dirty(struct conn *c)
{
    if (c->dirty || c->dead)
        return;
    c->dirty = true;
    c->next_dirty = c->loop->dirty;
    c->loop->dirty = c;
}

static void watch(struct conn *c)
{
    uint32_t events = (c->ended ? 0 : EPOLLIN) | (c->want_write ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = events, .data.ptr = c};
    epoll_ctl(c->loop->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

static void watch_write(struct conn *c, bool on)
{
    if (c->want_write == on)
        return;
    c->want_write = on;
    watch(c);
}

/* Has the output been above the soft limit for too long? */
static bool over_soft_limit(struct conn *c, const struct output_limit *limit, uint64_t now_ms)
{
    if (!limit->soft_bytes || conn_unsent(c) < (size_t)limit->soft_bytes) {
        c->soft_limit_since_ms = 0;
        return false;
    }
    if (!c->soft_limit_since_ms)
        c->soft_limit_since_ms = now_ms;
    return now_ms - c->soft_limit_since_ms > (uint64_t)limit->soft_seconds * 1000;
}

/* Closes a client that does not read what it asked for, by the limits of its class. */
static void check_output_limit(struct conn *c, uint64_t now_ms)
{
    bool subscriber = session_subscribed(c->session);
    struct output_limit limit = config_output_limit(engine_config(c->loop->engine),
                                                    subscriber ? OUTPUT_PUBSUB : OUTPUT_NORMAL);
    bool hard = limit.hard_bytes && conn_unsent(c) >= (size_t)limit.hard_bytes;
    if (!over_soft_limit(c, &limit, now_ms) && !hard)
        return;
    log_warning(
        "client %s closed: %zu bytes of output are waiting, above client-output-buffer-limit %s",
        c->session->addr, conn_unsent(c), subscriber ? "pubsub" : "normal");
    engine_count(c->loop->engine, COUNTER_OUTPUT_LIMIT_CLOSED, 1);
    conn_kill(c);
}

/* The socket takes no more for now. */
static void wait_writable(struct conn *c)
{
    watch_write(c, true);
    size_t before = c->out.n;
    compact(&c->out, &c->sent);
    c->unsynced_from -= before - c->out.n < c->unsynced_from ? before - c->out.n : c->unsynced_from;
    check_output_limit(c, clock_wall_ms());
    show_buffers(c);
}

/* Sends what the socket takes; false where the client is gone. */
static bool send_out(struct conn *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_writable(c);
            break;
        }
        if (n <= 0) {
            conn_kill(c);
            return false;
        }
        c->sent += (size_t)n;
        engine_count(c->loop->engine, COUNTER_BYTES_OUT, (uint64_t)n);
    }
    return !c->dead;
}

/* What was held back is served in the next turn, so that others have theirs. */
static void finish_sending(struct conn *c)
{
    c->sent = 0;
    c->soft_limit_since_ms = 0;
    buf_clear(&c->out);
    if (!c->held)
        give_back(&c->out, &c->loop->spare_out);
    watch_write(c, c->held);
    show_buffers(c);
    if (c->closing)
        conn_kill(c);
}

/* What the log does not hold yet stays here until it does. */
static bool may_leave(struct conn *c)
{
    struct loop *l = c->loop;
    if (c->unsynced || engine_synced(c->session))
        return !c->unsynced;
    engine_log_await(l->engine, &l->log);
    if (engine_synced(c->session))
        return true;
    c->unsynced = true;
    c->next_unsynced = l->unsynced;
    l->unsynced = c;
    return false;
}

void conn_flush(struct conn *c)
{
    if (may_leave(c) && send_out(c) && !conn_unsent(c))
        finish_sending(c);
}

/* ---- reading
 * --------------------------------------------------------------------------------------- */

/* Lets the protocol work on what is there. */
static void serve(struct conn *c)
{
    borrow(&c->out, &c->loop->spare_out);
    c->unsynced_from = c->out.n;
    c->unsynced_n = 0;
    engine_batch_begin(c->loop->engine);
    c->protocol->input(c);
    engine_batch_end(c->loop->engine);
    compact(&c->in, &c->consumed);
    c->held = conn_is_full(c);
    if (conn_unsent(c) || c->closing)
        conn_mark_dirty(c);
    give_back(&c->in, &c->loop->spare_in);
    if (c->out.n == 0)
        give_back(&c->out, &c->loop->spare_out);
    show_buffers(c);
}

/* May the next command be looked at? */
static bool may_serve(const struct conn *c)
{
    return !c->dead && !c->closing && !c->paused && !c->blocked && !c->unsynced && !c->moving;
}

/* Looks at the next commands, unless something stands before them; what ends that comes here again.
 */
static void try_serve(struct conn *c)
{
    c->held = conn_is_full(c);
    if (!c->held && may_serve(c))
        serve(c);
    if (c->ended && !c->held && !c->paused && !c->unsynced && !c->moving)
        conn_finish(c);
}

static void check_query_limit(struct conn *c)
{
    int64_t limit = config_int(engine_config(c->loop->engine), CONFIG_CLIENT_QUERY_BUFFER_LIMIT);
    if ((int64_t)conn_unread(c).n <= limit)
        return;
    log_warning("client %s closed: its unread input is above client-query-buffer-limit",
                c->session->addr);
    conn_kill(c);
}

static void on_readable(struct conn *c)
{
    borrow(&c->in, &c->loop->spare_in);
    if (c->in.cap == 0)
        buf_reserve(&c->in, SPARE_BYTES);
    char *to = buf_reserve(&c->in, READ_BYTES);
    ssize_t n = recv(c->fd, to, c->in.cap - c->in.n, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        give_back(&c->in, &c->loop->spare_in);
        return;
    }
    if (n == 0 && (c->held || c->unsynced ||
                   c->moving)) { /* what it sent before it closed its side is still served */
        c->ended = true;
        watch(c);
        return;
    }
    if (n <= 0) {
        conn_kill(c);
        return;
    }
    c->loop->turn_bytes += (size_t)n;
    c->in.n += (size_t)n;
    engine_count(c->loop->engine, COUNTER_BYTES_IN, (uint64_t)n);
    if (c->closing) /* what comes after an error or QUIT is not looked at */
        c->in.n = c->consumed;
    else
        try_serve(c);
    if (!c->dead)
        check_query_limit(c);
}

/* ---- blocked commands
 * ------------------------------------------------------------------------------- */

void conn_block(struct conn *c)
{
    uint64_t deadline_ms = engine_wait_deadline_ms(c->session);
    c->blocked = true;
    if (deadline_ms)
        wheel_add(&c->loop->deadlines, &c->deadline, deadline_ms);
}

/* An answer beats a deadline, which the engine finds out by itself. */
void conn_wake(struct conn *c, enum wake_reason reason)
{
    if (!c->blocked || c->dead)
        return;
    if (!c->woken || reason != WAKE_RETRY)
        c->wake_reason = reason;
    if (c->woken)
        return;
    c->woken = true;
    c->next_woken = c->loop->woken;
    c->loop->woken = c;
}

static struct conn *conn_of_deadline(struct wheel_node *node)
{
    return (struct conn *)(void *)((char *)node - offsetof(struct conn, deadline));
}

static void serve_woken(struct conn *c)
{
    c->woken = false;
    if (c->dead || !c->blocked)
        return;
    forget_deadline(c);
    if (!c->unsynced) {
        c->unsynced_from = c->out.n;
        c->unsynced_n = 1;
    }
    if (!c->protocol->wake(c, c->wake_reason)) {
        conn_block(c); /* until its next deadline */
        return;
    }
    c->blocked = false;
    conn_mark_dirty(c);
    try_serve(c);
}

void conn_serve_woken(struct loop *l)
{
    struct wheel_node *node;
    while (l->deadlines.count && (node = wheel_pop_due(&l->deadlines, clock_wall_ms())))
        conn_wake(conn_of_deadline(node), WAKE_DUE);
    while (l->woken) {
        struct conn *c = l->woken;
        l->woken = c->next_woken;
        serve_woken(c);
    }
}

/* ---- output that waits for the log
 * ------------------------------------------------------------------ */

/* Nobody knows whether the last commands will outlive a crash: their answers are taken back. */
static void take_back(struct conn *c)
{
    char why[128];
    if (!c->protocol->lost || c->closing) {
        conn_kill(c);
        return;
    }
    snprintf(why, sizeof why, "Errors writing to the AOF file: %s",
             strerror(engine_log_failing(c->loop->engine)));
    c->out.n = c->unsynced_from;
    c->protocol->lost(c, why);
    c->session->log_position = 0;
}

void conn_serve_synced(struct loop *l)
{
    struct conn *waiting = l->unsynced;
    l->unsynced = NULL;
    while (waiting) {
        struct conn *c = waiting;
        waiting = c->next_unsynced;
        c->unsynced = false;
        if (c->dead)
            continue;
        if (!engine_synced(c->session) && engine_log_failing(l->engine))
            take_back(c);
        if (!c->dead)
            conn_flush(c); /* which waits on where it must */
        if (!c->dead && !c->unsynced)
            try_serve(c);
    }
}

/* ---- moving -------------------------------------------------------------------------------------
 */

void conn_move(struct conn *c)
{
    if (c->moving)
        return;
    c->moving = true;
    c->next_moving = c->loop->moving;
    c->loop->moving = c;
}

void conn_leave(struct conn *c, struct loop *to)
{
    epoll_ctl(c->loop->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    delist(c);
    c->away = true;
    c->loop = to; /* from here on the other thread may be told to kill it */
    c->doomed = !session_move(c->session, to->mailbox);
}

void conn_arrive(struct conn *c)
{
    uint32_t events = (c->ended ? 0 : EPOLLIN) | (c->want_write ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = events, .data.ptr = c};
    c->away = c->moving = false;
    c->seen_in = 0;
    enlist(c);
    if (epoll_ctl(c->loop->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev) != 0 || c->doomed)
        conn_kill(c);
    try_serve(c);
}

void conn_resume(struct conn *c)
{
    c->paused = false;
    try_serve(c);
}

void conn_on_event(struct conn *c, uint32_t events)
{
    if (c->dead)
        return;
    if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
        conn_kill(c);
        return;
    }
    if (events & EPOLLIN)
        on_readable(c);
    if (events & EPOLLOUT && !c->dead) {
        conn_mark_dirty(c);
        if (c->held)
            try_serve(c);
    }
}

/* Subscribers and those who wait for a key are never idle. */
static bool is_idle(const struct conn *c, uint64_t idle_ms, uint64_t now_ms)
{
    uint64_t at = atomic_load_explicit(&c->session->active_at_ms, memory_order_relaxed);
    return now_ms > at + idle_ms && !session_subscribed(c->session) && !c->session->monitor &&
           !c->blocked;
}

/* Once a second: clients that are idle for longer than `timeout`, or over a soft limit for too
 * long. */
void conn_sweep(struct loop *l, uint64_t now_ms)
{
    uint64_t idle_ms = (uint64_t)config_int(engine_config(l->engine), CONFIG_TIMEOUT) * 1000;
    for (struct conn *c = l->conns; c; c = c->next) {
        if (c->soft_limit_since_ms && !c->dead)
            check_output_limit(c, now_ms);
        if (idle_ms && is_idle(c, idle_ms, now_ms))
            conn_kill(c);
    }
}
