/* Messages: reference-counted, encoded once per format. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/reply.h"
#include "pubsub/pubsub.h"

static _Atomic size_t live_bytes;

size_t messages_bytes(void)
{
    return atomic_load_explicit(&live_bytes, memory_order_relaxed);
}

static void account(size_t less, size_t more)
{
    atomic_fetch_add_explicit(&live_bytes, more - less, memory_order_relaxed);
}

static size_t size_of(const struct message *m)
{
    return sizeof *m + m->channel.n + m->pattern.n + m->data.n + m->from.n;
}

struct message *message_new_from(enum message_kind kind, enum sub_kind via, struct bytes channel,
                                 struct bytes pattern, struct bytes data, struct bytes from_user)
{
    struct message *m = mem_calloc(sizeof *m + channel.n + pattern.n + data.n + from_user.n);
    char *p = (char *)(m + 1);
    atomic_init(&m->refs, 1);
    m->kind = kind;
    m->via = via;
    m->published_at_ms = clock_wall_ms();
    const struct bytes from[] = {channel, pattern, data, from_user};
    struct bytes *const to[] = {&m->channel, &m->pattern, &m->data, &m->from};
    for (int i = 0; i < 4; i++) {
        if (from[i].n)
            memcpy(p, from[i].p, from[i].n);
        *to[i] = bytes_of(p, from[i].n);
        p += from[i].n;
    }
    account(0, size_of(m));
    return m;
}

struct message *message_new(enum message_kind kind, enum sub_kind via, struct bytes channel,
                            struct bytes pattern, struct bytes data)
{
    return message_new_from(kind, via, channel, pattern, data, (struct bytes){0});
}

void message_ref(struct message *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}

static void free_encoding(struct buf *b)
{
    if (!b)
        return;
    buf_release(b);
    mem_free(b);
}

void message_unref(struct message *m)
{
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    size_t bytes = size_of(m);
    for (int f = 0; f < MESSAGE_FORMATS; f++) {
        struct buf *b = atomic_load_explicit(&m->encoded[f], memory_order_relaxed);
        bytes += b ? b->cap : 0;
        free_encoding(b);
    }
    account(bytes, 0);
    mem_free(m);
}

struct bytes message_encoding(struct message *m, enum message_format f, message_encode_fn *encode)
{
    struct buf *b = atomic_load_explicit(&m->encoded[f], memory_order_acquire), *none = NULL;
    if (b)
        return buf_bytes(b);
    b = mem_alloc(sizeof *b);
    buf_init(b);
    encode(m, b);
    account(0, b->cap);
    if (!atomic_compare_exchange_strong_explicit(&m->encoded[f], &none, b, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        account(b->cap, 0);
        free_encoding(b); /* another thread was first */
        b = none;
    }
    return buf_bytes(b);
}

/* ---- RESP
 * -------------------------------------------------------------------------------------------- */

static void encode_resp(const struct message *m, struct buf *out, uint8_t resp)
{
    struct resp_reply r;
    resp_reply_init(&r, out, resp);
    if (m->kind == MESSAGE_MONITOR) {
        buf_add_bytes(out, m->data);
        return;
    }
    reply_push(&r.base, m->via == SUB_PATTERN ? 4 : 3);
    reply_bulk(&r.base, m->via == SUB_PATTERN ? BYTES("pmessage")
                        : m->via == SUB_SHARD ? BYTES("smessage")
                                              : BYTES("message"));
    if (m->via == SUB_PATTERN)
        reply_bulk(&r.base, m->pattern);
    reply_bulk(&r.base, m->channel);
    reply_bulk(&r.base, m->data);
}

void message_encode_resp2(const struct message *m, struct buf *out)
{
    encode_resp(m, out, 2);
}

void message_encode_resp3(const struct message *m, struct buf *out)
{
    encode_resp(m, out, 3);
}
