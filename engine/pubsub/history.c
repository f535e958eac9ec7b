#include "pubsub/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pubsub/pubsub.h"

#define RING_MIN 8

struct bytes epoch_format(char to[EPOCH_TEXT], uint64_t epoch)
{
    snprintf(to, EPOCH_TEXT, "%016llx", (unsigned long long)epoch);
    return bytes_of(to, EPOCH_TEXT - 1);
}

bool epoch_parse(struct bytes text, uint64_t *epoch)
{
    uint64_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit == 16)
            return false;
        v = v << 4 | digit;
    }
    *epoch = v;
    return text.n == EPOCH_TEXT - 1 && v != 0;
}

struct history *history_new(uint64_t epoch)
{
    struct history *h = mem_calloc(sizeof *h);
    h->epoch = epoch;
    return h;
}

void history_free(struct history *h)
{
    while (h->n)
        history_drop_oldest(h);
    mem_free(h->ring);
    mem_free(h);
}

size_t history_cost(struct bytes channel, struct bytes data)
{
    return sizeof(struct message) + sizeof(struct message *) + channel.n + data.n;
}

static size_t cost_of(const struct message *m)
{
    return history_cost(m->channel, m->data) + m->from.n;
}

void history_drop_oldest(struct history *h)
{
    struct message *m = h->ring[h->head];
    h->bytes -= cost_of(m);
    h->head = (h->head + 1) % h->cap;
    h->n--;
    message_unref(m);
}

static void grow(struct history *h, size_t size)
{
    size_t cap = h->cap ? h->cap * 2 : RING_MIN;
    cap = cap < size ? cap : size;
    struct message **fresh = mem_alloc(cap * sizeof *fresh);
    for (size_t i = 0; i < h->n; i++)
        fresh[i] = h->ring[(h->head + i) % h->cap];
    mem_free(h->ring);
    h->ring = fresh;
    h->head = 0;
    h->cap = cap;
}

void history_append(struct history *h, size_t size, struct bytes channel, struct bytes data,
                    struct bytes from, uint64_t now_ms)
{
    while (h->n >= size)
        history_drop_oldest(h);
    if (h->n == h->cap)
        grow(h, size);
    struct message *m =
        message_new_from(MESSAGE_PUBLISHED, SUB_CHANNEL, channel, BYTES(""), data, from);
    m->published_at_ms = now_ms;
    m->epoch = h->epoch;
    m->offset = ++h->last;
    h->ring[(h->head + h->n++) % h->cap] = m;
    h->bytes += cost_of(m);
    h->touched_at_ms = now_ms;
}

void history_skip(struct history *h, uint64_t now_ms)
{
    while (h->n)
        history_drop_oldest(h);
    h->last++;
    h->touched_at_ms = now_ms;
}

void history_expire(struct history *h, uint64_t before_ms)
{
    while (h->n && h->ring[h->head]->published_at_ms < before_ms)
        history_drop_oldest(h);
    if (h->n == 0 && h->cap) {
        mem_free(h->ring);
        h->ring = NULL;
        h->head = h->cap = 0;
    }
}

bool history_covers(const struct history *h, struct position p)
{
    return p.epoch == h->epoch && p.offset <= h->last && p.offset + 1 >= history_first(h);
}

struct message *history_at(const struct history *h, uint64_t offset)
{
    return h->ring[(h->head + (size_t)(offset - history_first(h))) % h->cap];
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

void history_check(const struct history *h)
{
    size_t bytes = 0;
    must(h->n <= h->cap && h->n <= h->last && h->epoch != 0);
    for (uint64_t at = history_first(h); at <= h->last; at++) {
        const struct message *m = history_at(h, at);
        must(m->offset == at && m->epoch == h->epoch);
        bytes += cost_of(m);
    }
    must(bytes == h->bytes);
}
