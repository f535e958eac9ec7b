/* The hub's second half: records (histories) and rooms (presence). See channels.h.
 *
 * Memory. The bytes of all records stay within the hub's budget: a publication that would go beyond it first drops the
 * oldest messages of the stripe's least recently used channels; where that does not suffice the message is numbered and
 * not kept. The sweep keeps an eighth of the budget free, so no stripe starves behind others. A record that holds
 * nothing and that nobody subscribes to goes, and its numbers begin anew under another epoch. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "pubsub/hub_parts.h"
#include "pubsub/presence.h"

#define SWEPT_AT_ONCE 8 /* stripes */

/* A channel's history within its stripe's list. */
struct record {
    struct history *history;
    struct name_node *node;
    struct record *older, *newer;
    const struct namespace *ns;
};

/* ---- records ----------------------------------------------------------------------------------- */

static void unlink_record(struct stripe *s, struct record *r)
{
    if (r->older)
        r->older->newer = r->newer;
    else
        s->oldest = r->newer;
    if (r->newer)
        r->newer->older = r->older;
    else
        s->newest = r->older;
    r->older = r->newer = NULL;
}

static void link_newest(struct stripe *s, struct record *r)
{
    r->older = s->newest;
    if (s->newest)
        s->newest->newer = r;
    else
        s->oldest = r;
    s->newest = r;
}

static size_t record_cost(const struct record *r)
{
    return sizeof *r + sizeof *r->history + sizeof *r->node + r->node->name.n;
}

/* Keeps the hub's sum right around a change of the history. */
static void account(struct hub *h, size_t before, size_t after)
{
    atomic_fetch_add_explicit(&h->history_bytes, after - before, memory_order_relaxed);
}

static void forget_record(struct hub *h, struct stripe *s, struct record *r)
{
    account(h, r->history->bytes + record_cost(r), 0);
    unlink_record(s, r);
    history_free(r->history);
    namemap_remove(&s->records, r->node);
    mem_free(r);
}

static struct record *find_record(struct stripe *s, struct bytes channel)
{
    struct name_node *node = namemap_find(&s->records, channel);
    return node ? node->value : NULL;
}

static uint64_t draw_epoch(void)
{
    uint64_t epoch;
    do {
        epoch = rng_u64();
    } while (epoch == 0 || epoch == EPOCH_UNKNOWN);
    return epoch;
}

/* The channel's record, made where the channel keeps a history; NULL where it keeps none. */
static struct record *get_record(struct hub *h, struct stripe *s, struct bytes channel)
{
    struct record *r = find_record(s, channel);
    if (r)
        return r;
    const struct namespace *ns = namespaces_find(h->namespaces, channel);
    if (ns->history_size == 0)
        return NULL;
    r = mem_calloc(sizeof *r);
    r->ns = ns;
    r->history = history_new(draw_epoch());
    r->node = namemap_get(&s->records, channel);
    r->node->value = r;
    r->history->touched_at_ms = clock_wall_ms();
    link_newest(s, r);
    account(h, 0, record_cost(r));
    return r;
}

static void expire_record(struct hub *h, struct record *r, uint64_t now_ms)
{
    size_t before = r->history->bytes;
    if (r->ns->history_ttl_ms && now_ms > r->ns->history_ttl_ms)
        history_expire(r->history, now_ms - r->ns->history_ttl_ms);
    account(h, before, r->history->bytes);
}

/* ---- memory ------------------------------------------------------------------------------------ */

static bool over(struct hub *h, size_t more, size_t budget)
{
    return atomic_load_explicit(&h->history_bytes, memory_order_relaxed) + more > budget;
}

static void give_up_oldest(struct hub *h, struct stripe *s, struct record *r)
{
    size_t before = r->history->bytes;
    history_drop_oldest(r->history);
    account(h, before, r->history->bytes);
    if (r->history->n)
        return;
    unlink_record(s, r); /* to where it does not stand in the way of those that hold some */
    link_newest(s, r);
}

