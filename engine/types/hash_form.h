/* Inside of the hash type: its two forms, packed (a listpack of pairs or triples) and fields (a
 * table). Only types/hash*.c includes this. The forms know no clock: whether a field is past its
 * deadline is decided in hash.c, a form just keeps deadlines. */
#ifndef ATRIUM_TYPES_HASH_FORM_H
#define ATRIUM_TYPES_HASH_FORM_H

#include "ds/listpack.h"
#include "types/hash.h"

enum hash_form { HASH_PAIRS, HASH_TRIPLES, HASH_FIELDS };

struct hash_fields;

struct hash {
    enum hash_form form;
    union {
        uint8_t *pack;              /* HASH_PAIRS, HASH_TRIPLES */
        struct hash_fields *fields; /* HASH_FIELDS */
    };
    void *keyspace_word;
};

static inline bool hash_item_due(const struct hash_item *item, uint64_t now_ms)
{
    return item->expire_at_ms != 0 && item->expire_at_ms <= now_ms;
}

/* ---- packed (hash_pack.c): functions of the hash, since a deadline turns pairs into triples
 * --------- */

static inline unsigned hash_pack_stride(const struct hash *h)
{
    return h->form == HASH_TRIPLES ? 3 : 2;
}

/* The field's position, NULL where missing. */
uint8_t *hash_pack_find(const struct hash *h, struct bytes field);
void hash_pack_read(const struct hash *h, const uint8_t *at, struct hash_item *item);
/* The position of the next field, NULL at the end. */
uint8_t *hash_pack_next(const struct hash *h, const uint8_t *at);
size_t hash_pack_count(const struct hash *h);
/* May one more field with these parts be in the pack? */
bool hash_pack_takes(const struct hash *h, struct bytes field, struct bytes value,
                     const struct hash_limits *limits, bool is_new);
void hash_pack_add(struct hash *h, struct bytes field, struct bytes value, uint64_t expire_at_ms);
/* Of the field at `at`, which is not valid any more then. */
void hash_pack_replace(struct hash *h, uint8_t *at, struct bytes value, uint64_t expire_at_ms);
void hash_pack_set_deadline(struct hash *h, uint8_t *at, uint64_t expire_at_ms);
void hash_pack_remove(struct hash *h, uint8_t *at);
/* Fields with a deadline <= now. */
size_t hash_pack_due(const struct hash *h, uint64_t now_ms);
uint64_t hash_pack_first_deadline(const struct hash *h);
size_t hash_pack_remove_due(struct hash *h, uint64_t now_ms, size_t max,
                            void (*each)(struct bytes field, void *ctx), void *ctx);
/* Turns it into the other form. */
void hash_pack_unpack(struct hash *h);
void hash_pack_check(const struct hash *h);

#endif
