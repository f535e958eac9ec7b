/* A WebSocket connection's messages: the JSON and the binary layout are read, the op runs, and what goes out are whole
 * frames of a server with JSON in them that reads.
 *
 * Input: messages, each a byte that says text or binary (1), compressed (2), two bytes of length, and the bytes. The connection came with a
 * ticket for all channels, so that every op runs but `command`, which reads its arguments. libwebsockets is not there: what
 * it would write comes to lws_write below. */
#include "http/json.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/served.h"
#include "ws/call.h"
#include "ws/deflate.h"
#include "ws/frame.h"

#define MESSAGES_MAX 16
#define FINAL        0x80
#define CLOSE        8
#define INFLATED_MAX 65536

static struct ws_thread thread;

/* ---- what goes out --------------------------------------------------------------------------- */

static void check_text(struct bytes text)
{
    struct arena arena;
    struct json_error error;
    arena_init(&arena);
    cJSON *message =
        json_read(&arena, text, (struct json_limits){.depth = 1000, .values = 1000000}, &error);
    MUST(cJSON_IsObject(message));
    MUST(json_get(message, "ok") || json_get(message, "op"));
    cJSON_Delete(message);
    arena_release(&arena);
}

static void check_binary(struct bytes message)
{
    struct bytes text, data;
    MUST(ws_part_binary(message, &text, &data));
    check_text(text);
}

static void check_payload(unsigned char first, struct bytes payload)
{
    if (first == (FINAL | WS_TEXT)) {
        check_text(payload);
    } else if (first == (FINAL | WS_BINARY)) {
        check_binary(payload);
    } else {
        struct bytes reason = bytes_of(payload.p + 2, payload.n - 2);
        MUST(first == (FINAL | CLOSE) && payload.n >= 2 && payload.n <= 125);
        MUST(bytes_utf8_check(reason) == reason.n);
    }
}

/* Checks the first frame of `out` and cuts it off. */
static void check_frame(struct bytes *out)
{
    const unsigned char *p = (const unsigned char *)out->p;
    MUST(out->n >= 2 && !(p[1] & 0x80));
    size_t n = p[1], head = 2;
    if (n >= 126) {
        size_t bytes = n == 126 ? 2 : 8;
        MUST(out->n >= head + bytes);
        for (n = 0; head < 2 + bytes; head++)
            n = n << 8 | p[head];
    }
    MUST(out->n - head >= n);
    check_payload(p[0], bytes_of(out->p + head, n));
    *out = bytes_of(out->p + head + n, out->n - head - n);
}

/* ---- in libwebsockets' place ----------------------------------------------------------------- */

int lws_write(struct lws *wsi, unsigned char *buf, size_t len, enum lws_write_protocol protocol)
{
    struct bytes out = bytes_of(buf, len);
    MUST(wsi && protocol == LWS_WRITE_RAW);
    while (out.n)
        check_frame(&out);
    return (int)len;
}

int lws_send_pipe_choked(struct lws *wsi)
{
    return !wsi;
}

int lws_callback_on_writable(struct lws *wsi)
{
    return !wsi;
}

lws_sockfd_type lws_get_socket_fd(struct lws *wsi)
{
    (void)wsi;
    return -1;
}

/* ---- the target ------------------------------------------------------------------------------ */

static void wake(void *ctx)
{
    (void)ctx;
}

static void open_thread(void)
{
    struct session *s = served_session(DOOR_WEBSOCKET);
    thread.engine = s->engine;
    thread.config = engine_config(s->engine);
    session_free(s);
    thread.mailbox = mailbox_new(engine_hub(thread.engine), wake, NULL);
    arena_init(&thread.arena);
    capture_init(&thread.capture);
}

/* What the part inflates to; false: it does not, or to too much. */
static bool inflate_part(struct ws_inflater **inflater, struct bytes part, struct buf *out)
{
    enum ws_inflate_result result = ws_inflate(inflater, part, true, out, INFLATED_MAX);
    MUST(out->n <= INFLATED_MAX + 1);
    return result == WS_INFLATED;
}

static void take_message(struct ws_conn *c, struct ws_inflater **inflater, struct input *in)
{
    uint8_t how = input_byte(in);
    struct bytes part = input_bytes(in, input_u16(in));
    struct buf inflated;
    buf_init(&inflated);
    char *exact = input_exact(part.p, part.n);
    part = bytes_of(exact, part.n);
    if (!(how & 2))
        ws_handle(c, part, how & 1);
    else if (inflate_part(inflater, part, &inflated))
        ws_handle(c, buf_bytes(&inflated), how & 1);
    else
        ws_conn_close(c, WS_CLOSE_BAD_TEXT, "inflates to nothing");
    free(exact);
    buf_release(&inflated);
    mailbox_drain(thread.mailbox);
    MUST(ws_conn_flush(c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct grant all = {.user = BYTES("fuzz")};
    struct input in = {data, size};
    if (!thread.engine)
        open_thread();
    struct ws_conn *c =
        ws_conn_new(&thread, (struct lws *)&thread,
                    (struct ws_greeting){.authenticated = true, .grant = grant_new(&all)});
    struct ws_inflater *inflater = NULL;
    for (int i = 0; in.n && i < MESSAGES_MAX && !c->closing; i++)
        take_message(c, &inflater, &in);
    ws_inflater_free(inflater);
    ws_conn_free(c);
    mailbox_drain(thread.mailbox);
    return 0;
}
