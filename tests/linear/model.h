/* What the commands of a history do when they run one after another: a small sequential Redis of
 * four keys. It shares no code with the engine's types. */
#ifndef ATRIUM_TESTS_LINEAR_MODEL_H
#define ATRIUM_TESTS_LINEAR_MODEL_H

#include "tests/linear/history.h"

#define VALUE_BYTES 2000

enum value_kind {
    VALUE_NONE,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_ZSET,
    VALUE_SET,
    VALUE_HASH,
    VALUE_STREAM
};

/* A string's bytes; a list's elements, each with a NUL behind it; a sorted set's members in their
 * order, each as "member score" with a NUL behind it; a set's members in byte order, a hash's fields as
 * "field value" in byte order, each with a NUL behind it. */
struct value {
    enum value_kind kind;
    uint32_t changes; /* in the present step; 0 between two */
    size_t n;
    char data[VALUE_BYTES];
};

#define WATCHED_CHANGED 0x80

/* What a client watches is a bit for each key, WATCHED_CHANGED alone once one of them was changed:
 * the less a state remembers, the more of the checker's ways meet again. */
struct state {
    struct value keys[KEYS];
    uint8_t watched[CLIENTS_MAX];
};

void state_init(struct state *s);
void state_copy(struct state *to, const struct state *from);
/* For telling states apart: 128 bits. */
void state_hash(const struct state *s, const void *more, size_t n, uint64_t hash[2]);

/* Does the operation as the next step; false where the answer in the history is not the model's (s
 * is spoilt then). */
bool model_step(struct state *s, const struct operation *op);

#endif
