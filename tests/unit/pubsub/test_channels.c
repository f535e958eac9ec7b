#include "pubsub/channels.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "commands/session.h"
#include "pubsub/tickets.h"
#include "tests/unit/suites.h"

static struct namespaces *parse(const char *text)
{
    struct buf error;
    buf_init(&error);
    struct namespaces *set = namespaces_parse(bytes_str(text), &error);
    ck_assert((set == NULL) == (error.n > 0));
    buf_release(&error);
    return set;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

/* ---- namespaces ------------------------------------------------------------------------------- */

START_TEST(the_longest_prefix_counts)
{
    struct namespaces *set = parse("chat: history_size=10 presence=yes  chat:vip: history_size=20 "
                                   "ws_publish=no * history_ttl_ms=5");
    ck_assert_uint_eq(namespaces_find(set, BYTES("chat:a"))->history_size, 10);
    ck_assert(namespaces_find(set, BYTES("chat:a"))->presence);
    ck_assert(namespaces_find(set, BYTES("chat:a"))->ws_publish);
    ck_assert_uint_eq(namespaces_find(set, BYTES("chat:vip:a"))->history_size, 20);
    ck_assert(!namespaces_find(set, BYTES("chat:vip:a"))->ws_publish);
    ck_assert_uint_eq(namespaces_find(set, BYTES("cha"))->history_ttl_ms, 5);
    namespaces_free(set);
    set = parse("");
    ck_assert_uint_eq(namespaces_find(set, BYTES("x"))->history_size, 0);
    namespaces_free(set);
    static const char *const wrong[] = {
        "history_size=1",   "a history_size=", "a history_size=-1",     "a history_size=100001",
        "a presence=maybe", "a colour=red",    "a presence=yes a x=no", "a b a"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_ptr_null(parse(wrong[i]));
}
END_TEST

/* ---- one history against a list ---------------------------------------------------------------- */

#define KEPT_MAX 4096

static void match(const struct history *h, const uint64_t *kept, size_t n)
{
    char text[32];
    history_check(h);
    ck_assert_uint_eq(h->n, n);
    for (size_t i = 0; i < n; i++) {
        const struct message *m = history_at(h, history_first(h) + i);
        int len = snprintf(text, sizeof text, "%llu", (unsigned long long)kept[i]);
        ck_assert(bytes_eq(m->data, bytes_of(text, (size_t)len)));
    }
}

START_TEST(a_history_keeps_the_newest)
{
    static uint64_t kept[KEPT_MAX];
    size_t n = 0, size = 1 + (size_t)rng_below(40);
    struct history *h = history_new(7);
    for (uint64_t step = 1; step <= UNIT_STEPS(3000); step++) {
        char text[32];
        int len = snprintf(text, sizeof text, "%llu", (unsigned long long)step);
        uint64_t dice = rng_below(40);
        if (dice == 0) {
            history_skip(h, step);
            n = 0;
        } else if (dice == 1) {
            uint64_t before = step > 5 ? step - rng_below(5) : 0;
            history_expire(h, before);
            while (n && kept[0] < before) {
                memmove(kept, kept + 1, (n - 1) * sizeof *kept);
                n--;
            }
        } else {
            history_append(h, size, BYTES("c"), bytes_of(text, (size_t)len), BYTES("me"), step);
            if (n == size)
                memmove(kept, kept + 1, --n * sizeof *kept);
            kept[n++] = step;
        }
        match(h, kept, n);
        for (uint64_t at = h->last > 45 ? h->last - 45 : 0; at <= h->last + 1; at++)
            ck_assert_int_eq(history_covers(h, (struct position){7, at}),
                             at <= h->last && h->last - at <= n);
        ck_assert(!history_covers(h, (struct position){8, h->last}));
    }
    history_free(h);
}
END_TEST

/* ---- the hub ----------------------------------------------------------------------------------- */

struct note {
    struct session session;
    uint64_t last, epoch; /* the newest that it has */
    size_t got, joins, leaves;
    uint32_t clients, users;
    bool broken;
};

static void take(struct note *n, const struct message *m)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)m->offset);
    n->broken |= m->offset != n->last + 1 || m->epoch != n->epoch;
    n->broken |= m->from.n == 0 && !bytes_eq(m->data, bytes_of(text, (size_t)len));
    n->last = m->offset;
    n->got++;
}

static void on_message(struct session *s, struct message *m)
{
    struct note *n = s->context;
    if (m->kind == MESSAGE_PUBLISHED) {
        take(n, m);
        return;
    }
    n->joins += m->kind == MESSAGE_JOIN;
    n->leaves += m->kind == MESSAGE_LEAVE;
    n->clients = m->clients;
    n->users = m->users;
}

