#include "pubsub/pubsub.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "commands/session.h"
#include "tests/unit/suites.h"

/* ---- listeners that write down what they get
 * ----------------------------------------------------- */

#define PUBLISHERS 4
#define CHANNELS   6

struct listener {
    struct session session;
    size_t got;
    uint64_t last[PUBLISHERS]
                 [CHANNELS]; /* the number of the last message, by publisher and channel */
    bool disordered;
};

/* Data is "<publisher> <number>"; channels are "c0".., so that the digit is the index. */
static void note(struct session *s, struct message *m)
{
    struct listener *l = s->context;
    char text[64] = {0};
    memcpy(text, m->data.p, m->data.n < sizeof text ? m->data.n : sizeof text - 1);
    unsigned publisher = (unsigned)strtoul(text, NULL, 10);
    uint64_t number = strtoull(strchr(text, ' '), NULL, 10);
    uint64_t *last = &l->last[publisher][m->channel.p[1] - '0'];
    l->got++;
    if (m->via == SUB_CHANNEL) {
        l->disordered |= number <= *last;
        *last = number;
    }
}

static const struct session_ops note_ops = {.deliver = note};

static void no_wake(void *ctx)
{
    atomic_fetch_add((_Atomic unsigned *)ctx, 1);
}

static void listener_init(struct listener *l, struct mailbox *box)
{
    *l = (struct listener){.session = {.ops = &note_ops, .context = l, .mailbox = box}};
}

static struct bytes channel_name(unsigned i)
{
    static const char *const names[CHANNELS] = {"c0", "c1", "c2", "c3", "c4", "c5"};
    return bytes_str(names[i]);
}

static size_t publish_number(struct hub *h, enum sub_kind kind, unsigned publisher,
                             unsigned channel, uint64_t number)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%u %llu", publisher, (unsigned long long)number);
    return hub_publish(h, kind, channel_name(channel), bytes_of(text, (size_t)n));
}

/* ---- against a model
 * -------------------------------------------------------------------------------- */

#define BOXES    3
#define SESSIONS 9
#define PATTERNS 4

static const char *const patterns[PATTERNS] = {"c*", "c[0-2]", "?1", "x*"};

struct world {
    struct hub *hub;
    _Atomic unsigned wakes[BOXES];
    struct mailbox *boxes[BOXES];
    struct listener sessions[SESSIONS];
    bool member[SESSIONS][SUB_KINDS][CHANNELS];
    size_t expected[SESSIONS];
    uint64_t number;
};

static void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->hub = hub_new(NULL);
    for (int i = 0; i < BOXES; i++)
        w->boxes[i] = mailbox_new(w->hub, no_wake, &w->wakes[i]);
    for (int i = 0; i < SESSIONS; i++)
        listener_init(&w->sessions[i], w->boxes[i % BOXES]);
}

static void world_release(struct world *w)
{
    for (int i = 0; i < SESSIONS; i++)
        hub_drop_session(w->hub, &w->sessions[i].session);
    ck_assert_uint_eq(hub_pattern_count(w->hub), 0);
    for (int i = 0; i < BOXES; i++)
        mailbox_free(w->boxes[i]);
    hub_free(w->hub);
}

static struct bytes name_of(enum sub_kind kind, unsigned i)
{
    return kind == SUB_PATTERN ? bytes_str(patterns[i]) : channel_name(i);
}

static void change_one(struct world *w, bool join)
{
    unsigned s = (unsigned)rng_below(SESSIONS);
    enum sub_kind kind = (enum sub_kind)rng_below(SUB_KINDS);
    unsigned i = (unsigned)rng_below(kind == SUB_PATTERN ? PATTERNS : CHANNELS);
    struct session *session = &w->sessions[s].session;
    bool *member = &w->member[s][kind][i];
    bool changed = join ? hub_subscribe(w->hub, session, kind, name_of(kind, i))
                        : hub_unsubscribe(w->hub, session, kind, name_of(kind, i));
    ck_assert(changed == (*member != join));
    *member = join;
}

/* How many subscriptions of session s a message to channel i matches. */
static size_t matches(const struct world *w, unsigned s, enum sub_kind kind, unsigned i)
{
    size_t n = w->member[s][kind][i];
    for (unsigned p = 0; kind == SUB_CHANNEL && p < PATTERNS; p++)
        n += w->member[s][SUB_PATTERN][p] &&
             bytes_glob(bytes_str(patterns[p]), channel_name(i), false);
    return n;
}

