#include "ds/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FANOUT     32
#define HEIGHT_MAX 32

struct slot {
    struct id id;
    void *value;
};

struct idmap_leaf {
    struct idmap_leaf *prev, *next;
    uint16_t n, cap;
    struct slot at[];
};

/* keys[0] is not used. */
struct branch {
    uint16_t n;
    struct id keys[FANOUT];
    void *child[FANOUT];
};

/* The way from the root to a leaf: at each level the branch, and which of its children. */
struct path {
    struct branch *node[HEIGHT_MAX];
    unsigned child[HEIGHT_MAX];
    struct idmap_leaf *leaf;
};

/* ---- finding ------------------------------------------------------------------------------------
 */

/* The child whose range holds id. */
static unsigned branch_find(const struct branch *b, struct id id)
{
    unsigned low = 0, high = b->n;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (id_cmp(b->keys[mid], id) <= 0)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* The first place whose id is not below. */
static unsigned leaf_find(const struct idmap_leaf *l, struct id id)
{
    unsigned low = 0, high = l->n;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (id_cmp(l->at[mid].id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void descend(const struct idmap *m, struct id id, struct path *p)
{
    void *node = m->root;
    for (unsigned level = 0; level < m->height; level++) {
        struct branch *b = node;
        p->node[level] = b;
        p->child[level] = branch_find(b, id);
        node = b->child[p->child[level]];
    }
    p->leaf = node;
}

static struct idmap_leaf *leaf_of(const struct idmap *m, struct id id)
{
    void *node = m->root;
    for (unsigned level = 0; level < m->height; level++) {
        struct branch *b = node;
        node = b->child[branch_find(b, id)];
    }
    return node;
}

static bool place(struct idmap_at *at, struct idmap_leaf *l, unsigned i)
{
    *at = (struct idmap_at){.leaf = l, .i = i};
    if (!l)
        return false;
    at->id = l->at[i].id;
    at->value = l->at[i].value;
    return true;
}

void *idmap_get(const struct idmap *m, struct id id)
{
    if (!m->root)
        return NULL;
    struct idmap_leaf *l = leaf_of(m, id);
    unsigned i = leaf_find(l, id);
    return i < l->n && id_cmp(l->at[i].id, id) == 0 ? l->at[i].value : NULL;
}

bool idmap_ge(const struct idmap *m, struct id id, struct idmap_at *at)
{
    if (!m->root)
        return place(at, NULL, 0);
    struct idmap_leaf *l = leaf_of(m, id);
    unsigned i = leaf_find(l, id);
    if (i == l->n)
        return place(at, l->next, 0);
    return place(at, l, i);
}

bool idmap_le(const struct idmap *m, struct id id, struct idmap_at *at)
{
    if (!m->root)
        return place(at, NULL, 0);
    struct idmap_leaf *l = leaf_of(m, id);
    unsigned i = leaf_find(l, id);
    if (i < l->n && id_cmp(l->at[i].id, id) == 0)
        return place(at, l, i);
    if (i > 0)
        return place(at, l, i - 1);
    return place(at, l->prev, l->prev ? l->prev->n - 1u : 0);
}

bool idmap_first(const struct idmap *m, struct idmap_at *at)
{
    return idmap_ge(m, ID_MIN, at);
}

bool idmap_last(const struct idmap *m, struct idmap_at *at)
{
    return idmap_le(m, ID_MAX, at);
}

bool idmap_next(struct idmap_at *at)
{
    if (!at->leaf)
        return false;
    if (at->i + 1 < at->leaf->n)
        return place(at, at->leaf, at->i + 1);
    return place(at, at->leaf->next, 0);
}

bool idmap_prev(struct idmap_at *at)
{
    if (!at->leaf)
        return false;
    if (at->i > 0)
        return place(at, at->leaf, at->i - 1);
    struct idmap_leaf *prev = at->leaf->prev;
    return place(at, prev, prev ? prev->n - 1u : 0);
}

void idmap_set(struct idmap_at *at, void *value)
{
    at->leaf->at[at->i].value = value;
    at->value = value;
}

/* ---- putting ------------------------------------------------------------------------------------
 */

static struct idmap_leaf *leaf_resize(struct idmap_leaf *l, unsigned cap)
{
    bool fresh = !l;
    l = mem_realloc(l, sizeof *l + cap * sizeof l->at[0]);
    if (fresh)
        *l = (struct idmap_leaf){0};
    l->cap = (uint16_t)cap;
    return l;
}

static void leaf_insert(struct idmap_leaf *l, unsigned i, struct id id, void *value)
{
    memmove(&l->at[i + 1], &l->at[i], (l->n - i) * sizeof l->at[0]);
    l->at[i] = (struct slot){id, value};
    l->n++;
}

static void branch_insert(struct branch *b, unsigned i, struct id key, void *child)
{
    memmove(&b->keys[i + 1], &b->keys[i], (b->n - i) * sizeof b->keys[0]);
    memmove(&b->child[i + 1], &b->child[i], (b->n - i) * sizeof b->child[0]);
    b->keys[i] = key;
    b->child[i] = child;
    b->n++;
}

/* A new root over the old one and `right`, whose ids begin at key. */
static void grow_root(struct idmap *m, struct id key, void *right)
{
    struct branch *root = mem_alloc(sizeof *root);
    root->n = 2;
    root->keys[0] = ID_MIN;
    root->keys[1] = key;
    root->child[0] = m->root;
    root->child[1] = right;
    m->root = root;
    m->height++;
}

/* A node was cut: its right part, with the ids from key on, goes into the branches above, from
 * `level` up. */
static void insert_child(struct idmap *m, struct path *p, unsigned level, struct id key,
                         void *right)
{
    while (level-- > 0) {
        struct branch *b = p->node[level];
        unsigned i = p->child[level] + 1;
        if (b->n < FANOUT) {
            branch_insert(b, i, key, right);
            return;
        }
        struct branch *next = mem_alloc(sizeof *next);
        unsigned keep = i == FANOUT ? FANOUT : FANOUT / 2;
        next->n = (uint16_t)(FANOUT - keep);
        memcpy(next->keys, &b->keys[keep], next->n * sizeof b->keys[0]);
        memcpy(next->child, &b->child[keep], next->n * sizeof b->child[0]);
        b->n = (uint16_t)keep;
        struct id next_key = next->n ? next->keys[0] : key;
        if (i <= keep && next->n)
            branch_insert(b, i, key, right);
        else
            branch_insert(next, i - keep, key, right);
        key = next_key;
        right = next;
    }
    grow_root(m, key, right);
}

/* Cuts a full leaf where an id is to go to place i; returns the leaf and place for it. */
static struct idmap_leaf *cut_leaf(struct idmap *m, struct path *p, unsigned *i, struct id id)
{
    struct idmap_leaf *l = p->leaf, *right = leaf_resize(NULL, IDMAP_LEAF);
    bool last = *i == IDMAP_LEAF && !l->next;
    unsigned keep = last ? IDMAP_LEAF : IDMAP_LEAF / 2;
    right->n = (uint16_t)(IDMAP_LEAF - keep);
    memcpy(right->at, &l->at[keep], right->n * sizeof l->at[0]);
    l->n = (uint16_t)keep;
    right->prev = l;
    right->next = l->next;
    if (l->next)
        l->next->prev = right;
    l->next = right;
    insert_child(m, p, m->height, last ? id : right->at[0].id, right);
    if (!last && *i <= keep)
        return l;
    *i -= keep;
    return right;
}

bool idmap_put(struct idmap *m, struct id id, void *value)
{
    struct path p;
    if (!m->root)
        m->root = leaf_resize(NULL, 1);
    descend(m, id, &p);
    unsigned i = leaf_find(p.leaf, id);
    if (i < p.leaf->n && id_cmp(p.leaf->at[i].id, id) == 0) {
        p.leaf->at[i].value = value;
        return false;
    }
    if (p.leaf->n == IDMAP_LEAF)
        p.leaf = cut_leaf(m, &p, &i, id);
    else if (p.leaf->n == p.leaf->cap) /* the only leaf: no other has less room */
        m->root = p.leaf = leaf_resize(p.leaf, p.leaf->cap * 2u);
    leaf_insert(p.leaf, i, id, value);
    m->n++;
    return true;
}

/* ---- taking out ---------------------------------------------------------------------------------
 */

static void branch_remove(struct branch *b, unsigned i)
{
    memmove(&b->keys[i], &b->keys[i + 1], (b->n - i - 1) * sizeof b->keys[0]);
    memmove(&b->child[i], &b->child[i + 1], (b->n - i - 1) * sizeof b->child[0]);
    b->n--;
}

static void unlink_leaf(struct idmap_leaf *l)
{
    if (l->prev)
        l->prev->next = l->next;
    if (l->next)
        l->next->prev = l->prev;
    mem_free(l);
}

/* Moves all of child i + 1 into child i, if it fits; the children are leaves. */
static bool join_leaves(struct branch *b, unsigned i)
{
    struct idmap_leaf *l = b->child[i], *r = b->child[i + 1];
    if (l->n + r->n > IDMAP_LEAF * 3 / 4)
        return false;
    memcpy(&l->at[l->n], r->at, r->n * sizeof r->at[0]);
    l->n = (uint16_t)(l->n + r->n);
    unlink_leaf(r);
    branch_remove(b, i + 1);
    return true;
}

static bool join_branches(struct branch *b, unsigned i)
{
    struct branch *l = b->child[i], *r = b->child[i + 1];
    if (l->n + r->n > FANOUT * 3 / 4)
        return false;
    r->keys[0] = b->keys[i + 1];
    memcpy(&l->keys[l->n], r->keys, r->n * sizeof r->keys[0]);
    memcpy(&l->child[l->n], r->child, r->n * sizeof r->child[0]);
    l->n = (uint16_t)(l->n + r->n);
    mem_free(r);
    branch_remove(b, i + 1);
    return true;
}

/* A child of p->node[level] has become small or empty. */
static void settle(struct idmap *m, struct path *p, unsigned level)
{
    struct branch *b = p->node[level];
    unsigned i = p->child[level];
    bool (*join)(struct branch *, unsigned) = level + 1 == m->height ? join_leaves : join_branches;
    if (i + 1 < b->n && join(b, i))
        return;
    if (i > 0)
        join(b, i - 1);
}

static void shrink_root(struct idmap *m)
{
    while (m->height > 0 && ((struct branch *)m->root)->n == 1) {
        struct branch *root = m->root;
        m->root = root->child[0];
        m->height--;
        mem_free(root);
    }
}

/* The leaf of p, now empty, goes, and each branch that it leaves empty. */
static void remove_leaf(struct idmap *m, struct path *p)
{
    unsigned level = m->height;
    unlink_leaf(p->leaf);
    while (level > 0) {
        struct branch *b = p->node[--level];
        branch_remove(b, p->child[level]);
        if (b->n > 0) {
            if (level > 0 && b->n <= FANOUT / 4)
                settle(m, p, level - 1);
            shrink_root(m);
            return;
        }
        mem_free(b);
    }
    idmap_init(m);
}

void *idmap_take(struct idmap *m, struct id id)
{
    struct path p;
    if (!m->root)
        return NULL;
    descend(m, id, &p);
    struct idmap_leaf *l = p.leaf;
    unsigned i = leaf_find(l, id);
    if (i == l->n || id_cmp(l->at[i].id, id) != 0)
        return NULL;
    void *value = l->at[i].value;
    l->n--;
    memmove(&l->at[i], &l->at[i + 1], (l->n - i) * sizeof l->at[0]);
    m->n--;
    if (l->n == 0) {
        remove_leaf(m, &p);
    } else if (m->height > 0 && l->n <= IDMAP_LEAF / 4) {
        settle(m, &p, m->height - 1);
        for (unsigned level = m->height - 1; level > 0 && p.node[level]->n <= FANOUT / 4; level--)
            settle(m, &p, level - 1);
        shrink_root(m);
    }
    return value;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static void free_node(void *node, unsigned height)
{
    struct branch *b = node;
    for (unsigned i = 0; height > 0 && i < b->n; i++)
        free_node(b->child[i], height - 1);
    mem_free(node);
}

void idmap_release(struct idmap *m)
{
    if (m->root)
        free_node(m->root, m->height);
    idmap_init(m);
}

static size_t node_bytes(const void *node, unsigned height)
{
    const struct branch *b = node;
    size_t n = mem_usable(node);
    for (unsigned i = 0; height > 0 && i < b->n; i++)
        n += node_bytes(b->child[i], height - 1);
    return n;
}

size_t idmap_mem_bytes(const struct idmap *m)
{
    return m->root ? node_bytes(m->root, m->height) : 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct check {
    size_t n;
    const struct idmap_leaf *last;
};

/* The node's ids are at or above low, and below high where that is given. */
static void check_node(const void *node, unsigned height, struct id low, const struct id *high,
                       struct check *c)
{
    if (height == 0) {
        const struct idmap_leaf *l = node;
        require(l->n > 0 && l->n <= l->cap && l->prev == c->last &&
                (!c->last || c->last->next == l));
        for (unsigned i = 0; i < l->n; i++) {
            require(id_cmp(l->at[i].id, low) >= 0 && (!high || id_cmp(l->at[i].id, *high) < 0));
            require(l->at[i].value && (i == 0 || id_cmp(l->at[i - 1].id, l->at[i].id) < 0));
        }
        c->n += l->n;
        c->last = l;
        return;
    }
    const struct branch *b = node;
    require(b->n > 0 && b->n <= FANOUT);
    for (unsigned i = 0; i < b->n; i++)
        check_node(b->child[i], height - 1, i ? b->keys[i] : low,
                   i + 1 < b->n ? &b->keys[i + 1] : high, c);
}

void idmap_check(const struct idmap *m)
{
    struct check c = {0};
    require((m->root != NULL) == (m->n > 0) && (m->root || m->height == 0));
    if (!m->root)
        return;
    check_node(m->root, m->height, ID_MIN, NULL, &c);
    require(c.n == m->n && !c.last->next);
}
