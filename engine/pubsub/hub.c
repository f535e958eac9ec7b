/* The hub: who has subscribers of what, per mailbox; mailboxes: who they are, per session. See pubsub.h.
 *
 * Shared side (locks): stripes[] of channel name -> list of (mailbox, count), one set for channels and one for
 * sharded channels; patterns under one reader-writer lock.
 * Local side (owner thread): mailbox.local[kind]: name -> array of sessions; session.subs: its own names. */
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "commands/session.h"
#include "pubsub/namemap.h"
#include "pubsub/pubsub.h"

#define STRIPES 64

/* The mailboxes that have subscribers of one name. */
struct audience {
    struct seat {
        struct mailbox *box;
        size_t count;
    } *seats;
    size_t n, cap;
};

struct stripe {
    _Alignas(64) pthread_mutex_t lock;
    struct namemap names[2]; /* by kind: channels, sharded channels */
};

struct hub {
    struct engine *engine;
    struct stripe stripes[STRIPES];
    pthread_rwlock_t pattern_lock;
    struct namemap patterns; /* pattern_lock */
};

struct mailbox {
    struct hub *hub;
    mailbox_wake_fn *wake;
    void *ctx;
    struct namemap local[3]; /* owner's thread: name -> struct roster */
    pthread_mutex_t lock;
    struct message **queue; /* lock */
    size_t n, cap;          /* lock */
    bool woken;             /* lock */
};

/* The sessions of one mailbox that subscribe to one name. */
struct roster {
    struct session **at;
    size_t n, cap;
};

struct subscriptions {
    struct namemap names[3];
};

/* ---- lifetime ------------------------------------------------------------------------------------------ */

struct hub *hub_new(struct engine *e)
{
    struct hub *h = mem_alloc_aligned(64, sizeof *h);
    memset(h, 0, sizeof *h);
    h->engine = e;
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&h->stripes[i].lock, NULL);
    pthread_rwlock_init(&h->pattern_lock, NULL);
    return h;
}

static void release_audiences(struct namemap *m)
{
    for (struct name_node *node = namemap_first(m); node; node = namemap_next(m, node)) {
        mem_free(((struct audience *)node->value)->seats);
        mem_free(node->value);
    }
    namemap_release(m);
}

void hub_free(struct hub *h)
{
    for (int i = 0; i < STRIPES; i++) {
        release_audiences(&h->stripes[i].names[0]);
        release_audiences(&h->stripes[i].names[1]);
        pthread_mutex_destroy(&h->stripes[i].lock);
    }
    release_audiences(&h->patterns);
    pthread_rwlock_destroy(&h->pattern_lock);
    mem_free(h);
}

/* ---- the shared side ------------------------------------------------------------------------------------ */

static struct stripe *stripe_of(struct hub *h, struct bytes name)
{
    return &h->stripes[hash_bytes(name) % STRIPES];
}

static struct namemap *stripe_names(struct stripe *s, enum sub_kind kind)
{
    return &s->names[kind == SUB_SHARD];
}

/* Adds `delta` to the mailbox's count for the name; empty seats and names go. */
static void change_seat(struct namemap *names, struct bytes name, struct mailbox *box, int delta)
{
    struct name_node *node = namemap_get(names, name);
    if (!node->value)
        node->value = mem_calloc(sizeof(struct audience));
    struct audience *a = node->value;
    size_t i = 0;
    while (i < a->n && a->seats[i].box != box)
        i++;
    if (i == a->n) {
        if (a->n == a->cap) {
            a->cap = a->cap ? a->cap * 2 : 2;
            a->seats = mem_realloc(a->seats, a->cap * sizeof *a->seats);
        }
        a->seats[a->n++] = (struct seat){box, 0};
    }
    a->seats[i].count += (size_t)delta;
    if (a->seats[i].count == 0)
        a->seats[i] = a->seats[--a->n];
    if (a->n == 0) {
        mem_free(a->seats);
        mem_free(a);
        namemap_remove(names, node);
    }
}

