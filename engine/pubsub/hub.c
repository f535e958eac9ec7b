/* The hub: which mailboxes have subscribers of a name, and each session's own names. See pubsub.h.
 *
 * Shared side (locks): stripes[] of channel name -> audience, one set for channels and one for
 * sharded channels; patterns under one reader-writer lock. The sessions behind a mailbox are
 * mailbox.c's.
 *
 * A subscription counts for exactly the messages that are posted while its seat is taken: joining
 * notes the mailbox's position under the name's lock, and older messages pass it by; leaving gives
 * up the seat first, then drains the mailbox, then leaves the roster. */
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "commands/session.h"
#include "pubsub/mailbox.h"
#include "pubsub/namemap.h"
#include "pubsub/pubsub.h"

#define STRIPES 64

/* The mailboxes that have subscribers of one name. */
struct audience {
    struct seat {
        struct mailbox *box;
        size_t count;
    } * seats;
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

struct subscriptions {
    struct namemap names[SUB_KINDS];
};

/* ---- lifetime
 * ------------------------------------------------------------------------------------------ */

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

struct engine *hub_engine(struct hub *h)
{
    return h->engine;
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

/* ---- the shared side
 * ------------------------------------------------------------------------------------ */

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

/* Takes or gives up a seat; returns the mailbox's position at that moment. */
static uint64_t change_shared(struct hub *h, enum sub_kind kind, struct bytes name,
                              struct mailbox *box, int delta)
{
    uint64_t position;
    if (kind == SUB_PATTERN) {
        pthread_rwlock_wrlock(&h->pattern_lock);
        change_seat(&h->patterns, name, box, delta);
        position = mailbox_position(box);
        pthread_rwlock_unlock(&h->pattern_lock);
        return position;
    }
    struct stripe *s = stripe_of(h, name);
    pthread_mutex_lock(&s->lock);
    change_seat(stripe_names(s, kind), name, box, delta);
    position = mailbox_position(box);
    pthread_mutex_unlock(&s->lock);
    return position;
}

/* Posts the message to every seat; returns the number of subscriptions. Takes over one reference.
 */
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
            n += post_to(node->value,
                         message_new(MESSAGE_PUBLISHED, SUB_PATTERN, channel, node->name, data));
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

/* ---- a session's own names ---------------------------------------------------------------------
 */

static void count_subscription(struct session *s, enum sub_kind kind)
{
    atomic_store_explicit(&s->sub_counts[kind], (uint32_t)s->subs->names[kind].n,
                          memory_order_relaxed);
}

bool hub_subscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name)
{
    if (!s->subs)
        s->subs = mem_calloc(sizeof *s->subs);
    struct namemap *own = &s->subs->names[kind];
    if (namemap_find(own, name))
        return false;
    namemap_get(own, name);
    uint64_t since = change_shared(h, kind, name, s->mailbox, 1);
    mailbox_enrol(s->mailbox, kind, name, s, since);
    count_subscription(s, kind);
    return true;
}

bool hub_unsubscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name)
{
    struct name_node *node = s->subs ? namemap_find(&s->subs->names[kind], name) : NULL;
    if (!node)
        return false;
    uint64_t until = change_shared(h, kind, name, s->mailbox, -1);
    mailbox_retire(s->mailbox, kind, name, s, until);
    mailbox_drain(s->mailbox);
    mailbox_expel(s->mailbox, kind, name, s);
    namemap_remove(&s->subs->names[kind], node);
    count_subscription(s, kind);
    return true;
}

void hub_drop_session(struct hub *h, struct session *s)
{
    if (!s->subs)
        return;
    for (int kind = 0; kind < SUB_KINDS; kind++) {
        struct name_node *node;
        while ((node = namemap_first(&s->subs->names[kind])) != NULL) {
            change_shared(h, (enum sub_kind)kind, node->name, s->mailbox, -1);
            mailbox_expel(s->mailbox, (enum sub_kind)kind, node->name, s);
            namemap_remove(&s->subs->names[kind], node);
        }
        count_subscription(s, (enum sub_kind)kind);
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

/* ---- questions
 * ---------------------------------------------------------------------------------------------- */

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