static const struct session_ops note_ops = {.deliver = on_message};

static void note_init(struct note *n, struct mailbox *box, uint64_t id)
{
    *n = (struct note){.session = {.id = id, .ops = &note_ops, .context = n, .mailbox = box}};
}

/* Joins where it left; takes what the page has. */
static bool resume(struct hub *h, struct note *n, struct bytes channel, struct history_page *page)
{
    struct subscribe_ask ask = {.resume = n->epoch != 0,
                                .from = {n->epoch, n->last},
                                .bytes_max = SIZE_MAX,
                                .user = BYTES("u")};
    ck_assert(hub_subscribe_with(h, &n->session, channel, &ask, page));
    bool whole = page->complete && ask.resume;
    if (!whole)
        n->last = page->at.offset;
    n->epoch = page->at.epoch;
    for (size_t i = 0; i < page->n; i++)
        take(n, page->messages[i]);
    n->broken |= n->last != page->at.offset;
    history_page_release(page);
    return whole;
}

static struct hub *make_hub(const char *namespaces, size_t budget)
{
    struct hub *h = hub_new(NULL);
    hub_configure(h, parse(namespaces), budget);
    return h;
}

static uint64_t publish(struct hub *h, struct bytes channel, const char *text)
{
    struct publisher by = {.from = BYTES("me")};
    return hub_publish_from(h, channel, bytes_str(text), &by).at.offset;
}

START_TEST(who_was_away_catches_up)
{
    struct hub *h = make_hub("chat: history_size=3", 1 << 20);
    struct mailbox *box = mailbox_new(h, no_wake, NULL);
    struct note n;
    struct history_page page;
    note_init(&n, box, 1);
    ck_assert(!resume(h, &n, BYTES("chat:a"), &page));
    ck_assert_uint_eq(publish(h, BYTES("chat:a"), "x"), 1);
    mailbox_drain(box);
    hub_unsubscribe(h, &n.session, SUB_CHANNEL, BYTES("chat:a"));
    for (int i = 0; i < 3; i++)
        publish(h, BYTES("chat:a"), "x");
    ck_assert(resume(h, &n, BYTES("chat:a"), &page));
    ck_assert_uint_eq(n.last, 4);
    hub_unsubscribe(h, &n.session, SUB_CHANNEL, BYTES("chat:a"));
    for (int i = 0; i < 4; i++)
        publish(h, BYTES("chat:a"), "x");
    ck_assert(!resume(h, &n, BYTES("chat:a"), &page)); /* the first of four is gone */
    ck_assert_uint_eq(n.last, 8);
    ck_assert(!n.broken);
    ck_assert_uint_eq(publish(h, BYTES("other"), "x"), 0);
    hub_drop_session(h, &n.session);
    mailbox_free(box);
    hub_free(h);
}
END_TEST

