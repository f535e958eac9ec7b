/* What the keyspace must know of hashes. */
#include "keyspace/entry.h"
#include "types/hash.h"
#include "types/registry.h"

static void free_object(void *object)
{
    hash_free(object);
}

static void *dup_object(const void *object)
{
    return hash_dup(object);
}

static size_t mem_bytes(const void *object)
{
    return hash_mem_bytes(object);
}

/* A packed hash is one block, a table a few: long values alone make it dear. */
static size_t free_effort(const void *object)
{
    return hash_mem_bytes(object) / 4096;
}

static const char *encoding(const void *object)
{
    return hash_encoding(object);
}

static uint64_t next_deadline_ms(const void *object)
{
    return hash_next_expiry_ms(object);
}

static size_t expire_some(void *object, uint64_t now_ms, size_t max,
                          void (*each)(struct bytes part, void *ctx), void *ctx)
{
    return hash_expire_some(object, now_ms, max, each, ctx);
}

static void **keyspace_word(void *object)
{
    return hash_keyspace_word(object);
}

static size_t length(const void *object)
{
    return hash_length_all(object);
}

const struct type_ops hash_ops = {
    .name = "hash",
    .free = free_object,
    .dup = dup_object,
    .mem_bytes = mem_bytes,
    .free_effort = free_effort,
    .encoding = encoding,
    .next_deadline_ms = next_deadline_ms,
    .expire_some = expire_some,
    .keyspace_word = keyspace_word,
    .length = length,
};
