/* What the keyspace knows of streams. */
#include "keyspace/entry.h"
#include "types/registry.h"
#include "types/stream_group.h"

static void free_object(void *s)
{
    stream_free(s);
}

static void *dup_object(const void *s)
{
    return stream_dup(s);
}

static size_t mem_bytes_of(const void *s)
{
    return stream_mem_bytes(s);
}

static size_t free_effort_of(const void *object)
{
    const struct stream *s = object;
    size_t n = s->nodes.n;
    for (size_t i = 0; i < s->groups.n; i++)
        n += 1 + stream_group_at(s, i)->pending.n + stream_group_at(s, i)->consumers.n;
    return n;
}

static const char *encoding_of(const void *s)
{
    (void)s;
    return "stream";
}

static size_t length_of(const void *object)
{
    const struct stream *s = object;
    return s->length;
}

const struct type_ops stream_ops = {
    .name = "stream",
    .free = free_object,
    .dup = dup_object,
    .mem_bytes = mem_bytes_of,
    .free_effort = free_effort_of,
    .encoding = encoding_of,
    .length = length_of,
};
