/* The hub: which mailboxes have subscribers of a name, and each session's own names. See pubsub.h.
 *
 * Shared side (locks): stripes[] of channel name -> audience, one set for channels and one for
 * sharded channels; patterns under one reader-writer lock. The sessions behind a mailbox are
 * mailbox.c's.
 *
 * A subscription counts for exactly the messages that are posted while its seat is taken: joining
 * notes the mailbox's position under the name's lock, and older messages pass it by; leaving gives
 * up the seat first, then drains the mailbox, then leaves the roster. */
#include "pubsub/hub_parts.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "commands/session.h"
#include "pubsub/mailbox.h"

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
    pthread_mutex_init(&h->tickets.lock, NULL);
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
    channels_release(h);
    tickets_release(&h->tickets);
    pthread_rwlock_destroy(&h->pattern_lock);
    mem_free(h);
}

/* ---- the shared side
 * ------------------------------------------------------------------------------------ */

struct stripe *hub_stripe(struct hub *h, struct bytes name)
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

/* What one session asks of one name. */
struct change {
    struct session *session;
    enum sub_kind kind;
    struct bytes name;
    const struct subscribe_ask *ask; /* NULL: a plain subscription, or the end of one */
    struct history_page *page;
};

/* Takes or gives up a seat; returns the mailbox's position at that moment. */
static uint64_t change_pattern(struct hub *h, const struct change *c, int delta)
{
    struct mailbox *box = c->session->mailbox;
    pthread_rwlock_wrlock(&h->pattern_lock);
    change_seat(&h->patterns, c->name, box, delta);
    uint64_t position = mailbox_position(box);
    pthread_rwlock_unlock(&h->pattern_lock);
    return position;
}

static uint64_t change_shared(struct hub *h, const struct change *c, int delta)
{
    if (c->kind == SUB_PATTERN)
        return change_pattern(h, c, delta);
    struct stripe *s = hub_stripe(h, c->name);
    struct mailbox *box = c->session->mailbox;
    pthread_mutex_lock(&s->lock);
    if (c->ask && c->ask->user.p)
        channel_enter_locked(h, s, c->name, c->session->id, c->ask->user);
    if (c->ask)
        channel_page_locked(h, s, c->name, c->ask, c->page);
    change_seat(stripe_names(s, c->kind), c->name, box, delta);
    if (delta < 0 && c->kind == SUB_CHANNEL)
        channel_leave_locked(h, s, c->name, c->session->id);
    uint64_t position = mailbox_position(box);
    pthread_mutex_unlock(&s->lock);
    return position;
}

struct audience *hub_audience_locked(struct stripe *s, struct bytes channel)
{
    struct name_node *node = namemap_find(stripe_names(s, SUB_CHANNEL), channel);
    return node ? node->value : NULL;
}

size_t audience_count(const struct audience *a)
{
    size_t n = 0;
    for (size_t i = 0; a && i < a->n; i++)
        n += a->seats[i].count;
    return n;
}

size_t audience_post(const struct audience *a, struct message *m)
{
    for (size_t i = 0; a && i < a->n; i++)
        mailbox_post(a->seats[i].box, m);
    message_unref(m);
    return audience_count(a);
}

/* What is to be sent, and where it stands in the channel's history. */
struct sending {
    struct bytes channel, data, from;
    uint64_t except;
    struct message_place place;
};

static struct message *sent_message(const struct sending *g, enum sub_kind via,
                                    struct bytes pattern)
{
    struct message *m =
        message_new_from(MESSAGE_PUBLISHED, via, g->channel, pattern, g->data, g->from);
    m->except = g->except;
    m->epoch = g->place.at.epoch;
    m->offset = g->place.at.offset;
    if (g->place.now_ms)
        m->published_at_ms = g->place.now_ms;
    return m;
}

static size_t publish_to_patterns(struct hub *h, const struct sending *g)
{
    size_t n = 0;
    pthread_rwlock_rdlock(&h->pattern_lock);
    for (struct name_node *node = namemap_first(&h->patterns); node;
         node = namemap_next(&h->patterns, node)) {
        if (bytes_glob(node->name, g->channel, false))
            n += audience_post(node->value, sent_message(g, SUB_PATTERN, node->name));
    }
    pthread_rwlock_unlock(&h->pattern_lock);
    return n;
}

