/* Ready frames: heads, and messages as pushes. */
#include "ws/frame.h"

#include <endian.h>

#include "http/json.h"
#include "ws/conn.h"
#include "ws/deflate.h"

#define CLOSE  8
#define FINAL  0x80
#define LEN_16 126
#define LEN_64 127

static size_t write_head(unsigned char *to, enum ws_opcode opcode, size_t n)
{
    to[0] = (unsigned char)(FINAL | opcode);
    if (n < LEN_16) {
        to[1] = (unsigned char)n;
        return 2;
    }
    size_t bytes = n <= UINT16_MAX ? 2 : 8;
    to[1] = bytes == 2 ? LEN_16 : LEN_64;
    for (size_t i = 0; i < bytes; i++)
        to[2 + i] = (unsigned char)((uint64_t)n >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

void ws_frame(struct buf *b, enum ws_opcode opcode)
{
    unsigned char head[WS_HEAD_MAX];
    size_t n = b->n - WS_HEAD_MAX, head_n = write_head(head, opcode, n);
    memcpy(b->p, head, head_n);
    memmove(b->p + head_n, b->p + WS_HEAD_MAX, n);
    b->n = head_n + n;
}

void ws_add_close(uint16_t code, const char *reason, struct buf *out)
{
    size_t n = strlen(reason);
    const unsigned char head[] = {FINAL | CLOSE, (unsigned char)(2 + n), (unsigned char)(code >> 8),
                                  (unsigned char)code};
    buf_add(out, head, sizeof head);
    buf_add(out, reason, n);
}

static const char *push_name(const struct message *m)
{
    return m->kind == MESSAGE_JOIN ? "join" : m->kind == MESSAGE_LEAVE ? "leave" : "message";
}

static void put_place(struct json_writer *w, const struct message *m)
{
    if (m->epoch) {
        json_key(w, "offset");
        json_put_count(w, m->offset);
    }
    if (m->from.n) {
        json_key(w, "from");
        json_put_bytes(w, m->from);
    }
}

static void put_coming(struct json_writer *w, const struct message *m)
{
    json_key(w, "client");
    json_put_count(w, m->session_id);
    json_key(w, "user");
    json_put_bytes(w, m->from);
    json_key(w, "clients");
    json_put_count(w, m->clients);
    json_key(w, "users");
    json_put_count(w, m->users);
}

static void put_push(struct buf *out, const struct message *m, bool with_data)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, "op");
    json_put_text(&w, push_name(m));
    json_key(&w, "channel");
    json_put_bytes(&w, m->channel);
    if (m->via == SUB_PATTERN) {
        json_key(&w, "pattern");
        json_put_bytes(&w, m->pattern);
    }
    if (with_data) {
        json_key(&w, "data");
        json_put_bytes(&w, m->data);
    }
    if (m->kind == MESSAGE_PUBLISHED)
        put_place(&w, m);
    else
        put_coming(&w, m);
    json_key(&w, "time_ms");
    json_put_count(&w, m->published_at_ms);
    json_close_object(&w);
}

static void begin_push(struct buf *out, const struct message *m, size_t head)
{
    buf_reserve(out, head + m->channel.n + m->data.n + m->from.n + 96);
    out->n = head;
}

static void put_text(const struct message *m, struct buf *out)
{
    begin_push(out, m, WS_HEAD_MAX);
    put_push(out, m, m->kind == MESSAGE_PUBLISHED);
}

static void put_binary(const struct message *m, struct buf *out)
{
    const size_t head = WS_HEAD_MAX + WS_BINARY_HEAD;
    begin_push(out, m, head);
    put_push(out, m, false);
    uint32_t n = htobe32((uint32_t)(out->n - head));
    memcpy(out->p + WS_HEAD_MAX, &n, sizeof n);
    buf_add_bytes(out, m->data);
}

void ws_encode_message(const struct message *m, struct buf *out)
{
    put_text(m, out);
    ws_frame(out, WS_TEXT);
}

void ws_encode_message_deflated(const struct message *m, struct buf *out)
{
    put_text(m, out);
    ws_frame_deflated(out, WS_TEXT);
}

void ws_encode_binary(const struct message *m, struct buf *out)
{
    put_binary(m, out);
    ws_frame(out, WS_BINARY);
}

void ws_encode_binary_deflated(const struct message *m, struct buf *out)
{
    put_binary(m, out);
    ws_frame_deflated(out, WS_BINARY);
}

bool ws_part_binary(struct bytes message, struct bytes *text, struct bytes *data)
{
    uint32_t n;
    if (message.n < WS_BINARY_HEAD)
        return false;
    memcpy(&n, message.p, sizeof n);
    n = be32toh(n);
    if (n > message.n - WS_BINARY_HEAD)
        return false;
    *text = bytes_of(message.p + WS_BINARY_HEAD, n);
    *data = bytes_of(text->p + n, message.n - WS_BINARY_HEAD - n);
    return true;
}

void ws_add_gap(const struct ws_gap *g, struct buf *out)
{
    struct buf frame;
    struct json_writer w;
    char epoch[EPOCH_TEXT];
    buf_init(&frame);
    buf_reserve(&frame, WS_HEAD_MAX);
    frame.n = WS_HEAD_MAX;
    json_writer_init(&w, &frame);
    json_open_object(&w);
    json_key(&w, "op");
    json_put_text(&w, "gap");
    json_key(&w, g->via == SUB_PATTERN ? "pattern" : "channel");
    json_put_bytes(&w, g->name);
    json_key(&w, "dropped");
    json_put_count(&w, g->dropped);
    if (g->resume.epoch) {
        json_key(&w, "epoch");
        json_put_plain(&w, epoch_format(epoch, g->resume.epoch));
        json_key(&w, "offset");
        json_put_count(&w, g->resume.offset);
    }
    json_close_object(&w);
    ws_frame(&frame, WS_TEXT);
    buf_add_bytes(out, buf_bytes(&frame));
    buf_release(&frame);
}
