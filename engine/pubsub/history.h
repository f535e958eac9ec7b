/* The last messages of one channel, and where each stands: what late comers read and who was away catches up from.
 *
 * Layout. A ring of references to messages of their own (never those that are delivered: these keep their encodings).
 * Message number `last` is the newest, the ring holds last - n + 1 .. last, numbers begin with 1. An epoch is drawn
 * when a history begins; a history that was forgotten begins anew with another, so a position (epoch, offset) names
 * one message for ever.
 *
 * Invariants: n <= cap <= size; bytes is the sum of the kept messages' costs; n <= last.
 * Locks: none of its own; the hub's stripe. Appending is O(1) amortised. */
#ifndef ATRIUM_PUBSUB_HISTORY_H
#define ATRIUM_PUBSUB_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct message;

struct position {
    uint64_t epoch, offset; /* epoch 0: the channel has no history */
};

/* An epoch as text: 16 hexadecimal digits. A text that is none names no history that ever was. */
#define EPOCH_TEXT    17
#define EPOCH_UNKNOWN UINT64_MAX
struct bytes epoch_format(char to[EPOCH_TEXT], uint64_t epoch);
bool epoch_parse(struct bytes text, uint64_t *epoch);

struct history {
    uint64_t epoch, last;
    struct message **ring;
    size_t head, n, cap; /* head: the oldest */
    size_t bytes;
    uint64_t touched_at_ms; /* the last append */
};

struct history *history_new(uint64_t epoch);
void history_free(struct history *h);
/* What a message of that length costs here. */
size_t history_cost(struct bytes channel, struct bytes data);
/* Numbers and keeps a copy of the message, at most `size` of them (> 0; the oldest go). `from`: the publisher, may be empty. */
void history_append(struct history *h, size_t size, struct bytes channel, struct bytes data,
                    struct bytes from, uint64_t now_ms);
/* Numbers a message that is not kept: all older ones go too, so that none is missing in between. */
void history_skip(struct history *h, uint64_t now_ms);
/* Drops the oldest. n > 0. */
void history_drop_oldest(struct history *h);
/* Drops those that were published before that time. */
void history_expire(struct history *h, uint64_t before_ms);

static inline uint64_t history_first(const struct history *h)
{
    return h->last - h->n + 1;
}

/* Does it hold everything that came after that position? Then the next message to read is offset + 1. */
bool history_covers(const struct history *h, struct position p);
/* The kept message of that number, history_first <= offset <= last. */
struct message *history_at(const struct history *h, uint64_t offset);
/* Aborts where an invariant does not hold. O(n). */
void history_check(const struct history *h);

#endif
