/* One key at a time; whole-keyspace work is in whole.c. */
#include "keyspace/keyspace.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "keyspace/access.h"
#include "keyspace/internal.h"

struct keyspace *keyspace_new(void)
{
    struct keyspace *ks = mem_alloc_aligned(64, sizeof *ks);
    memset(ks, 0, sizeof *ks);
    gate_init(&ks->gate);
    for (int i = 0; i < SHARD_COUNT; i++)
        pthread_mutex_init(&ks->shards[i].lock, NULL);
    ks->reclaimer = reclaimer_new();
    return ks;
}

void keyspace_free(struct keyspace *ks)
{
    for (int i = 0; i < SHARD_COUNT; i++) {
        for (int db = 0; db < DB_COUNT; db++) {
            if (ks->shards[i].db[db])
                slice_free(ks->shards[i].db[db]);
        }
        pthread_mutex_destroy(&ks->shards[i].lock);
    }
    garbage_flush(ks->reclaimer);
    reclaimer_free(ks->reclaimer);
    gate_release(&ks->gate);
    mem_free(ks);
}

void keyspace_on_expired(struct keyspace *ks, keyspace_expired_fn *fn,
                         keyspace_part_expired_fn *part_fn, void *ctx)
{
    ks->expired = fn;
    ks->part_expired = part_fn;
    ks->expired_ctx = ctx;
}

struct gate *keyspace_gate(struct keyspace *ks)
{
    return &ks->gate;
}

struct keyref keyspace_ref(struct keyspace *ks, struct bytes key)
{
    uint64_t hash = hash_bytes(key);
    return (struct keyref){.name = key, .hash = hash, .shard = &ks->shards[shard_of(hash)]};
}

struct shard *keyspace_shards(struct keyspace *ks)
{
    return ks->shards;
}

/* ---- slices ---------------------------------------------------------------------------------- */

struct slice *slice_new(uint64_t now_ms)
{
    struct slice *s = mem_alloc(sizeof *s);
    table_init(&s->table);
    wheel_init(&s->deadlines, now_ms);
    wheel_init(&s->inner, now_ms);
    return s;
}

static struct slice *slice_of(struct keyspace *ks, unsigned db, const struct keyref *k)
{
    struct slice **at = &k->shard->db[db];
    assert(k->shard == &ks->shards[shard_of(k->hash)]);
    if (!*at)
        *at = slice_new(clock_wall_ms());
    return *at;
}

void slice_drop_inner(struct slice *s, struct entry *e)
{
    if (e->type == TYPE_STRING || !type_ops[e->type]->keyspace_word)
        return;
    void **word = type_ops[e->type]->keyspace_word(entry_object(e));
    struct inner_node *in = *word;
    if (!in)
        return;
    if (in->node.when_ms)
        wheel_remove(&s->inner, &in->node);
    mem_free(in);
    *word = NULL;
}

struct entry *slice_unlink(struct slice *s, struct table_pos *p, uint64_t hash)
{
    struct entry *e = table_at(p);
    struct wheel_node *node = entry_deadline_node(e);
    if (node && node->when_ms)
        wheel_remove(&s->deadlines, node);
    slice_drop_inner(s, e);
    table_erase(&s->table, p, hash);
    return e;
}

void keyspace_expire_entry(struct keyspace *ks, struct shard *sh, unsigned db, struct table_pos *p,
                           uint64_t hash, const char *event)
{
    struct entry *e = slice_unlink(sh->db[db], p, hash);
    sh->expired_keys++;
    if (ks->expired)
        ks->expired(ks->expired_ctx, db, entry_key(e), event);
    garbage_add(e);
}

/* ---- look-ups -------------------------------------------------------------------------------- */

/* Has a part of the object passed its deadline, by the node that stands for the earliest? */
static bool inner_due(const struct entry *e, uint64_t now_ms)
{
    const struct type_ops *ops = type_ops[e->type];
    if (!ops->keyspace_word)
        return false;
    const struct inner_node *in = *ops->keyspace_word(entry_object(e));
    return in && in->node.when_ms && in->node.when_ms <= now_ms;
}

