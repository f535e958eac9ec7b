#include "ws/inbound.h"

#include "ws/call.h"
#include "ws/deflate.h"
#include "ws/tunnel.h"

#define RSV_BITS 0x70

static size_t setting(const struct ws_conn *c, enum config_id id)
{
    return (size_t)config_int(c->thread->config, id);
}

static void begin_message(struct ws_conn *c)
{
    buf_clear(&c->in);
    c->in_checked = 0;
    c->in_wire = 0;
    c->in_deflated = lws_get_reserved_bits(c->wsi) & WS_RSV1;
}

static void end_message(struct ws_conn *c)
{
    buf_release(&c->in);
}

/* How long may the message become that has come so far? */
static size_t bound(const struct ws_conn *c, const char **reason)
{
    size_t most = setting(c, CONFIG_WS_MAX_MESSAGE);
    *reason = "message too large";
    if (!c->in_deflated)
        return most;
    size_t inflated = c->in_wire * setting(c, CONFIG_WS_DEFLATE_RATIO) + WS_INFLATE_FREE;
    if (inflated >= most)
        return most;
    *reason = "the message inflates too much";
    return inflated;
}

/* False: the connection closes. */
static bool append(struct ws_conn *c, struct bytes part, bool last)
{
    const char *reason;
    c->in_wire += part.n;
    size_t most = bound(c, &reason);
    if (!c->in_deflated && part.n <= most - c->in.n) {
        buf_add_bytes(&c->in, part);
        return true;
    }
    enum ws_inflate_result result =
        c->in_deflated ? ws_inflate(&c->inflater, part, last, &c->in, most) : WS_INFLATES_TOO_MUCH;
    if (result == WS_INFLATES_TOO_MUCH)
        ws_conn_close(c, WS_CLOSE_TOO_LARGE, reason);
    else if (result == WS_NOT_DEFLATED)
        ws_conn_close(c, WS_CLOSE_BAD_TEXT, "this is not compressed as agreed");
    return result == WS_INFLATED;
}

/* A sequence may be cut between two parts. False: the connection closes. */
static bool check_text(struct ws_conn *c, struct bytes text, bool last)
{
    size_t good = bytes_utf8_check(text);
    struct bytes rest = bytes_of(text.p + good, text.n - good);
    c->in_checked += good;
    if (rest.n == 0 || (!last && bytes_utf8_begins(rest)))
        return true;
    ws_conn_close(c, WS_CLOSE_BAD_TEXT, "this text is no UTF-8");
    return false;
}

static struct bytes unchecked(const struct ws_conn *c)
{
    return bytes_of(c->in.p + c->in_checked, c->in.n - c->in_checked);
}

static void take_part(struct ws_conn *c, struct bytes part, bool first, bool last)
{
    bool binary = lws_frame_is_binary(c->wsi);
    if (first)
        begin_message(c);
    if (!c->in_deflated && lws_get_reserved_bits(c->wsi) & RSV_BITS) {
        ws_conn_close(c, WS_CLOSE_BAD_FRAME,
                      "only a message's first frame says that it is compressed");
        return;
    }
    bool whole = first && last && !c->in_deflated && part.n <= setting(c, CONFIG_WS_MAX_MESSAGE);
    if (!whole && !append(c, part, last)) {
        end_message(c);
        return;
    }
    if (!binary && !check_text(c, whole ? part : unchecked(c), last))
        last = false;
    if (last)
        ws_handle(c, whole ? part : buf_bytes(&c->in), binary);
    if (last || c->closing)
        end_message(c);
}

/* A tunnel's bytes go on as they come. */
static void take_stream(struct ws_conn *c, struct bytes part)
{
    if (!lws_frame_is_binary(c->wsi))
        ws_conn_close(c, WS_CLOSE_PROTOCOL, "RESP3 comes in binary messages");
    else if (!ws_tunnel_send(c->tunnel, part))
        ws_conn_close(c, WS_CLOSE_KILLED, "the RESP connection has ended");
}

void ws_receive(struct ws_conn *c, struct bytes part)
{
    bool first = lws_is_first_fragment(c->wsi);
    bool last = lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0;
    c->heard_at_ms = clock_wall_ms();
    atomic_fetch_add_explicit(&c->session->bytes_in, part.n, memory_order_relaxed);
    engine_count(c->thread->engine, COUNTER_BYTES_IN, part.n);
    if (c->closing)
        return;
    if (c->tunnel)
        take_stream(c, part);
    else
        take_part(c, part, first, last);
}