/* Drops old messages of the stripe until `more` bytes fit. */
static bool make_room(struct hub *h, struct stripe *s, size_t more, size_t budget)
{
    struct record *r = s->oldest, *last = s->newest;
    while (r && over(h, more, budget)) {
        struct record *next = r->newer;
        while (r->history->n && over(h, more, budget))
            give_up_oldest(h, s, r);
        r = r == last ? NULL : next;
    }
    return !over(h, more, budget);
}

/* ---- publishing -------------------------------------------------------------------------------- */

struct message_place channel_record_locked(struct hub *h, struct stripe *s, struct bytes channel,
                                           struct bytes data, struct bytes from)
{
    struct record *r = get_record(h, s, channel);
    if (!r)
        return (struct message_place){0};
    uint64_t now_ms = clock_wall_ms();
    unlink_record(s, r);
    link_newest(s, r);
    expire_record(h, r, now_ms);
    bool fits = make_room(h, s, history_cost(channel, data) + from.n, h->history_budget);
    size_t before = r->history->bytes;
    if (fits)
        history_append(r->history, r->ns->history_size, channel, data, from, now_ms);
    else
        history_skip(r->history, now_ms);
    account(h, before, r->history->bytes);
    return (struct message_place){{r->history->epoch, r->history->last}, now_ms};
}

/* ---- pages ------------------------------------------------------------------------------------- */

/* Messages first .. first + n - 1, in that order or the other. */
static void take_page(const struct history *h, uint64_t first, size_t n, bool reverse,
                      struct history_page *page)
{
    page->messages = mem_alloc(n * sizeof *page->messages);
    page->n = n;
    for (size_t i = 0; i < n; i++) {
        struct message *m = history_at(h, first + i);
        message_ref(m);
        page->messages[reverse ? n - 1 - i : i] = m;
    }
}

static size_t page_bytes(const struct history *h, uint64_t first, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const struct message *m = history_at(h, first + i);
        sum += m->data.n + m->from.n;
    }
    return sum;
}

void channel_page_locked(struct hub *h, struct stripe *s, struct bytes channel,
                         const struct subscribe_ask *ask, struct history_page *page)
{
    struct record *r = get_record(h, s, channel);
    page->kept = r != NULL;
    if (!r)
        return;
    struct history *x = r->history;
    expire_record(h, r, clock_wall_ms());
    page->at = (struct position){x->epoch, x->last};
    if (!ask->resume) {
        size_t n = ask->history < x->n ? ask->history : x->n;
        while (n && page_bytes(x, x->last - n + 1, n) > ask->bytes_max)
            n /= 2;
        page->complete = true;
        take_page(x, x->last - n + 1, n, false, page);
        return;
    }
    size_t n = history_covers(x, ask->from) ? (size_t)(x->last - ask->from.offset) : 0;
    page->complete =
        history_covers(x, ask->from) && page_bytes(x, x->last - n + 1, n) <= ask->bytes_max;
    if (page->complete)
        take_page(x, x->last - n + 1, n, false, page);
}

/* Where the page lies: *first and the number of messages. */
static size_t page_range(const struct history *x, const struct history_ask *ask, uint64_t *first)
{
    uint64_t low = history_first(x), high = x->last; /* may be empty: low == high + 1 */
    if (ask->since && !ask->reverse && ask->from.offset >= low)
        low = ask->from.offset < high ? ask->from.offset + 1 : high + 1;
    if (ask->since && ask->reverse && ask->from.offset <= high)
        high = ask->from.offset > low ? ask->from.offset - 1 : low - 1;
    size_t n = (size_t)(high + 1 - low);
    n = n < ask->limit ? n : ask->limit;
    for (;; n /= 2) {
        *first = ask->reverse ? high + 1 - n : low;
        if (n <= 1 || !ask->bytes_max || page_bytes(x, *first, n) <= ask->bytes_max)
            return n;
    }
}

static void read_page(struct hub *h, struct record *r, const struct history_ask *ask,
                      struct history_page *page)
{
    const struct history *x = r->history;
    expire_record(h, r, clock_wall_ms());
    page->at = (struct position){x->epoch, x->last};
    struct position from = ask->from;
    from.epoch = from.epoch ? from.epoch : x->epoch;
    page->complete = !ask->since || from.epoch == x->epoch;
    if (ask->since && !ask->reverse)
        page->complete = history_covers(x, from);
    if (from.epoch != x->epoch && ask->since)
        return; /* its numbers mean other messages */
    uint64_t first;
    size_t n = page_range(x, ask, &first);
    take_page(x, first, n, ask->reverse, page);
}