static void change_shared(struct hub *h, enum sub_kind kind, struct bytes name, struct mailbox *box,
                          int delta)
{
    if (kind == SUB_PATTERN) {
        pthread_rwlock_wrlock(&h->pattern_lock);
        change_seat(&h->patterns, name, box, delta);
        pthread_rwlock_unlock(&h->pattern_lock);
        return;
    }
    struct stripe *s = stripe_of(h, name);
    pthread_mutex_lock(&s->lock);
    change_seat(stripe_names(s, kind), name, box, delta);
    pthread_mutex_unlock(&s->lock);
}

/* Posts the message to every seat; returns the number of subscriptions. Takes over one reference. */
static size_t post_to(const struct audience *a, struct message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        mailbox_post(a->seats[i].box, m);
        n += a->seats[i].count;
    }
    message_unref(m);
    return n;
}

static size_t publish_to_patterns(struct hub *h, struct bytes channel, struct bytes data)
{
    size_t n = 0;
    pthread_rwlock_rdlock(&h->pattern_lock);
    for (struct name_node *node = namemap_first(&h->patterns); node;
         node = namemap_next(&h->patterns, node)) {
        if (bytes_glob(node->name, channel, false))
            n += post_to(node->value, message_new(MESSAGE_PUBLISHED, SUB_PATTERN, channel, node->name,
                                                  data));
    }
    pthread_rwlock_unlock(&h->pattern_lock);
    return n;
}

size_t hub_publish(struct hub *h, enum sub_kind kind, struct bytes channel, struct bytes data)
{
    struct stripe *s = stripe_of(h, channel);
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    struct name_node *node = namemap_find(stripe_names(s, kind), channel);
    if (node)
        n += post_to(node->value,
                     message_new(MESSAGE_PUBLISHED, kind, channel, (struct bytes){0}, data));
    if (kind == SUB_CHANNEL) /* under the stripe, so that patterns see a channel's order too */
        n += publish_to_patterns(h, channel, data);
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---- the local side -------------------------------------------------------------------------------------- */

static void roster_add(struct namemap *local, struct bytes name, struct session *s)
{
    struct name_node *node = namemap_get(local, name);
    if (!node->value)
        node->value = mem_calloc(sizeof(struct roster));
    struct roster *r = node->value;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 2;
        r->at = mem_realloc(r->at, r->cap * sizeof(struct session *));
    }
    r->at[r->n++] = s;
}

static void roster_remove(struct namemap *local, struct bytes name, struct session *s)
{
    struct name_node *node = namemap_find(local, name);
    struct roster *r = node->value;
    size_t i = 0;
    while (r->at[i] != s)
        i++;
    r->at[i] = r->at[--r->n];
    if (r->n)
        return;
    mem_free(r->at);
    mem_free(r);
    namemap_remove(local, node);
}

bool hub_subscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name)
{
    if (!s->subs)
        s->subs = mem_calloc(sizeof *s->subs);
    struct namemap *own = &s->subs->names[kind];
    if (namemap_find(own, name))
        return false;
    namemap_get(own, name);
    roster_add(&s->mailbox->local[kind], name, s);
    change_shared(h, kind, name, s->mailbox, 1);
    return true;
}

bool hub_unsubscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name)
{
    struct name_node *node = s->subs ? namemap_find(&s->subs->names[kind], name) : NULL;
    if (!node)
        return false;
    change_shared(h, kind, name, s->mailbox, -1);
    roster_remove(&s->mailbox->local[kind], name, s);
    namemap_remove(&s->subs->names[kind], node);
    return true;
}

void hub_drop_session(struct hub *h, struct session *s)
{
    if (!s->subs)
        return;
    for (int kind = 0; kind < 3; kind++) {
        struct name_node *node;
        while ((node = namemap_first(&s->subs->names[kind])) != NULL) {
            change_shared(h, (enum sub_kind)kind, node->name, s->mailbox, -1);
            roster_remove(&s->mailbox->local[kind], node->name, s);
            namemap_remove(&s->subs->names[kind], node);
        }
    }
    mem_free(s->subs);
    s->subs = NULL;
}