/* Finds the key, removing it where its deadline has passed. p->array is NULL where it is not there. */
static struct entry *locate(struct keyspace *ks, unsigned db, const struct keyref *k,
                            uint64_t now_ms, struct table_pos *p)
{
    struct slice *s = k->shard->db[db];
    *p = (struct table_pos){0};
    if (!s)
        return NULL;
    *p = table_find(&s->table, k->hash, k->name);
    if (!p->array)
        return NULL;
    struct entry *e = table_at(p);
    uint64_t deadline = entry_deadline_ms(e);
    if (__builtin_expect(deadline && deadline <= now_ms, 0)) {
        keyspace_expire_entry(ks, k->shard, db, p, k->hash, "expired");
        *p = (struct table_pos){0};
        return NULL;
    }
    if (e->type != TYPE_STRING && inner_due(e, now_ms)) {
        keyspace_expire_inner(ks, db, k, p, now_ms);
        return p->array ? e : NULL;
    }
    return e;
}

struct entry *keyspace_find_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                   uint64_t now_ms)
{
    struct table_pos p;
    return locate(ks, db, k, now_ms, &p);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

/* Sets the deadline of an entry that stands in the table at p. */
static struct entry *set_deadline(struct slice *s, struct table_pos *p, struct entry *e,
                                  uint64_t deadline_ms)
{
    struct wheel_node *node = entry_deadline_node(e);
    if (node && node->when_ms)
        wheel_remove(&s->deadlines, node);
    if (!deadline_ms)
        return e;
    if (!node) {
        unsigned room = (unsigned)(e->flags & ENTRY_HAS_CLIENT_FLAGS) | ENTRY_HAS_DEADLINE;
        e = entry_rebuild(e, entry_key(e), room);
        table_replace(p, e);
        node = entry_deadline_node(e);
    }
    wheel_add(&s->deadlines, node, deadline_ms);
    return e;
}

static struct table_pos pos_of(struct slice *s, const struct keyref *k)
{
    return table_find(&s->table, k->hash, k->name);
}

struct entry *keyspace_set_deadline_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                           struct entry *e, uint64_t deadline_ms)
{
    struct slice *s = slice_of(ks, db, k);
    struct table_pos p = pos_of(s, k);
    return set_deadline(s, &p, e, deadline_ms);
}

void keyspace_inner_deadline_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                    struct entry *e)
{
    const struct type_ops *ops = type_ops[e->type];
    if (e->type == TYPE_STRING || !ops->next_deadline_ms)
        return;
    struct slice *s = slice_of(ks, db, k);
    void **word = ops->keyspace_word(entry_object(e));
    struct inner_node *in = *word;
    uint64_t when = ops->next_deadline_ms(entry_object(e));
    if (!in && !when)
        return;
    if (!in) {
        in = mem_alloc(sizeof *in + k->name.n);
        in->node = (struct wheel_node){0};
        in->key_len = k->name.n;
        if (k->name.n)
            memcpy(in->key, k->name.p, k->name.n);
        *word = in;
    }
    if (in->node.when_ms == when)
        return;
    if (in->node.when_ms)
        wheel_remove(&s->inner, &in->node);
    if (when)
        wheel_add(&s->inner, &in->node, when);
}

/* ---- writing --------------------------------------------------------------------------------- */

void keyspace_put_locked(struct keyspace *ks, unsigned db, const struct keyref *k, struct entry *e,
                         uint64_t deadline_ms)
{
    struct slice *s = slice_of(ks, db, k);
    struct table_pos p = pos_of(s, k);
    if (p.array)
        garbage_add(slice_unlink(s, &p, k->hash));
    if (!e->access) { /* ACCESS_NEW is next to nothing as a fraction of a second */
        e->access = (uint32_t)(clock_wall_ms() / 1000);
        e->freq = ACCESS_NEW;
    }
    table_insert(&s->table, k->hash, e);
    if (deadline_ms) {
        p = pos_of(s, k);
        e = set_deadline(s, &p, e, deadline_ms);
    }
    keyspace_inner_deadline_locked(ks, db, k, e);
}

static struct entry *new_string(const struct keyref *k, struct bytes value, uint64_t deadline_ms)
{
    return entry_new_string(k->name, value, deadline_ms ? ENTRY_HAS_DEADLINE : 0);
}

