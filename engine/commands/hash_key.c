#include "commands/hash_key.h"

#include "engine.h"

bool hash_key_read(struct exec *x, const struct hash **h)
{
    void *object;
    if (!exec_read_object(x, 0, TYPE_HASH, &object))
        return false;
    *h = object;
    return true;
}

bool hash_key_open(struct exec *x, struct hash_key *k)
{
    if (!exec_peek_typed(x, 0, TYPE_HASH, &k->e))
        return false;
    k->h = k->e ? entry_object(k->e) : NULL;
    return true;
}

void hash_key_make(struct hash_key *k)
{
    if (!k->h)
        k->h = hash_new();
}

void hash_key_store(struct exec *x, struct hash_key *k)
{
    if (k->e) {
        keyspace_inner_deadline_locked(x->ks, x->db, &x->keys[0], k->e);
    } else if (k->h && hash_length_all(k->h) > 0) {
        k->e = exec_put_object(x, 0, TYPE_HASH, k->h);
    } else if (k->h) {
        hash_free(k->h);
        k->h = NULL;
    }
}

void hash_key_drop_if_empty(struct exec *x, struct hash_key *k)
{
    if (k->e && exec_delete_if_empty(x, 0, k->e))
        *k = (struct hash_key){0};
}

struct hash_write hash_write_now(struct exec *x)
{
    const struct config *c = engine_config(x->engine);
    return (struct hash_write){
        .limits = {(size_t)config_int(c, CONFIG_HASH_MAX_LISTPACK_ENTRIES),
                   (size_t)config_int(c, CONFIG_HASH_MAX_LISTPACK_VALUE)},
        .now_ms = x->now_ms,
    };
}

void hash_wrong_arity(struct exec *x)
{
    reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for '%s' command",
                 x->cmd->row->name);
}

void hash_reply_field(struct exec *x, const struct hash *h, struct bytes field)
{
    struct hash_item item;
    if (h && hash_get(h, field, x->now_ms, &item))
        reply_bulk(x->reply, item.value);
    else
        reply_null(x->reply);
}
