#include "types/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ds/listpack.h"
#include "keyspace/entry.h"
#include "types/registry.h"

struct node {
    uint8_t *lp;
    size_t count;
};

struct list {
    struct node *nodes; /* a ring: node i is at (head + i) & (cap - 1) */
    size_t head, n, cap;
    size_t length;
    bool packed; /* says "listpack" */
};

#define BLOCK_BYTES   ((size_t)8192)
#define ELEMENT_SPARE 64 /* what a listpack adds to its only element, and more */

static struct node *node_at(const struct list *l, size_t i)
{
    return &l->nodes[(l->head + i) & (l->cap - 1)];
}

/* ---- limits ---------------------------------------------------------------------------------- */

static size_t limit_bytes(int limit)
{
    static const size_t bytes[] = {4096, 8192, 16384, 32768, 65536};
    return limit >= 0 ? BLOCK_BYTES : bytes[limit < -5 ? 4 : -limit - 1];
}

static size_t limit_count(int limit)
{
    return limit > 0 ? (size_t)limit : SIZE_MAX;
}

static bool node_takes(const struct node *node, struct bytes value, int limit)
{
    return node->count < limit_count(limit) &&
           lp_bytes(node->lp) + lp_entry_bytes(value) <= limit_bytes(limit);
}

bool list_takes(size_t n)
{
    return n < LP_BYTES_MAX - ELEMENT_SPARE;
}

void list_settle(struct list *l, int limit)
{
    size_t bytes = l->n == 1 ? lp_bytes(node_at(l, 0)->lp) : 0;
    if (l->packed)
        l->packed = l->n == 0 ||
                    (l->n == 1 && bytes <= limit_bytes(limit) && l->length <= limit_count(limit));
    else
        l->packed =
            l->n == 1 && bytes <= limit_bytes(limit) / 2 && l->length <= limit_count(limit) / 2;
}

/* ---- the ring -------------------------------------------------------------------------------- */

static void widen(struct list *l)
{
    size_t cap = l->cap ? l->cap * 2 : 1;
    struct node *nodes = mem_alloc(cap * sizeof *nodes);
    for (size_t i = 0; i < l->n; i++)
        nodes[i] = *node_at(l, i);
    mem_free(l->nodes);
    l->nodes = nodes;
    l->cap = cap;
    l->head = 0;
}

/* A ring that is an eighth full gives half of its room back. */
static void narrow(struct list *l)
{
    if (l->cap < 16 || l->n > l->cap / 8)
        return;
    struct node *nodes = mem_alloc(l->cap / 2 * sizeof *nodes);
    for (size_t i = 0; i < l->n; i++)
        nodes[i] = *node_at(l, i);
    mem_free(l->nodes);
    l->nodes = nodes;
    l->cap /= 2;
    l->head = 0;
}

/* Makes room for a node at i; the shorter side moves. */
static struct node *ring_insert(struct list *l, size_t i, struct node node)
{
    if (l->n == l->cap)
        widen(l);
    if (i < l->n / 2 || i == 0) {
        l->head = (l->head - 1) & (l->cap - 1);
        l->n++;
        for (size_t k = 0; k < i; k++)
            *node_at(l, k) = *node_at(l, k + 1);
    } else {
        l->n++;
        for (size_t k = l->n - 1; k > i; k--)
            *node_at(l, k) = *node_at(l, k - 1);
    }
    *node_at(l, i) = node;
    return node_at(l, i);
}

/* Takes n nodes out from i on; their blocks are freed. */
static void ring_remove(struct list *l, size_t i, size_t n)
{
    for (size_t k = i; k < i + n; k++)
        lp_free(node_at(l, k)->lp);
    if (i < l->n - i - n) {
        for (size_t k = i; k > 0; k--)
            *node_at(l, k + n - 1) = *node_at(l, k - 1);
        l->head = (l->head + n) & (l->cap - 1);
    } else {
        for (size_t k = i + n; k < l->n; k++)
            *node_at(l, k - n) = *node_at(l, k);
    }
    l->n -= n;
    narrow(l);
}

