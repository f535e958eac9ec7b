#include "ws/tunnel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws/frame.h"
#include "ws/thread.h"

#define PIECE_BYTES 16384 /* into one message */

struct ws_tunnel {
    struct ws_conn *conn; /* NULL: it is gone */
    struct lws *end;      /* our end of the pair; NULL: it is gone */
    struct buf up;        /* of the client, not yet taken */
    bool held_up;         /* the client is not read from */
    bool held_down;       /* the pair is not read from */
};

static struct net_guest guest_of(const struct ws_conn *c)
{
    struct net_guest g = {.authenticated = true};
    snprintf(g.addr, sizeof g.addr, "%s", c->session->addr);
    snprintf(g.laddr, sizeof g.laddr, "%s", c->session->laddr);
    return g;
}

bool ws_tunnel_open(struct ws_conn *c)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    struct ws_tunnel *t = mem_calloc(sizeof *t);
    lws_sock_file_fd_type fd = {.filefd = pair[0]};
    t->conn = c;
    t->end = lws_adopt_descriptor_vhost(c->thread->vhost, LWS_ADOPT_RAW_FILE_DESC, fd,
                                        WS_TUNNEL_PROTOCOL, NULL);
    if (!t->end) { /* it has closed our end */
        close(pair[1]);
        mem_free(t);
        return false;
    }
    lws_set_opaque_user_data(t->end, t);
    struct net_guest guest = guest_of(c);
    net_adopt(c->thread->net, pair[1], &guest);
    c->tunnel = t;
    return true;
}

static void free_if_gone(struct ws_tunnel *t)
{
    if (t->conn || t->end)
        return;
    buf_release(&t->up);
    mem_free(t);
}

void ws_tunnel_close(struct ws_tunnel *t)
{
    t->conn = NULL;
    if (t->end)
        lws_set_timeout(t->end, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
    free_if_gone(t);
}

/* ---- up -------------------------------------------------------------------------------------------- */

/* What the pair does not take waits in `up`. */
static bool push_up(struct ws_tunnel *t)
{
    while (t->up.n) {
        ssize_t n = send(lws_get_socket_fd(t->end), t->up.p, t->up.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n > 0)
            buf_consume(&t->up, (size_t)n);
    }
    bool hold = t->up.n > 0;
    if (hold)
        lws_callback_on_writable(t->end);
    else
        buf_release(&t->up);
    if (hold != t->held_up && t->conn)
        lws_rx_flow_control(t->conn->wsi, !hold);
    t->held_up = hold;
    return true;
}

bool ws_tunnel_send(struct ws_tunnel *t, struct bytes data)
{
    if (!t->end)
        return false;
    buf_add_bytes(&t->up, data);
    return push_up(t);
}

/* ---- down ------------------------------------------------------------------------------------------ */

static bool is_full(const struct ws_conn *c)
{
    const struct config *config = c->thread->config;
    return c->queue_bytes >= (size_t)config_int(config, CONFIG_WS_QUEUE_BYTES) / 4 ||
           c->queued >= (size_t)config_int(config, CONFIG_WS_QUEUE_MESSAGES) / 4;
}

static void hold_down(struct ws_tunnel *t, bool hold)
{
    if (t->held_down != hold)
        lws_rx_flow_control(t->end, !hold);
    t->held_down = hold;
}

void ws_tunnel_resume(struct ws_tunnel *t)
{
    if (t->held_down && t->end && !is_full(t->conn))
        hold_down(t, false);
}

/* False: the RESP connection has ended. */
static bool pull_down(struct ws_tunnel *t)
{
    struct ws_conn *c = t->conn;
    struct buf *out = &c->thread->reply;
    buf_clear(out);
    char *to = buf_reserve(out, WS_HEAD_MAX + PIECE_BYTES) + WS_HEAD_MAX;
    ssize_t n = recv(lws_get_socket_fd(t->end), to, PIECE_BYTES, 0);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    out->n = WS_HEAD_MAX + (size_t)n;
    ws_frame(out, WS_BINARY);
    ws_conn_send_copy(c, buf_bytes(out));
    if (is_full(c))
        hold_down(t, true);
    return true;
}

/* ---- libwebsockets' callback ----------------------------------------------------------------------- */

/* libwebsockets may tell it twice. */
static int on_end_gone(struct ws_tunnel *t)
{
    lws_set_opaque_user_data(t->end, NULL);
    t->end = NULL;
    if (t->conn)
        ws_conn_close(t->conn, WS_CLOSE_KILLED, "the RESP connection has ended");
    free_if_gone(t);
    return 0;
}

int ws_tunnel_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t n)
{
    struct ws_tunnel *t = lws_get_opaque_user_data(wsi);
    (void)user, (void)in, (void)n;
    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        return t && t->conn && pull_down(t) ? 0 : -1;
    case LWS_CALLBACK_RAW_WRITEABLE_FILE:
        return t && push_up(t) ? 0 : -1;
    case LWS_CALLBACK_RAW_CLOSE_FILE:
        return t ? on_end_gone(t) : 0;
    default:
        return 0;
    }
}
