#include "ds/btree.h"

#include <assert.h>

#include "base/mem.h"

/* For each child: its first item, the items below it, the child. */
struct inner {
    uint32_t n;
    double score[BTREE_INNER_MAX];
    uint32_t handle[BTREE_INNER_MAX];
    uint32_t count[BTREE_INNER_MAX];
    void *child[BTREE_INNER_MAX];
};

void btree_init(struct btree *t, btree_member *member, const void *owner)
{
    *t = (struct btree){.member = member, .owner = owner};
}

static void *new_node(struct btree *t, size_t bytes)
{
    t->nodes_bytes += bytes;
    return mem_calloc(bytes);
}

static void free_node(struct btree *t, void *node, size_t bytes)
{
    t->nodes_bytes -= bytes;
    mem_free(node);
}

static void release_below(void *node, unsigned level)
{
    struct inner *in = node;
    for (uint32_t i = 0; level && i < in->n; i++)
        release_below(in->child[i], level - 1);
    mem_free(node);
}

void btree_release(struct btree *t)
{
    if (t->root)
        release_below(t->root, t->height);
    btree_init(t, t->member, t->owner);
}

/* ---- comparing -------------------------------------------------------------------------------------- */

/* Is the item below the key? */
static bool below(const struct btree *t, double score, uint32_t handle, const struct btree_key *key)
{
    if (!key->lex && score != key->score)
        return score < key->score;
    if (key->kind != BTREE_MEMBER)
        return key->kind == BTREE_ABOVE_ALL;
    int c = bytes_cmp(t->member(t->owner, handle), key->member);
    return c < 0 || (c == 0 && key->after);
}