/* ---- lifetime -------------------------------------------------------------------------------- */

struct list *list_new(void)
{
    struct list *l = mem_calloc(sizeof *l);
    l->packed = true;
    return l;
}

void list_free(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        lp_free(node_at(l, i)->lp);
    mem_free(l->nodes);
    mem_free(l);
}

struct list *list_dup(const struct list *l)
{
    struct list *copy = mem_alloc(sizeof *copy);
    *copy = *l;
    copy->nodes = mem_alloc(l->cap * sizeof *copy->nodes);
    copy->head = 0;
    for (size_t i = 0; i < l->n; i++)
        copy->nodes[i] = (struct node){lp_dup(node_at(l, i)->lp), node_at(l, i)->count};
    return copy;
}

size_t list_length(const struct list *l)
{
    return l->length;
}

const char *list_encoding(const struct list *l)
{
    return l->packed ? "listpack" : "quicklist";
}

/* Sampled: the first blocks stand for the others. */
size_t list_mem_bytes(const struct list *l)
{
    size_t seen = l->n < 8 ? l->n : 8, bytes = 0;
    for (size_t i = 0; i < seen; i++)
        bytes += mem_usable(node_at(l, i)->lp);
    if (seen < l->n)
        bytes = (size_t)((double)bytes / (double)seen * (double)l->n);
    return mem_usable(l) + mem_usable(l->nodes) + bytes;
}

/* ---- ends ------------------------------------------------------------------------------------ */

void list_push(struct list *l, enum list_end end, struct bytes value, int limit)
{
    struct node *node = l->n ? node_at(l, end == LIST_HEAD ? 0 : l->n - 1) : NULL;
    if (!node || !node_takes(node, value, limit))
        node = ring_insert(l, end == LIST_HEAD ? 0 : l->n, (struct node){lp_new(0), 0});
    node->lp = end == LIST_HEAD ? lp_prepend(node->lp, value) : lp_append(node->lp, value);
    node->count++;
    l->length++;
    if (l->packed)
        list_settle(l, limit);
}

void list_peek(const struct list *l, enum list_end end, struct list_item *item)
{
    const struct node *node = node_at(l, end == LIST_HEAD ? 0 : l->n - 1);
    item->value =
        lp_get_bytes(end == LIST_HEAD ? lp_first(node->lp) : lp_last(node->lp), item->scratch);
}

/* Removes `count` elements of node i from its element `from` on; the whole node where that is all.
 */
static void node_delete(struct list *l, size_t i, size_t from, size_t count)
{
    struct node *node = node_at(l, i);
    l->length -= count;
    if (count == node->count) {
        ring_remove(l, i, 1);
        return;
    }
    node->count -= count;
    bool tail = from == node->count;
    node->lp = lp_delete_range(node->lp, tail ? -(int64_t)count : (int64_t)from, count);
}

void list_drop(struct list *l, enum list_end end, size_t n, int limit)
{
    n = n < l->length ? n : l->length;
    list_delete(l, end == LIST_HEAD ? 0 : l->length - n, n, limit);
}

/* ---- places ---------------------------------------------------------------------------------- */

/* The node that holds element i, and the element's number within; counted from the nearer end. */
static size_t locate(const struct list *l, size_t i, size_t *within)
{
    if (i < l->length / 2) {
        size_t node = 0;
        while (i >= node_at(l, node)->count)
            i -= node_at(l, node++)->count;
        *within = i;
        return node;
    }
    size_t node = l->n - 1, after = l->length - i; /* elements from i to the end */
    while (after > node_at(l, node)->count)
        after -= node_at(l, node--)->count;
    *within = node_at(l, node)->count - after;
    return node;
}

static uint8_t *seek(const struct node *node, size_t within)
{
    bool near_tail = within > node->count / 2;
    return lp_seek(node->lp, near_tail ? (int64_t)within - (int64_t)node->count : (int64_t)within);
}