static size_t publish_locked(struct hub *h, struct stripe *s, enum sub_kind kind, struct sending *g)
{
    struct name_node *node = namemap_find(stripe_names(s, kind), g->channel);
    size_t n = 0;
    if (kind == SUB_CHANNEL && h->namespaces)
        g->place = channel_record_locked(h, s, g->channel, g->data, g->from);
    if (node)
        n += audience_post(node->value, sent_message(g, kind, (struct bytes){0}));
    if (kind == SUB_CHANNEL) /* under the stripe, so that patterns see a channel's order too */
        n += publish_to_patterns(h, g);
    return n;
}

size_t hub_publish(struct hub *h, enum sub_kind kind, struct bytes channel, struct bytes data)
{
    struct sending g = {.channel = channel, .data = data};
    struct stripe *s = hub_stripe(h, channel);
    pthread_mutex_lock(&s->lock);
    size_t n = publish_locked(h, s, kind, &g);
    pthread_mutex_unlock(&s->lock);
    return n;
}

struct publication hub_publish_from(struct hub *h, struct bytes channel, struct bytes data,
                                    const struct publisher *by)
{
    struct sending g = {
        .channel = channel, .data = data, .from = by->from, .except = by->except};
    struct stripe *s = hub_stripe(h, channel);
    struct publication p = {0};
    uint64_t now_ms = by->idempotency_key.n ? clock_wall_ms() : 0;
    pthread_mutex_lock(&s->lock);
    if (!now_ms ||
        !spent_keys_find(&s->keys, channel, by->idempotency_key, data, now_ms, &p)) {
        p.receivers = publish_locked(h, s, SUB_CHANNEL, &g);
        p.at = g.place.at;
        if (now_ms)
            spent_keys_add(&s->keys, channel, by->idempotency_key, data, now_ms, p,
                           IDEMPOTENCY_BYTES_TOTAL / STRIPES);
    }
    pthread_mutex_unlock(&s->lock);
    return p;
}

/* ---- a session's own names ---------------------------------------------------------------------
 */

static void count_subscription(struct session *s, enum sub_kind kind)
{
    atomic_store_explicit(&s->sub_counts[kind], (uint32_t)s->subs->names[kind].n,
                          memory_order_relaxed);
}

static bool subscribe(struct hub *h, const struct change *c, unsigned flags)
{
    struct session *s = c->session;
    if (!s->subs)
        s->subs = mem_calloc(sizeof *s->subs);
    struct namemap *own = &s->subs->names[c->kind];
    if (namemap_find(own, c->name))
        return false;
    namemap_get(own, c->name)->value = (void *)(uintptr_t)flags;
    uint64_t since = change_shared(h, c, 1);
    mailbox_enrol(s->mailbox, c->kind, c->name, s, since, flags);
    count_subscription(s, c->kind);
    return true;
}

bool hub_subscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name)
{
    return hub_subscribe_flags(h, s, kind, name, 0);
}

bool hub_subscribe_flags(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name,
                         unsigned flags)
{
    struct change c = {.session = s, .kind = kind, .name = name};
    return subscribe(h, &c, flags);
}

bool hub_subscribe_with(struct hub *h, struct session *s, struct bytes channel,
                        const struct subscribe_ask *ask, struct history_page *page)
{
    struct change c = {
        .session = s, .kind = SUB_CHANNEL, .name = channel, .ask = ask, .page = page};
    *page = (struct history_page){0};
    return subscribe(h, &c, ask->flags);
}

bool hub_is_subscribed(const struct session *s, enum sub_kind kind, struct bytes name)
{
    return s->subs && namemap_find(&s->subs->names[kind], name);
}

unsigned hub_subscription_flags(const struct session *s, enum sub_kind kind, struct bytes name)
{
    struct name_node *node = s->subs ? namemap_find(&s->subs->names[kind], name) : NULL;
    return node ? (unsigned)(uintptr_t)node->value : 0;
}

bool hub_unsubscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name)
{
    struct name_node *node = s->subs ? namemap_find(&s->subs->names[kind], name) : NULL;
    if (!node)
        return false;
    struct change c = {.session = s, .kind = kind, .name = name};
    uint64_t until = change_shared(h, &c, -1);
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
            struct change c = {.session = s, .kind = (enum sub_kind)kind, .name = node->name};
            change_shared(h, &c, -1);
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
    struct stripe *s = hub_stripe(h, channel);
    pthread_mutex_lock(&s->lock);
    struct name_node *node = namemap_find(stripe_names(s, kind), channel);
    size_t n = audience_count(node ? node->value : NULL);
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
