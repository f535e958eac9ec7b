#include "pubsub/spent_keys.h"

#include "base/hash.h"
#include "base/mem.h"

struct spent_key {
    struct spent_key *newer;
    struct name_node *node;
    uint64_t data_hash, until_ms;
    size_t data_bytes;
    struct publication first;
};

static struct name_node *find(const struct spent_keys *k, struct bytes channel, struct bytes key,
                              struct buf *name)
{
    buf_init(name);
    buf_printf(name, "%zu ", key.n);
    buf_add_bytes(name, key);
    buf_add_bytes(name, channel);
    return namemap_find(&k->map, buf_bytes(name));
}

static size_t cost(const struct spent_key *s)
{
    return sizeof *s + sizeof *s->node + s->node->name.n;
}

static void drop_oldest(struct spent_keys *k)
{
    struct spent_key *s = k->oldest;
    k->oldest = s->newer;
    if (!k->oldest)
        k->newest = NULL;
    k->bytes -= cost(s);
    namemap_remove(&k->map, s->node);
    mem_free(s);
}

bool spent_keys_find(const struct spent_keys *k, struct bytes channel, struct bytes key,
                     struct bytes data, uint64_t now_ms, struct publication *first)
{
    struct buf name;
    struct name_node *node = find(k, channel, key, &name);
    buf_release(&name);
    const struct spent_key *s = node ? node->value : NULL;
    if (!s || now_ms >= s->until_ms)
        return false;
    *first = s->first;
    first->repeated = s->data_bytes == data.n && s->data_hash == hash_bytes(data);
    first->conflict = !first->repeated;
    return true;
}

void spent_keys_add(struct spent_keys *k, struct bytes channel, struct bytes key, struct bytes data,
                    uint64_t now_ms, struct publication first, size_t bytes_max)
{
    struct buf name;
    spent_keys_expire(k, now_ms);
    if (find(k, channel, key, &name)) { /* the clock went back: the old answer stays */
        buf_release(&name);
        return;
    }
    struct spent_key *s = mem_calloc(sizeof *s);
    s->node = namemap_get(&k->map, buf_bytes(&name));
    buf_release(&name);
    s->node->value = s;
    s->data_hash = hash_bytes(data);
    s->data_bytes = data.n;
    s->until_ms = now_ms + IDEMPOTENCY_KEPT_MS;
    s->first = first;
    if (k->newest)
        k->newest->newer = s;
    else
        k->oldest = s;
    k->newest = s;
    k->bytes += cost(s);
    while (k->bytes > bytes_max)
        drop_oldest(k);
}

void spent_keys_expire(struct spent_keys *k, uint64_t now_ms)
{
    while (k->oldest && now_ms >= k->oldest->until_ms)
        drop_oldest(k);
}

void spent_keys_release(struct spent_keys *k)
{
    while (k->oldest)
        drop_oldest(k);
    namemap_release(&k->map);
}