bool list_get(const struct list *l, size_t i, struct list_item *item)
{
    size_t within;
    if (i >= l->length)
        return false;
    const struct node *node = node_at(l, locate(l, i, &within));
    item->value = lp_get_bytes(seek(node, within), item->scratch);
    return true;
}

void list_delete(struct list *l, size_t i, size_t n, int limit)
{
    size_t within;
    if (n == 0)
        return;
    size_t at = locate(l, i, &within);
    if (within) { /* the tail of the first node */
        size_t here = node_at(l, at)->count - within;
        here = here < n ? here : n;
        node_delete(l, at++, within, here);
        n -= here;
    }
    size_t whole = 0;
    while (at + whole < l->n && n >= node_at(l, at + whole)->count && n > 0) {
        n -= node_at(l, at + whole)->count;
        l->length -= node_at(l, at + whole)->count;
        whole++;
    }
    if (whole)
        ring_remove(l, at, whole);
    if (n)
        node_delete(l, at, 0, n);
    list_settle(l, limit);
}

/* ---- walking --------------------------------------------------------------------------------- */

void list_iter_init(struct list_iter *it, struct list *l, size_t i, bool reverse)
{
    size_t within;
    *it = (struct list_iter){.l = l, .reverse = reverse};
    if (i >= l->length)
        return;
    it->node = locate(l, i, &within);
    it->next = seek(node_at(l, it->node), within);
}

/* Where the walk goes from node i when that one is used up. */
static void enter_neighbour(struct list_iter *it)
{
    it->next = NULL;
    if (it->reverse ? it->node == 0 : it->node + 1 >= it->l->n)
        return;
    it->node += it->reverse ? (size_t)-1 : 1;
    const struct node *node = node_at(it->l, it->node);
    it->next = it->reverse ? lp_last(node->lp) : lp_first(node->lp);
}

bool list_iter_step(struct list_iter *it)
{
    if (!it->next)
        return false;
    const uint8_t *lp = node_at(it->l, it->node)->lp;
    it->at = it->next;
    it->at_node = it->node;
    it->next = it->reverse ? lp_prev(lp, it->at) : lp_next(lp, it->at);
    if (!it->next)
        enter_neighbour(it);
    return true;
}

void list_iter_value(const struct list_iter *it, struct list_item *item)
{
    item->value = lp_get_bytes(it->at, item->scratch);
}

bool list_iter_equal(const struct list_iter *it, struct bytes value)
{
    return lp_equal(it->at, value);
}

/* ---- edits by an iterator -------------------------------------------------------------------- */

/* The whole node goes: the walk is in its neighbour already, or over. */
static void delete_node(struct list_iter *it)
{
    ring_remove(it->l, it->at_node, 1);
    if (it->node > it->at_node)
        it->node--;
}

void list_iter_delete(struct list_iter *it)
{
    struct node *node = node_at(it->l, it->at_node);
    bool same = it->next && it->node == it->at_node;
    it->l->length--;
    if (--node->count == 0) {
        delete_node(it);
        return;
    }
    uint8_t *at = it->at;
    node->lp = lp_delete(node->lp, &at); /* at: the one behind, NULL at the end */
    if (same && it->reverse)
        it->next = at ? lp_prev(node->lp, at) : lp_last(node->lp);
    else if (same)
        it->next = at;
}

/* Cuts node i before the element `at`, which becomes the first of node i + 1. */
static void split(struct list *l, size_t i, const uint8_t *at)
{
    struct node *left = node_at(l, i);
    struct node right = {lp_new(0), 0};
    char scratch[NUM_INT_MAX];
    for (const uint8_t *p = at; p; p = lp_next(left->lp, p), right.count++)
        right.lp = lp_append(right.lp, lp_get_bytes(p, scratch));
    uint8_t *from = (uint8_t *)(uintptr_t)at;
    left->lp = lp_shrink(lp_delete_range_at(left->lp, &from, right.count));
    left->count -= right.count;
    ring_insert(l, i + 1, right);
}

