/* Ready frames: the head of a server's text message (RFC 6455, 5.2), and messages as pushes. */
#include "http/json.h"
#include "ws/service.h"

#define TEXT_FINAL 0x81
#define LEN_16     126
#define LEN_64     127

static size_t write_head(unsigned char *to, size_t n)
{
    to[0] = TEXT_FINAL;
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

void ws_frame_text(struct buf *b)
{
    unsigned char head[WS_HEAD_MAX];
    size_t n = b->n - WS_HEAD_MAX, head_n = write_head(head, n);
    memcpy(b->p, head, head_n);
    memmove(b->p + head_n, b->p + WS_HEAD_MAX, n);
    b->n = head_n + n;
}

void ws_encode_message(const struct message *m, struct buf *out)
{
    struct json_writer w;
    buf_reserve(out, WS_HEAD_MAX + m->channel.n + m->data.n + 64);
    out->n = WS_HEAD_MAX;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, "op");
    json_put_text(&w, "message");
    json_key(&w, "channel");
    json_put_bytes(&w, m->channel);
    if (m->via == SUB_PATTERN) {
        json_key(&w, "pattern");
        json_put_bytes(&w, m->pattern);
    }
    json_key(&w, "data");
    json_put_bytes(&w, m->data);
    json_key(&w, "time_ms");
    json_put_count(&w, m->published_at_ms);
    json_close_object(&w);
    ws_frame_text(out);
}