START_TEST(pages_run_both_ways)
{
    struct hub *h = make_hub("* history_size=10", 1 << 20);
    struct history_page page;
    for (int i = 0; i < 15; i++)
        publish(h, BYTES("c"), "x"); /* 6 .. 15 are kept */
    static const struct {
        struct history_ask ask;
        size_t n;
        uint64_t first;
        bool complete;
    } cases[] = {
        {{.limit = 100}, 10, 6, true},
        {{.limit = 3}, 3, 6, true},
        {{.limit = 3, .reverse = true}, 3, 15, true},
        {{.since = true, .from = {0, 12}, .limit = 100}, 3, 13, true},
        {{.since = true, .from = {0, 5}, .limit = 2}, 2, 6, true},
        {{.since = true, .from = {0, 4}, .limit = 2}, 2, 6, false},
        {{.since = true, .from = {0, 15}, .limit = 2}, 0, 0, true},
        {{.since = true, .from = {0, UINT64_MAX}, .limit = 2}, 0, 0, false},
        {{.since = true, .from = {0, UINT64_MAX}, .limit = 2, .reverse = true}, 2, 15, true},
        {{.since = true, .from = {0, 8}, .limit = 9, .reverse = true}, 2, 7, true},
        {{.since = true, .from = {0, 6}, .limit = 9, .reverse = true}, 0, 0, true},
        {{.since = true, .from = {0, 0}, .limit = 9, .reverse = true}, 0, 0, true},
        {{.since = true, .from = {1, 12}, .limit = 9}, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hub_history(h, BYTES("c"), &cases[i].ask, &page);
        ck_assert(page.kept);
        ck_assert_uint_eq(page.n, cases[i].n);
        ck_assert_int_eq(page.complete, cases[i].complete);
        if (page.n)
            ck_assert_uint_eq(page.messages[0]->offset, cases[i].first);
        history_page_release(&page);
    }
    hub_free(h);
}
END_TEST

START_TEST(presence_counts_users_and_connections)
{
    struct hub *h = make_hub("chat: presence=yes join_leave=yes", 0);
    struct mailbox *box = mailbox_new(h, no_wake, NULL);
    static const char *const users[] = {"ann", "bob", "ann"};
    struct note n[3];
    struct history_page page;
    struct presence p;
    for (uint64_t i = 0; i < 3; i++) {
        note_init(&n[i], box, i + 1);
        struct subscribe_ask ask = {.flags = i == 0 ? SUBSCRIBE_PRESENCE : 0,
                                    .user = bytes_str(users[i])};
        ck_assert(hub_subscribe_with(h, &n[i].session, BYTES("chat:a"), &ask, &page));
        ck_assert(!page.kept);
    }
    mailbox_drain(box);
    ck_assert_uint_eq(n[0].joins, 2);
    ck_assert_uint_eq(n[0].clients, 3);
    ck_assert_uint_eq(n[0].users, 2);
    ck_assert_uint_eq(n[1].joins, 0);
    hub_presence(h, BYTES("chat:a"), 2, &p);
    ck_assert(p.kept && p.clients == 3 && p.users == 2 && p.n == 2);
    presence_release(&p);
    hub_unsubscribe(h, &n[2].session, SUB_CHANNEL, BYTES("chat:a"));
    hub_drop_session(h, &n[1].session);
    mailbox_drain(box);
    ck_assert_uint_eq(n[0].leaves, 2);
    ck_assert_uint_eq(n[0].clients, 1);
    hub_drop_session(h, &n[0].session);
    hub_drop_session(h, &n[2].session);
    hub_presence(h, BYTES("chat:a"), 2, &p);
    ck_assert(p.kept && p.clients == 0 && p.n == 0);
    presence_release(&p);
    mailbox_free(box);
    hub_free(h);
}
END_TEST

START_TEST(a_key_publishes_once)
{
    struct hub *h = make_hub("* history_size=10", 1 << 20);
    struct publisher by = {.idempotency_key = BYTES("k")};
    struct publication p = hub_publish_from(h, BYTES("c"), BYTES("one"), &by);
    ck_assert(p.at.offset == 1 && !p.repeated && !p.conflict);
    p = hub_publish_from(h, BYTES("c"), BYTES("one"), &by);
    ck_assert(p.at.offset == 1 && p.repeated);
    p = hub_publish_from(h, BYTES("c"), BYTES("two"), &by);
    ck_assert(p.conflict && !p.repeated);
    p = hub_publish_from(h, BYTES("d"), BYTES("two"), &by);
    ck_assert(!p.conflict && !p.repeated);
    ck_assert_uint_eq(publish(h, BYTES("c"), "x"), 2);
    for (int i = 0; i < 10000; i++) { /* bounded: old keys go */
        char key[32];
        int n = snprintf(key, sizeof key, "%d", i);
        by.idempotency_key = bytes_of(key, (size_t)n);
        hub_publish_from(h, BYTES("c"), BYTES("one"), &by);
    }
    by.idempotency_key = BYTES("k");
    ck_assert(!hub_publish_from(h, BYTES("c"), BYTES("one"), &by).repeated);
    hub_free(h);
}
END_TEST

START_TEST(histories_stay_within_their_memory)
{
    enum { BUDGET = 100000 };
    struct hub *h = make_hub("* history_size=1000 history_ttl_ms=1", BUDGET);
    char name[32], data[2048] = {0};
    struct publisher by = {.from = BYTES("me")};
    for (unsigned i = 0; i < UNIT_STEPS(20000); i++) {
        int n = snprintf(name, sizeof name, "c%u", (unsigned)rng_below(100));
        size_t len = rng_below(100) ? (size_t)rng_below(sizeof data) : BUDGET;
        if (len <= sizeof data)
            hub_publish_from(h, bytes_of(name, (size_t)n), bytes_of(data, len), &by);
        if (i % 1000 == 0)
            ck_assert_uint_le(hub_history_figures(h).bytes, BUDGET);
    }
    ck_assert_uint_gt(hub_history_figures(h).messages, 0);
    for (int i = 0; i < 8; i++)
        hub_sweep(h, clock_wall_ms() + 1000);
    struct history_figures f = hub_history_figures(h);
    ck_assert(f.bytes == 0 && f.messages == 0 && f.channels == 0);
    hub_free(h);
}
END_TEST

START_TEST(a_ticket_is_good_once)
{
    struct hub *h = make_hub("", 0);
    struct bytes patterns[] = {BYTES("chat:*"), BYTES("news")};
    struct grant ask = {.user = BYTES("ann"), .channels = patterns, .n = 2};
    char one[TICKET_TEXT], two[TICKET_TEXT];
    ck_assert(hub_ticket_issue(h, &ask, 60000, one) && hub_ticket_issue(h, &ask, 1, two));
    ck_assert(!hub_ticket_issue(h, &ask, 0, two) && !hub_ticket_redeem(h, BYTES("")));
    ck_assert(hub_ticket_exists(h, bytes_str(one)));
    struct grant *g = hub_ticket_redeem(h, bytes_str(one));
    ck_assert(g && bytes_eq(g->user, BYTES("ann")) && grant_allows(g, BYTES("chat:a")) &&
              grant_allows(g, BYTES("news")) && !grant_allows(g, BYTES("newsx")));
    ck_assert(grant_allows(NULL, BYTES("x")));
    grant_free(g);
    ck_assert_ptr_null(hub_ticket_redeem(h, bytes_str(one)));
    while (hub_ticket_exists(h, bytes_str(two)))
        continue;
    ck_assert_ptr_null(hub_ticket_redeem(h, bytes_str(two)));
    hub_free(h);
}
END_TEST

/* ---- many threads: none missing, none twice ------------------------------------------------------ */

#define PUBLISHERS 2
#define READERS    3

struct crowd {
    struct hub *hub;
    unsigned number; /* of publications, by each */
    _Atomic unsigned running;
    _Atomic unsigned recovered, lost;
};

static void *publish_main(void *arg)
{
    struct crowd *c = arg;
    struct publisher by = {.from = BYTES("me")};
    mem_thread_register();
    for (unsigned i = 0; i < c->number; i++)
        hub_publish_from(c->hub, BYTES("chat:a"), BYTES("data"), &by);
    atomic_fetch_sub(&c->running, 1);
    return NULL;
}

static void *read_main(void *arg)
{
    struct crowd *c = arg;
    struct mailbox *box = mailbox_new(c->hub, no_wake, NULL);
    struct history_page page;
    struct note n;
    bool over = false;
    mem_thread_register();
    note_init(&n, box, rng_u64() | 1);
    while (!over) {
        bool again = n.epoch != 0;
        over = again && atomic_load(&c->running) == 0;
        if (resume(c->hub, &n, BYTES("chat:a"), &page))
            atomic_fetch_add(&c->recovered, 1);
        else if (again)
            atomic_fetch_add(&c->lost, 1);
        for (uint64_t turns = rng_below(20); turns; turns--)
            mailbox_drain(box);
        if (rng_below(2))
            hub_unsubscribe(c->hub, &n.session, SUB_CHANNEL, BYTES("chat:a"));
        else
            hub_drop_session(c->hub,
                             &n.session); /* what is under way is lost with it, and read again */
        mailbox_drain(box);
    }
    ck_assert(!n.broken);
    ck_assert_uint_eq(n.last, (uint64_t)PUBLISHERS * c->number);
    hub_drop_session(c->hub, &n.session);
    mailbox_free(box);
    return NULL;
}

static void *sweep_main(void *arg)
{
    struct crowd *c = arg;
    while (atomic_load(&c->running)) {
        hub_sweep(c->hub, clock_wall_ms());
        hub_history_figures(c->hub);
    }
    return NULL;
}

START_TEST(resuming_is_atomic_with_going_live)
{
    struct crowd c = {.hub =
                          make_hub("chat: history_size=500 presence=yes join_leave=yes", 1 << 20),
                      .number = UNIT_STEPS(20000),
                      .running = PUBLISHERS};
    pthread_t threads[PUBLISHERS + READERS + 1];
    for (int i = 0; i < PUBLISHERS + READERS + 1; i++)
        pthread_create(&threads[i], NULL,
                       i < PUBLISHERS             ? publish_main
                       : i < PUBLISHERS + READERS ? read_main
                                                  : sweep_main,
                       &c);
    for (int i = 0; i < PUBLISHERS + READERS + 1; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_gt(c.recovered, 0);
    hub_free(c.hub);
}
END_TEST

Suite *suite_channels(void)
{
    Suite *s = suite_create("channels");
    TCase *t = tcase_create("all");
    tcase_add_test(t, the_longest_prefix_counts);
    tcase_add_test(t, a_history_keeps_the_newest);
    tcase_add_test(t, who_was_away_catches_up);
    tcase_add_test(t, pages_run_both_ways);
    tcase_add_test(t, presence_counts_users_and_connections);
    tcase_add_test(t, a_key_publishes_once);
    tcase_add_test(t, histories_stay_within_their_memory);
    tcase_add_test(t, a_ticket_is_good_once);
    tcase_add_test(t, resuming_is_atomic_with_going_live);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}