void hub_history(struct hub *h, struct bytes channel, const struct history_ask *ask,
                 struct history_page *page)
{
    struct stripe *s = hub_stripe(h, channel);
    *page = (struct history_page){0};
    page->kept = namespaces_find(h->namespaces, channel)->history_size > 0;
    pthread_mutex_lock(&s->lock);
    struct record *r = find_record(s, channel);
    if (r)
        read_page(h, r, ask, page);
    else
        page->complete = page->kept && !ask->since;
    pthread_mutex_unlock(&s->lock);
}

void history_page_release(struct history_page *page)
{
    for (size_t i = 0; i < page->n; i++)
        message_unref(page->messages[i]);
    mem_free(page->messages);
    page->messages = NULL;
    page->n = 0;
}

/* ---- presence ---------------------------------------------------------------------------------- */

static struct room *find_room(struct stripe *s, struct bytes channel)
{
    struct name_node *node = s->rooms.n ? namemap_find(&s->rooms, channel) : NULL;
    return node ? node->value : NULL;
}

static void announce(struct hub *h, struct stripe *s, enum message_kind kind, struct bytes channel,
                     const struct room *room, struct member who)
{
    struct audience *a = hub_audience_locked(s, channel);
    if (!a || !namespaces_find(h->namespaces, channel)->join_leave)
        return;
    struct message *m = message_new_from(kind, SUB_CHANNEL, channel, (struct bytes){0},
                                         (struct bytes){0}, who.user);
    m->session_id = m->except = who.client;
    m->clients = (uint32_t)room->clients.n;
    m->users = (uint32_t)room->users.n;
    audience_post(a, m);
}

void channel_enter_locked(struct hub *h, struct stripe *s, struct bytes channel, uint64_t client,
                          struct bytes user)
{
    if (!namespaces_find(h->namespaces, channel)->presence)
        return;
    struct name_node *node = namemap_get(&s->rooms, channel);
    if (!node->value)
        node->value = room_new();
    if (room_add(node->value, client, user))
        announce(h, s, MESSAGE_JOIN, channel, node->value, (struct member){client, user});
}

void channel_leave_locked(struct hub *h, struct stripe *s, struct bytes channel, uint64_t client)
{
    struct room *room = find_room(s, channel);
    struct buf user;
    buf_init(&user);
    if (room && room_remove(room, client, &user)) {
        announce(h, s, MESSAGE_LEAVE, channel, room, (struct member){client, buf_bytes(&user)});
        if (room->clients.n == 0) {
            namemap_remove(&s->rooms, namemap_find(&s->rooms, channel));
            room_free(room);
        }
    }
    buf_release(&user);
}

struct collection {
    struct presence *out;
    size_t cap;
};

static void collect(struct member m, void *ctx)
{
    struct presence *p = ((struct collection *)ctx)->out;
    char *user = mem_alloc(m.user.n);
    if (m.user.n)
        memcpy(user, m.user.p, m.user.n);
    p->members[p->n++] = (struct presence_member){m.client, bytes_of(user, m.user.n)};
}

void hub_presence(struct hub *h, struct bytes channel, size_t limit, struct presence *out)
{
    struct stripe *s = hub_stripe(h, channel);
    *out = (struct presence){.kept = namespaces_find(h->namespaces, channel)->presence};
    pthread_mutex_lock(&s->lock);
    struct room *room = find_room(s, channel);
    if (room) {
        size_t n = room->clients.n < limit ? room->clients.n : limit;
        struct collection c = {out, n};
        out->clients = room->clients.n;
        out->users = room->users.n;
        out->members = mem_alloc(n * sizeof *out->members);
        room_each(room, n, collect, &c);
    }
    pthread_mutex_unlock(&s->lock);
}

