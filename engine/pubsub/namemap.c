#include "pubsub/namemap.h"

#include "base/hash.h"
#include "base/mem.h"

#define CAP_MIN 8

struct name_node *namemap_find(const struct namemap *m, struct bytes name)
{
    if (!m->n)
        return NULL;
    uint64_t hash = hash_bytes(name);
    struct name_node *node = m->bucket[hash & (m->cap - 1)];
    while (node && !(node->hash == hash && bytes_eq(node->name, name)))
        node = node->next;
    return node;
}

static void grow(struct namemap *m)
{
    size_t cap = m->cap ? m->cap * 2 : CAP_MIN;
    struct name_node **fresh = mem_calloc(cap * sizeof *fresh);
    for (size_t i = 0; i < m->cap; i++) {
        for (struct name_node *node = m->bucket[i], *next; node; node = next) {
            next = node->next;
            node->next = fresh[node->hash & (cap - 1)];
            fresh[node->hash & (cap - 1)] = node;
        }
    }
    mem_free(m->bucket);
    m->bucket = fresh;
    m->cap = cap;
}

struct name_node *namemap_get(struct namemap *m, struct bytes name)
{
    struct name_node *node = namemap_find(m, name);
    if (node)
        return node;
    if (m->n >= m->cap)
        grow(m);
    node = mem_alloc(sizeof *node + name.n);
    char *text = (char *)(node + 1);
    if (name.n)
        memcpy(text, name.p, name.n);
    *node = (struct name_node){.hash = hash_bytes(name), .name = bytes_of(text, name.n)};
    struct name_node **head = &m->bucket[node->hash & (m->cap - 1)];
    node->next = *head;
    *head = node;
    m->n++;
    return node;
}

void namemap_remove(struct namemap *m, struct name_node *node)
{
    struct name_node **at = &m->bucket[node->hash & (m->cap - 1)];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    mem_free(node);
    if (--m->n == 0)
        namemap_release(m);
}

void namemap_release(struct namemap *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        for (struct name_node *node = m->bucket[i], *next; node; node = next) {
            next = node->next;
            mem_free(node);
        }
    }
    mem_free(m->bucket);
    *m = (struct namemap){0};
}

static struct name_node *from_bucket(const struct namemap *m, size_t i)
{
    for (; i < m->cap; i++) {
        if (m->bucket[i])
            return m->bucket[i];
    }
    return NULL;
}

struct name_node *namemap_first(const struct namemap *m)
{
    return from_bucket(m, 0);
}

struct name_node *namemap_next(const struct namemap *m, const struct name_node *node)
{
    return node->next ? node->next : from_bucket(m, (node->hash & (m->cap - 1)) + 1);
}