size_t hub_session_count(const struct session *s, enum sub_kind kind)
{
    if (!s->subs)
        return 0;
    if (kind == SUB_SHARD)
        return s->subs->names[SUB_SHARD].n;
    return s->subs->names[SUB_CHANNEL].n + s->subs->names[SUB_PATTERN].n;
}

static void visit_names(const struct namemap *m, const struct bytes *pattern, hub_name_visit *visit,
                        void *ctx)
{
    for (struct name_node *node = namemap_first(m); node; node = namemap_next(m, node)) {
        if (!pattern || bytes_glob(*pattern, node->name, false))
            visit(node->name, ctx);
    }
}

void hub_session_each(const struct session *s, enum sub_kind kind, hub_name_visit *visit, void *ctx)
{
    if (s->subs)
        visit_names(&s->subs->names[kind], NULL, visit, ctx);
}

/* ---- questions ---------------------------------------------------------------------------------------------- */

void hub_channels(struct hub *h, enum sub_kind kind, const struct bytes *pattern,
                  hub_name_visit *visit, void *ctx)
{
    for (int i = 0; i < STRIPES; i++) {
        struct stripe *s = &h->stripes[i];
        pthread_mutex_lock(&s->lock);
        visit_names(stripe_names(s, kind), pattern, visit, ctx);
        pthread_mutex_unlock(&s->lock);
    }
}

size_t hub_subscribers(struct hub *h, enum sub_kind kind, struct bytes channel)
{
    struct stripe *s = stripe_of(h, channel);
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    struct name_node *node = namemap_find(stripe_names(s, kind), channel);
    const struct audience *a = node ? node->value : NULL;
    for (size_t i = 0; a && i < a->n; i++)
        n += a->seats[i].count;
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t hub_pattern_count(struct hub *h)
{
    pthread_rwlock_rdlock(&h->pattern_lock);
    size_t n = h->patterns.n;
    pthread_rwlock_unlock(&h->pattern_lock);
    return n;
}

/* ---- mailboxes ---------------------------------------------------------------------------------------------- */

struct mailbox *mailbox_new(struct hub *h, mailbox_wake_fn *wake, void *ctx)
{
    struct mailbox *m = mem_calloc(sizeof *m);
    m->hub = h;
    m->wake = wake;
    m->ctx = ctx;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void mailbox_free(struct mailbox *m)
{
    for (size_t i = 0; i < m->n; i++)
        message_unref(m->queue[i]);
    mem_free(m->queue);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

void mailbox_post(struct mailbox *m, struct message *msg)
{
    message_ref(msg);
    pthread_mutex_lock(&m->lock);
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 32;
        m->queue = mem_realloc(m->queue, m->cap * sizeof(struct message *));
    }
    m->queue[m->n++] = msg;
    bool wake = !m->woken;
    m->woken = true;
    pthread_mutex_unlock(&m->lock);
    if (wake)
        m->wake(m->ctx);
}

static void deliver(struct mailbox *m, struct message *msg)
{
    struct bytes name = msg->via == SUB_PATTERN ? msg->pattern : msg->channel;
    struct name_node *node = namemap_find(&m->local[msg->via], name);
    const struct roster *r = node ? node->value : NULL;
    for (size_t i = 0; r && i < r->n; i++)
        r->at[i]->ops->deliver(r->at[i], msg);
}

/* A kill or a monitor line, for one session, which may be gone by now. */
static void deliver_to_one(struct mailbox *m, struct message *msg)
{
    struct session *s = session_find(m->hub->engine, msg->session_id);
    if (!s || s->mailbox != m)
        return;
    if (msg->kind == MESSAGE_KILL)
        s->ops->close(s);
    else
        s->ops->deliver(s, msg);
}

void mailbox_drain(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    struct message **taken = m->queue;
    size_t n = m->n;
    m->queue = NULL;
    m->n = m->cap = 0;
    m->woken = false;
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < n; i++) {
        if (taken[i]->kind == MESSAGE_PUBLISHED)
            deliver(m, taken[i]);
        else
            deliver_to_one(m, taken[i]);
        message_unref(taken[i]);
    }
    mem_free(taken);
}