void presence_release(struct presence *p)
{
    for (size_t i = 0; i < p->n; i++)
        mem_free((char *)(uintptr_t)p->members[i].user.p);
    mem_free(p->members);
    *p = (struct presence){0};
}

/* ---- the whole --------------------------------------------------------------------------------- */

void hub_configure(struct hub *h, struct namespaces *set, size_t history_budget)
{
    h->namespaces = set;
    h->history_budget = history_budget;
}

const struct namespace *hub_namespace(const struct hub *h, struct bytes channel)
{
    return namespaces_find(h->namespaces, channel);
}

static void sweep_stripe(struct hub *h, struct stripe *s, uint64_t now_ms)
{
    for (struct record *r = s->oldest, *next; r; r = next) {
        next = r->newer;
        expire_record(h, r, now_ms);
        if (r->history->n == 0 && now_ms >= r->history->touched_at_ms + r->ns->history_ttl_ms &&
            !hub_audience_locked(s, r->node->name))
            forget_record(h, s, r);
    }
    make_room(h, s, 0, h->history_budget / 8 * 7);
    spent_keys_expire(&s->keys, now_ms);
}

void hub_sweep(struct hub *h, uint64_t now_ms)
{
    unsigned from = atomic_fetch_add(&h->next_swept, SWEPT_AT_ONCE);
    if (from % STRIPES == 0)
        tickets_sweep(&h->tickets, now_ms);
    for (unsigned i = 0; i < SWEPT_AT_ONCE; i++) {
        struct stripe *s = &h->stripes[(from + i) % STRIPES];
        pthread_mutex_lock(&s->lock);
        sweep_stripe(h, s, now_ms);
        pthread_mutex_unlock(&s->lock);
    }
}

struct history_figures hub_history_figures(struct hub *h)
{
    struct history_figures f = {.bytes = atomic_load(&h->history_bytes)};
    for (int i = 0; i < STRIPES; i++) {
        struct stripe *s = &h->stripes[i];
        pthread_mutex_lock(&s->lock);
        f.channels += s->records.n;
        for (const struct record *r = s->oldest; r; r = r->newer)
            f.messages += r->history->n;
        pthread_mutex_unlock(&s->lock);
    }
    return f;
}

size_t hub_passing_bytes(const struct hub *h)
{
    size_t all = messages_bytes(),
           kept = atomic_load_explicit(&h->history_bytes, memory_order_relaxed);
    return all > kept ? all - kept : 0;
}

static void visit_facts(struct stripe *s, struct bytes name, hub_facts_visit *visit, void *ctx)
{
    const struct record *r = find_record(s, name);
    const struct room *room = find_room(s, name);
    struct channel_facts f = {.name = name};
    f.subscribers = audience_count(hub_audience_locked(s, name));
    f.clients = room ? room->clients.n : 0;
    if (r) {
        f.messages = r->history->n;
        f.at = (struct position){r->history->epoch, r->history->last};
    }
    visit(&f, ctx);
}

void hub_each_channel(struct hub *h, const struct bytes *pattern, hub_facts_visit *visit, void *ctx)
{
    for (int i = 0; i < STRIPES; i++) {
        struct stripe *s = &h->stripes[i];
        pthread_mutex_lock(&s->lock);
        for (int pass = 0; pass < 2; pass++) {
            const struct namemap *m = pass ? &s->records : &s->names[0];
            for (struct name_node *node = namemap_first(m); node; node = namemap_next(m, node)) {
                bool seen = pass && hub_audience_locked(s, node->name);
                if (!seen && (!pattern || bytes_glob(*pattern, node->name, false)))
                    visit_facts(s, node->name, visit, ctx);
            }
        }
        pthread_mutex_unlock(&s->lock);
    }
}

void channels_release(struct hub *h)
{
    for (int i = 0; i < STRIPES; i++) {
        struct stripe *s = &h->stripes[i];
        while (s->oldest)
            forget_record(h, s, s->oldest);
        namemap_release(&s->records);
        for (struct name_node *node = namemap_first(&s->rooms); node;
             node = namemap_next(&s->rooms, node))
            room_free(node->value);
        namemap_release(&s->rooms);
        spent_keys_release(&s->keys);
    }
    namespaces_free(h->namespaces);
}