/* How many of the n items are below the key. */
static uint32_t count_below(const struct btree *t, const double *score, const uint32_t *handle,
                            uint32_t n, const struct btree_key *key)
{
    uint32_t lo = 0;
    while (n) {
        uint32_t half = n / 2;
        if (below(t, score[lo + half], handle[lo + half], key)) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

/* The child in which the key's place is: the last one whose first item is below it, else the first. */
static uint32_t child_for(const struct btree *t, const struct inner *in,
                          const struct btree_key *key)
{
    uint32_t i = count_below(t, in->score, in->handle, in->n, key);
    return i ? i - 1 : 0;
}

static struct btree_key key_of(const struct btree *t, double score, uint32_t handle)
{
    return (struct btree_key){
        .score = score, .kind = BTREE_MEMBER, .member = t->member(t->owner, handle)};
}

/* ---- items within nodes ------------------------------------------------------------------------------- */

static void leaf_move(struct btree_leaf *to, uint32_t at, struct btree_leaf *from, uint32_t i,
                      uint32_t n)
{
    memmove(&to->score[at], &from->score[i], n * sizeof *to->score);
    memmove(&to->handle[at], &from->handle[i], n * sizeof *to->handle);
}

static void inner_move(struct inner *to, uint32_t at, struct inner *from, uint32_t i, uint32_t n)
{
    memmove(&to->score[at], &from->score[i], n * sizeof *to->score);
    memmove(&to->handle[at], &from->handle[i], n * sizeof *to->handle);
    memmove(&to->count[at], &from->count[i], n * sizeof *to->count);
    memmove(&to->child[at], &from->child[i], n * sizeof *to->child);
}

static uint32_t fill_of(const void *node, unsigned level)
{
    return level ? ((const struct inner *)node)->n : ((const struct btree_leaf *)node)->n;
}

static uint32_t room_of(unsigned level)
{
    return level ? BTREE_INNER_MAX : BTREE_LEAF_MAX;
}

/* Sets first item and count of child i from the child itself. */
static void refresh(struct inner *in, uint32_t i, unsigned child_level)
{
    if (child_level == 0) {
        const struct btree_leaf *l = in->child[i];
        in->score[i] = l->score[0];
        in->handle[i] = l->handle[0];
        in->count[i] = l->n;
        return;
    }
    const struct inner *c = in->child[i];
    in->score[i] = c->score[0];
    in->handle[i] = c->handle[0];
    in->count[i] = 0;
    for (uint32_t k = 0; k < c->n; k++)
        in->count[i] += c->count[k];
}

/* Moves k items (or children) across the border of siblings i and i+1: to the right where k > 0, to the left
 * where k < 0. */
static void shift(struct inner *in, uint32_t i, int k, unsigned level)
{
    uint32_t m = (uint32_t)(k < 0 ? -k : k);
    if (level == 0) {
        struct btree_leaf *a = in->child[i], *b = in->child[i + 1];
        if (k > 0) {
            leaf_move(b, m, b, 0, b->n);
            leaf_move(b, 0, a, a->n - m, m);
        } else {
            leaf_move(a, a->n, b, 0, m);
            leaf_move(b, 0, b, m, b->n - m);
        }
        a->n -= (uint32_t)k;
        b->n += (uint32_t)k;
    } else {
        struct inner *a = in->child[i], *b = in->child[i + 1];
        if (k > 0) {
            inner_move(b, m, b, 0, b->n);
            inner_move(b, 0, a, a->n - m, m);
        } else {
            inner_move(a, a->n, b, 0, m);
            inner_move(b, 0, b, m, b->n - m);
        }
        a->n -= (uint32_t)k;
        b->n += (uint32_t)k;
    }
    if (fill_of(in->child[i], level))
        refresh(in, i, level);
    if (fill_of(in->child[i + 1], level))
        refresh(in, i + 1, level);
}

/* ---- inserting ------------------------------------------------------------------------------------------ */

/* An empty sibling after child i. The parent has room. */
static void add_sibling(struct btree *t, struct inner *in, uint32_t i, unsigned level)
{
    void *fresh = new_node(t, level ? sizeof(struct inner) : sizeof(struct btree_leaf));
    if (level == 0) {
        struct btree_leaf *a = in->child[i], *b = fresh;
        b->prev = a;
        b->next = a->next;
        if (b->next)
            b->next->prev = b;
        a->next = b;
    }
    inner_move(in, i + 2, in, i + 1, in->n - i - 1);
    in->child[i + 1] = fresh;
    in->count[i + 1] = 0;
    in->n++;
}

/* Child i is full: shares with a sibling or splits. `at_end`: the new item goes behind all. The parent has
 * room for one more child. */
static void make_room(struct btree *t, struct inner *in, uint32_t i, unsigned level, bool at_end)
{
    uint32_t room = room_of(level);
    uint32_t left = i > 0 ? room - fill_of(in->child[i - 1], level) : 0;
    uint32_t right = i + 1 < in->n ? room - fill_of(in->child[i + 1], level) : 0;
    if (at_end && i + 1 == in->n) { /* ascending inserts: leave this one full */
        add_sibling(t, in, i, level);
        shift(in, i, 1, level);
    } else if (left > 1 && left >= right) {
        shift(in, i - 1, -(int)((left + 1) / 2), level);
    } else if (right > 1) {
        shift(in, i, (int)((right + 1) / 2), level);
    } else {
        add_sibling(t, in, i, level);
        shift(in, i, (int)(room / 2), level);
    }
}

static void grow_root(struct btree *t)
{
    struct inner *in = new_node(t, sizeof *in);
    in->child[0] = t->root;
    in->n = 1;
    refresh(in, 0, t->height);
    t->root = in;
    t->height++;
}

static void leaf_insert(const struct btree *t, struct btree_leaf *l, const struct btree_key *key,
                        uint32_t handle)
{
    uint32_t i = count_below(t, l->score, l->handle, l->n, key);
    leaf_move(l, i + 1, l, i, l->n - i);
    l->score[i] = key->score;
    l->handle[i] = handle;
    l->n++;
}

void btree_insert(struct btree *t, double score, uint32_t handle)
{
    struct btree_key key = key_of(t, score, handle);
    if (!t->root)
        t->root = new_node(t, sizeof(struct btree_leaf));
    if (fill_of(t->root, t->height) == room_of(t->height))
        grow_root(t);
    void *node = t->root;
    for (unsigned level = t->height; level > 0; level--) {
        struct inner *in = node;
        uint32_t i = child_for(t, in, &key);
        if (fill_of(in->child[i], level - 1) == room_of(level - 1)) {
            bool at_end =
                level > 1 || i + 1 < in->n
                    ? false
                    : below(t, ((struct btree_leaf *)in->child[i])->score[BTREE_LEAF_MAX - 1],
                            ((struct btree_leaf *)in->child[i])->handle[BTREE_LEAF_MAX - 1], &key);
            make_room(t, in, i, level - 1, at_end);
            i = child_for(t, in, &key);
        }
        in->count[i]++;
        if (!below(t, in->score[i], in->handle[i], &key)) { /* a new first item */
            in->score[i] = score;
            in->handle[i] = handle;
        }
        node = in->child[i];
    }
    leaf_insert(t, node, &key, handle);
    t->count++;
}

/* ---- erasing --------------------------------------------------------------------------------------------- */

/* Child i+1, which is empty now, goes. */
static void drop_child(struct btree *t, struct inner *in, uint32_t i, unsigned level)
{
    void *gone = in->child[i];
    if (level == 0) {
        struct btree_leaf *l = gone;
        if (l->prev)
            l->prev->next = l->next;
        if (l->next)
            l->next->prev = l->prev;
    }
    free_node(t, gone, level ? sizeof(struct inner) : sizeof(struct btree_leaf));
    inner_move(in, i, in, i + 1, in->n - i - 1);
    in->n--;
}

/* Child i is below half: merges it with a sibling, or evens out. */
static void mend(struct btree *t, struct inner *in, uint32_t i, unsigned level)
{
    uint32_t fill = fill_of(in->child[i], level);
    if (fill >= room_of(level) / 2 || in->n == 1) {
        if (fill == 0)
            drop_child(t, in, i, level);
        return;
    }
    uint32_t a = i + 1 < in->n ? i : i - 1;
    uint32_t left = fill_of(in->child[a], level), right = fill_of(in->child[a + 1], level);
    if (left + right <= room_of(level)) {
        shift(in, a, -(int)right, level);
        drop_child(t, in, a + 1, level);
    } else {
        shift(in, a, ((int)left - (int)right) / 2, level);
    }
}

static void erase_below(struct btree *t, void *node, unsigned level, const struct btree_key *key)
{
    if (level == 0) {
        struct btree_leaf *l = node;
        uint32_t i = count_below(t, l->score, l->handle, l->n, key);
        leaf_move(l, i, l, i + 1, l->n - i - 1);
        l->n--;
        return;
    }
    struct inner *in = node;
    struct btree_key behind =
        *key; /* the child whose first item is the key itself counts as below */
    behind.after = true;
    uint32_t i = child_for(t, in, &behind);
    erase_below(t, in->child[i], level - 1, key);
    if (fill_of(in->child[i], level - 1))
        refresh(in, i, level - 1);
    mend(t, in, i, level - 1);
}

void btree_erase(struct btree *t, double score, uint32_t handle)
{
    struct btree_key key = key_of(t, score, handle);
    erase_below(t, t->root, t->height, &key);
    t->count--;
    while (t->height && fill_of(t->root, t->height) <= 1) {
        struct inner *in = t->root;
        t->root = in->n ? in->child[0] : NULL;
        free_node(t, in, sizeof *in);
        t->height--;
        if (!t->root) {
            t->height = 0;
            return;
        }
    }
    if (t->height == 0 && fill_of(t->root, 0) == 0) {
        free_node(t, t->root, sizeof(struct btree_leaf));
        t->root = NULL;
    }
}

void btree_replace(struct btree *t, double score, uint32_t handle, uint32_t by)
{
    struct btree_key key = key_of(t, score, handle), behind = key;
    void *node = t->root;
    behind.after = true; /* as in erase_below */
    for (unsigned level = t->height; level > 0; level--) {
        struct inner *in = node;
        uint32_t i = child_for(t, in, &behind);
        if (in->handle[i] == handle)
            in->handle[i] = by;
        node = in->child[i];
    }
    struct btree_leaf *l = node;
    l->handle[count_below(t, l->score, l->handle, l->n, &key)] = by;
}

/* ---- seeking --------------------------------------------------------------------------------------------- */

size_t btree_lower(const struct btree *t, const struct btree_key *key, struct btree_pos *pos)
{
    size_t rank = 0;
    void *node = t->root;
    if (pos)
        *pos = (struct btree_pos){0};
    if (!node)
        return 0;
    for (unsigned level = t->height; level > 0; level--) {
        const struct inner *in = node;
        uint32_t i = child_for(t, in, key);
        for (uint32_t k = 0; k < i; k++)
            rank += in->count[k];
        node = in->child[i];
    }
    struct btree_leaf *l = node;
    uint32_t i = count_below(t, l->score, l->handle, l->n, key);
    if (pos)
        *pos = i < l->n ? (struct btree_pos){l, i} : (struct btree_pos){l->next, 0};
    return rank + i;
}

struct btree_pos btree_select(const struct btree *t, size_t rank)
{
    void *node = t->root;
    if (rank >= t->count)
        return (struct btree_pos){0};
    for (unsigned level = t->height; level > 0; level--) {
        const struct inner *in = node;
        uint32_t i = 0;
        while (rank >= in->count[i])
            rank -= in->count[i++];
        node = in->child[i];
    }
    return (struct btree_pos){node, (uint32_t)rank};
}

void btree_next(struct btree_pos *p)
{
    if (++p->i < p->leaf->n)
        return;
    p->leaf = p->leaf->next;
    p->i = 0;
}

void btree_prev(struct btree_pos *p)
{
    if (p->i > 0) {
        p->i--;
        return;
    }
    p->leaf = p->leaf->prev;
    p->i = p->leaf ? p->leaf->n - 1 : 0;
}

/* ---- checking --------------------------------------------------------------------------------------------- */

static size_t check_below(const struct btree *t, void *node, unsigned level, bool is_root)
{
    uint32_t n = fill_of(node, level);
    assert(n > 0 && n <= room_of(level));
    assert(is_root || n > 1 || level == 0);
    if (level == 0)
        return n;
    struct inner *in = node;
    size_t count = 0;
    for (uint32_t i = 0; i < in->n; i++) {
        struct inner copy = *in;
        assert(check_below(t, in->child[i], level - 1, false) == in->count[i]);
        refresh(&copy, i, level - 1);
        assert(copy.score[i] == in->score[i] && copy.handle[i] == in->handle[i]);
        assert(copy.count[i] == in->count[i]);
        count += in->count[i];
    }
    return count;
}

void btree_check(const struct btree *t)
{
    assert(!t->root == !t->count);
    if (!t->root)
        return;
    assert(check_below(t, t->root, t->height, true) == t->count);
    struct btree_pos p = btree_select(t, 0), before = {0};
    size_t n = 0;
    for (; p.leaf; before = p, btree_next(&p), n++) {
        if (!before.leaf)
            continue;
        struct btree_key key = key_of(t, btree_score(&p), btree_handle(&p));
        assert(below(t, btree_score(&before), btree_handle(&before), &key));
    }
    assert(n == t->count);
}