struct entry *keyspace_set_string_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                         struct bytes value, uint64_t deadline_ms, bool keep_ttl)
{
    struct slice *s = slice_of(ks, db, k);
    struct table_pos p = pos_of(s, k);
    if (!p.array) {
        struct entry *e = new_string(k, value, deadline_ms);
        e->freq = ACCESS_NEW; /* its use is told by the caller */
        table_insert(&s->table, k->hash, e);
        if (deadline_ms)
            wheel_add(&s->deadlines, entry_deadline_node(e), deadline_ms);
        return e;
    }
    struct entry *e = table_at(&p);
    if (keep_ttl)
        deadline_ms = entry_deadline_ms(e);
    bool in_place = e->type == TYPE_STRING && !(e->flags & ENTRY_HAS_CLIENT_FLAGS) &&
                    (!deadline_ms || e->flags & ENTRY_HAS_DEADLINE) &&
                    entry_string_replace(e, value);
    if (in_place) {
        if (entry_deadline_ms(e) != deadline_ms)
            set_deadline(s, &p, e, deadline_ms);
        return e;
    }
    struct entry *fresh = new_string(k, value, deadline_ms);
    struct wheel_node *node = entry_deadline_node(e);
    if (node && node->when_ms)
        wheel_remove(&s->deadlines, node);
    slice_drop_inner(s, e);
    table_replace(&p, fresh);
    if (deadline_ms)
        wheel_add(&s->deadlines, entry_deadline_node(fresh), deadline_ms);
    fresh->access = e->access;
    fresh->freq = e->freq;
    garbage_add(e);
    return fresh;
}

/* Puts `fresh` in the place of `e` (same key), keeping deadline and client flags. */
static struct entry *substitute(struct slice *s, const struct keyref *k, struct entry *e,
                                struct entry *fresh)
{
    struct table_pos p = pos_of(s, k);
    struct wheel_node *old = entry_deadline_node(e), *node = entry_deadline_node(fresh);
    uint64_t deadline = entry_deadline_ms(e);
    if (deadline)
        wheel_remove(&s->deadlines, old);
    table_replace(&p, fresh);
    if (deadline && node)
        wheel_add(&s->deadlines, node, deadline);
    if (fresh->flags & ENTRY_HAS_CLIENT_FLAGS)
        entry_set_client_flags(fresh, entry_client_flags(e));
    fresh->access = e->access;
    fresh->freq = e->freq;
    garbage_add(e);
    return fresh;
}

struct entry *keyspace_set_int_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                      struct entry *e, int64_t value)
{
    if (entry_int_replace(e, value))
        return e;
    return substitute(slice_of(ks, db, k), k, e, entry_new_int(k->name, value, e->flags));
}

struct entry *keyspace_set_client_flags_locked(struct keyspace *ks, unsigned db,
                                               const struct keyref *k, struct entry *e,
                                               uint32_t flags)
{
    struct slice *s = slice_of(ks, db, k);
    if (!(e->flags & ENTRY_HAS_CLIENT_FLAGS)) {
        if (flags == 0)
            return e;
        uint64_t deadline = entry_deadline_ms(e);
        struct table_pos p = pos_of(s, k);
        set_deadline(s, &p, e, 0);
        e = entry_rebuild(e, k->name, e->flags | ENTRY_HAS_CLIENT_FLAGS);
        table_replace(&p, e);
        if (deadline)
            wheel_add(&s->deadlines, entry_deadline_node(e), deadline);
    }
    entry_set_client_flags(e, flags);
    return e;
}

struct entry *keyspace_edit_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                   struct entry *e, size_t n, char **data)
{
    struct slice *s = slice_of(ks, db, k);
    struct table_pos p = pos_of(s, k);
    struct entry *moved = entry_string_edit(e, n, data);
    if (moved != e) {
        table_replace(&p, moved);
        struct wheel_node *node = entry_deadline_node(moved);
        if (node && node->when_ms)
            wheel_moved(&s->deadlines, node);
    }
    return moved;
}

bool keyspace_delete_locked(struct keyspace *ks, unsigned db, const struct keyref *k)
{
    struct slice *s = slice_of(ks, db, k);
    struct table_pos p = pos_of(s, k);
    if (!p.array)
        return false;
    garbage_add(slice_unlink(s, &p, k->hash));
    return true;
}

struct entry *keyspace_take_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                   uint64_t *deadline_ms)
{
    struct slice *s = slice_of(ks, db, k);
    struct table_pos p = pos_of(s, k);
    if (!p.array)
        return NULL;
    *deadline_ms = entry_deadline_ms(table_at(&p));
    return slice_unlink(s, &p, k->hash);
}
