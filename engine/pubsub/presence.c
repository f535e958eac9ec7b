#include "pubsub/presence.h"

#include "base/mem.h"

struct room *room_new(void)
{
    return mem_calloc(sizeof(struct room));
}

void room_free(struct room *r)
{
    namemap_release(&r->clients);
    namemap_release(&r->users);
    mem_free(r);
}

bool room_add(struct room *r, uint64_t client, struct bytes user)
{
    struct name_node *node = namemap_get(&r->clients, bytes_of(&client, sizeof client));
    if (node->value)
        return false;
    struct name_node *name = namemap_get(&r->users, user);
    name->value = (void *)((uintptr_t)name->value + 1);
    node->value = name;
    return true;
}

bool room_remove(struct room *r, uint64_t client, struct buf *user)
{
    struct name_node *node = namemap_find(&r->clients, bytes_of(&client, sizeof client));
    if (!node)
        return false;
    struct name_node *name = node->value;
    buf_add_bytes(user, name->name);
    name->value = (void *)((uintptr_t)name->value - 1);
    if (!name->value)
        namemap_remove(&r->users, name);
    namemap_remove(&r->clients, node);
    return true;
}

void room_each(const struct room *r, size_t limit, room_visit *visit, void *ctx)
{
    for (struct name_node *node = namemap_first(&r->clients); node && limit;
         node = namemap_next(&r->clients, node), limit--) {
        struct member m = {.user = ((struct name_node *)node->value)->name};
        memcpy(&m.client, node->name.p, sizeof m.client);
        visit(m, ctx);
    }
}