static void publish_one(struct world *w)
{
    enum sub_kind kind = rng_below(4) ? SUB_CHANNEL : SUB_SHARD;
    unsigned i = (unsigned)rng_below(CHANNELS);
    size_t want = 0;
    for (unsigned s = 0; s < SESSIONS; s++) {
        w->expected[s] += matches(w, s, kind, i);
        want += matches(w, s, kind, i);
    }
    ck_assert_uint_eq(publish_number(w->hub, kind, 0, i, ++w->number), want);
}

static void add_one(struct bytes name, void *ctx)
{
    (void)name;
    ++*(size_t *)ctx;
}

static void world_check(struct world *w)
{
    for (int i = 0; i < BOXES; i++)
        mailbox_drain(w->boxes[i]);
    size_t channels = 0, listed = 0, used = 0;
    for (unsigned i = 0; i < CHANNELS; i++) {
        size_t n = 0;
        for (unsigned s = 0; s < SESSIONS; s++)
            n += w->member[s][SUB_CHANNEL][i];
        ck_assert_uint_eq(hub_subscribers(w->hub, SUB_CHANNEL, channel_name(i)), n);
        channels += n > 0;
    }
    hub_channels(w->hub, SUB_CHANNEL, NULL, add_one, &listed);
    ck_assert_uint_eq(listed, channels);
    for (unsigned p = 0; p < PATTERNS; p++) {
        size_t n = 0;
        for (unsigned s = 0; s < SESSIONS; s++)
            n += w->member[s][SUB_PATTERN][p];
        used += n > 0;
    }
    ck_assert_uint_eq(hub_pattern_count(w->hub), used);
    for (unsigned s = 0; s < SESSIONS; s++) {
        ck_assert_uint_eq(w->sessions[s].got, w->expected[s]);
        ck_assert(!w->sessions[s].disordered);
    }
}

START_TEST(receivers_are_as_in_a_model)
{
    struct world w;
    rng_seed(7);
    world_init(&w);
    for (int step = 0; step < 20000; step++) {
        uint64_t what = rng_below(10);
        if (what < 3)
            change_one(&w, true);
        else if (what < 5)
            change_one(&w, false);
        else if (what < 9)
            publish_one(&w);
        else
            world_check(&w);
    }
    world_check(&w);
    world_release(&w);
}
END_TEST

START_TEST(a_late_subscriber_gets_nothing_older)
{
    struct world w;
    world_init(&w);
    struct session *early = &w.sessions[0].session, *late = &w.sessions[BOXES].session;
    ck_assert_ptr_eq(early->mailbox, late->mailbox);
    hub_subscribe(w.hub, early, SUB_CHANNEL, channel_name(0));
    ck_assert_uint_eq(publish_number(w.hub, SUB_CHANNEL, 0, 0, 1), 1);
    hub_subscribe(w.hub, late, SUB_CHANNEL, channel_name(0));
    hub_subscribe(w.hub, late, SUB_PATTERN, BYTES("c*"));
    mailbox_drain(early->mailbox);
    ck_assert_uint_eq(w.sessions[0].got, 1);
    ck_assert_uint_eq(w.sessions[BOXES].got, 0);
    ck_assert_uint_eq(publish_number(w.hub, SUB_CHANNEL, 0, 0, 2), 3);
    hub_unsubscribe(w.hub, late, SUB_CHANNEL, channel_name(0)); /* what is under way still comes */
    ck_assert_uint_eq(w.sessions[BOXES].got, 2);
    world_release(&w);
}
END_TEST

START_TEST(a_mailbox_is_woken_once_until_it_is_drained)
{
    struct world w;
    world_init(&w);
    hub_subscribe(w.hub, &w.sessions[0].session, SUB_CHANNEL, channel_name(0));
    for (uint64_t i = 1; i <= 10; i++)
        publish_number(w.hub, SUB_CHANNEL, 0, 0, i);
    ck_assert_uint_eq(w.wakes[0], 1);
    mailbox_drain(w.boxes[0]);
    publish_number(w.hub, SUB_CHANNEL, 0, 0, 11);
    ck_assert_uint_eq(w.wakes[0], 2);
    ck_assert_uint_eq(w.wakes[1], 0);
    mailbox_drain(w.boxes[0]);
    ck_assert_uint_eq(w.sessions[0].got, 11);
    world_release(&w);
}
END_TEST

START_TEST(messages_on_their_way_are_counted)
{
    struct world w;
    world_init(&w);
    size_t before = messages_bytes();
    hub_subscribe(w.hub, &w.sessions[0].session, SUB_CHANNEL, channel_name(0));
    hub_subscribe(w.hub, &w.sessions[1].session, SUB_CHANNEL, channel_name(0));
    for (uint64_t i = 1; i <= 100; i++)
        publish_number(w.hub, SUB_CHANNEL, 0, 0, i);
    ck_assert_uint_ge(messages_bytes(), before + 100 * sizeof(struct message));
    mailbox_drain(w.boxes[0]);
    ck_assert_uint_gt(messages_bytes(), before);
    mailbox_drain(w.boxes[1]);
    ck_assert_uint_eq(messages_bytes(), before);
    world_release(&w);
}
END_TEST