/* Between node i - 1 and node i; into one of them where it fits. */
static void insert_between(struct list *l, size_t i, struct bytes value, int limit)
{
    if (i > 0 && node_takes(node_at(l, i - 1), value, limit)) {
        struct node *node = node_at(l, i - 1);
        node->lp = lp_append(node->lp, value);
        node->count++;
    } else if (i < l->n && node_takes(node_at(l, i), value, limit)) {
        struct node *node = node_at(l, i);
        node->lp = lp_prepend(node->lp, value);
        node->count++;
    } else {
        ring_insert(l, i, (struct node){lp_append(lp_new(0), value), 1});
    }
}

void list_iter_insert(struct list_iter *it, bool after, struct bytes value, int limit)
{
    struct list *l = it->l;
    struct node *node = node_at(l, it->at_node);
    l->length++;
    if (node_takes(node, value, limit)) {
        uint8_t *at = it->at;
        node->lp = lp_insert(node->lp, &at, after ? LP_AFTER : LP_BEFORE, value);
        node->count++;
    } else {
        const uint8_t *right =
            after ? lp_next(node->lp, it->at) : it->at; /* what will stand behind it */
        bool cut = right && right != lp_first(node->lp);
        if (cut)
            split(l, it->at_node, right);
        insert_between(l, it->at_node + (cut || after), value, limit);
    }
    list_settle(l, limit);
}

void list_iter_replace(struct list_iter *it, struct bytes value, int limit)
{
    struct node *node = node_at(it->l, it->at_node);
    size_t grown = lp_bytes(node->lp) + lp_entry_bytes(value);
    if (grown <= limit_bytes(limit) || node->count == 1) {
        uint8_t *at = it->at;
        node->lp = lp_replace(node->lp, &at, value);
        list_settle(it->l, limit);
        return;
    }
    bool cut = it->at != lp_first(node->lp);
    if (cut)
        split(it->l, it->at_node, it->at);
    size_t place = it->at_node + cut;
    node_delete(it->l, place, 0, 1);
    insert_between(it->l, place, value, limit);
    it->l->length++;
    list_settle(it->l, limit);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

size_t list_blocks(const struct list *l)
{
    return l->n;
}

const uint8_t *list_block(const struct list *l, size_t i)
{
    return node_at(l, i)->lp;
}

void list_add_block(struct list *l, uint8_t *lp, int limit)
{
    struct node node = {lp, lp_length(lp)};
    ring_insert(l, l->n, node);
    l->length += node.count;
    list_settle(l, limit);
}

/* ---- what the keyspace must know --------------------------------------------------------------
 */

static void require(bool holds)
{
    if (!holds)
        abort();
}

void list_check(const struct list *l)
{
    size_t sum = 0;
    require(l->n <= l->cap && (l->cap & (l->cap - 1)) == 0);
    for (size_t i = 0; i < l->n; i++) {
        const struct node *node = node_at(l, i);
        lp_check(node->lp);
        require(node->count > 0 && lp_length(node->lp) == node->count);
        sum += node->count;
    }
    require(sum == l->length && (!l->packed || l->n <= 1));
}

static void free_object(void *object)
{
    list_free(object);
}

static void *dup_object(const void *object)
{
    return list_dup(object);
}

static size_t mem_bytes_of(const void *object)
{
    return list_mem_bytes(object);
}

static size_t free_effort_of(const void *object)
{
    return ((const struct list *)object)->n;
}

static const char *encoding_of(const void *object)
{
    return list_encoding(object);
}

static size_t length_of(const void *object)
{
    return list_length(object);
}

const struct type_ops list_ops = {
    .name = "list",
    .free = free_object,
    .dup = dup_object,
    .mem_bytes = mem_bytes_of,
    .free_effort = free_effort_of,
    .encoding = encoding_of,
    .length = length_of,
};