/* ---- threads
 * ----------------------------------------------------------------------------------------- */

#define ROUNDS 4000

struct crowd {
    struct hub *hub;
    _Atomic unsigned wakes;
    _Atomic size_t counted, delivered, disordered;
    pthread_barrier_t all_published;
    _Atomic unsigned next;
};

/* Each thread: sessions of its own come and go while it publishes. What PUBLISH counted must
 * arrive. */
static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    unsigned self = atomic_fetch_add(&c->next, 1);
    struct mailbox *box = mailbox_new(c->hub, no_wake, &c->wakes);
    struct listener own[3];
    size_t counted = 0;
    rng_seed(self + 1);
    for (int i = 0; i < 3; i++)
        listener_init(&own[i], box);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct session *s = &own[rng_below(3)].session;
        bool pattern = rng_below(4) == 0;
        enum sub_kind kind = pattern ? SUB_PATTERN : SUB_CHANNEL;
        struct bytes name = pattern ? BYTES("c*") : channel_name((unsigned)rng_below(CHANNELS));
        uint64_t what = rng_below(8);
        if (what == 0)
            hub_subscribe(c->hub, s, kind, name);
        else if (what == 1)
            hub_unsubscribe(c->hub, s, kind, name);
        else if (what == 2)
            mailbox_drain(box);
        else
            counted +=
                publish_number(c->hub, SUB_CHANNEL, self, (unsigned)rng_below(CHANNELS), round);
    }
    pthread_barrier_wait(&c->all_published);
    mailbox_drain(box);
    atomic_fetch_add(&c->counted, counted);
    for (int i = 0; i < 3; i++) {
        atomic_fetch_add(&c->delivered, own[i].got);
        atomic_fetch_add(&c->disordered, own[i].disordered);
        hub_drop_session(c->hub, &own[i].session);
    }
    mailbox_free(box);
    return NULL;
}

START_TEST(threads_deliver_what_they_count)
{
    struct crowd c = {.hub = hub_new(NULL)};
    pthread_t threads[PUBLISHERS];
    pthread_barrier_init(&c.all_published, NULL, PUBLISHERS);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_create(&threads[i], NULL, crowd_main, &c);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_gt(c.counted, 0);
    ck_assert_uint_eq(c.counted, c.delivered);
    ck_assert_uint_eq(c.disordered, 0);
    pthread_barrier_destroy(&c.all_published);
    hub_free(c.hub);
}
END_TEST

/* ---- encodings
 * ------------------------------------------------------------------------------------------ */

START_TEST(a_message_is_encoded_as_redis_does)
{
    struct message *m =
        message_new(MESSAGE_PUBLISHED, SUB_PATTERN, BYTES("ch"), BYTES("c*"), BYTES("a\0b"));
    struct bytes two = message_encoding(m, MESSAGE_RESP2, message_encode_resp2);
    struct bytes three = message_encoding(m, MESSAGE_RESP3, message_encode_resp3);
    ck_assert(
        bytes_eq(two, BYTES("*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$3\r\na\0b\r\n")));
    ck_assert_int_eq(three.p[0], '>');
    ck_assert(bytes_eq(bytes_of(three.p + 1, three.n - 1), bytes_of(two.p + 1, two.n - 1)));
    ck_assert_ptr_eq(message_encoding(m, MESSAGE_RESP2, message_encode_resp2).p, two.p);
    message_unref(m);
    m = message_new(MESSAGE_PUBLISHED, SUB_SHARD, BYTES("ch"), BYTES(""), BYTES(""));
    ck_assert(bytes_eq(message_encoding(m, MESSAGE_RESP2, message_encode_resp2),
                       BYTES("*3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$0\r\n\r\n")));
    message_unref(m);
}
END_TEST

Suite *suite_hub(void)
{
    Suite *s = suite_create("hub");
    TCase *t = tcase_create("hub");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, receivers_are_as_in_a_model);
    tcase_add_test(t, a_late_subscriber_gets_nothing_older);
    tcase_add_test(t, a_mailbox_is_woken_once_until_it_is_drained);
    tcase_add_test(t, messages_on_their_way_are_counted);
    tcase_add_test(t, threads_deliver_what_they_count);
    tcase_add_test(t, a_message_is_encoded_as_redis_does);
    suite_add_tcase(s, t);
    return s;
}
