/* Mailboxes: the queue by which other threads reach a thread's sessions, and the rosters of who
 * listens.
 *
 * Layout. Messages are numbered by their place in the mailbox's history; the queue holds those from
 * posted - n on. A roster is an array of (session, since, until): a message older than `since` was posted
 * before the session subscribed, one from `until` on after it unsubscribed: neither is for it.
 *
 * Locks: the queue's is a leaf; rosters are the owning thread's alone. */
#include "pubsub/mailbox.h"

#include <pthread.h>

#include "base/mem.h"
#include "commands/session.h"
#include "pubsub/channels.h"
#include "pubsub/namemap.h"

#define QUEUE_MIN 32
#define SPARE_MAX 4096 /* a longer queue is given back after it has been drained */

struct queue {
    struct message **at;
    size_t n, cap;
};

struct mailbox {
    struct hub *hub;
    mailbox_wake_fn *wake;
    void *ctx;
    struct namemap rosters[SUB_KINDS]; /* owner's thread: name -> struct roster */
    struct queue spare;                /* owner's thread: empty, kept for its memory */
    pthread_mutex_t lock;
    struct queue queue; /* lock */
    uint64_t posted;    /* lock */
    bool woken;         /* lock */
};

/* The sessions that subscribe to one name. */
struct roster {
    struct listener {
        struct session *session;
        uint64_t since, until;
        unsigned flags;
    } * at;
    size_t n, cap;
};

/* ---- rosters ----------------------------------------------------------------------------------
 */

void mailbox_enrol(struct mailbox *m, enum sub_kind kind, struct bytes name, struct session *s,
                   uint64_t since, unsigned flags)
{
    struct name_node *node = namemap_get(&m->rosters[kind], name);
    if (!node->value)
        node->value = mem_calloc(sizeof(struct roster));
    struct roster *r = node->value;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 2;
        r->at = mem_realloc(r->at, r->cap * sizeof *r->at);
    }
    r->at[r->n++] = (struct listener){s, since, UINT64_MAX, flags};
}

void mailbox_retire(struct mailbox *m, enum sub_kind kind, struct bytes name, struct session *s,
                    uint64_t until)
{
    struct roster *r = namemap_find(&m->rosters[kind], name)->value;
    for (size_t i = 0; i < r->n; i++) {
        if (r->at[i].session == s)
            r->at[i].until = until;
    }
}

void mailbox_expel(struct mailbox *m, enum sub_kind kind, struct bytes name, struct session *s)
{
    struct name_node *node = namemap_find(&m->rosters[kind], name);
    struct roster *r = node->value;
    size_t i = 0;
    while (r->at[i].session != s)
        i++;
    r->at[i] = r->at[--r->n];
    if (r->n)
        return;
    mem_free(r->at);
    mem_free(r);
    namemap_remove(&m->rosters[kind], node);
}

/* ---- the queue --------------------------------------------------------------------------------
 */

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
    for (size_t i = 0; i < m->queue.n; i++)
        message_unref(m->queue.at[i]);
    mem_free(m->queue.at);
    mem_free(m->spare.at);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

static void queue_add(struct queue *q, struct message *msg)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : QUEUE_MIN;
        q->at = mem_realloc(q->at, q->cap * sizeof *q->at);
    }
    q->at[q->n++] = msg;
}

void mailbox_post(struct mailbox *m, struct message *msg)
{
    message_ref(msg);
    pthread_mutex_lock(&m->lock);
    queue_add(&m->queue, msg);
    m->posted++;
    bool wake = !m->woken;
    m->woken = true;
    pthread_mutex_unlock(&m->lock);
    if (wake)
        m->wake(m->ctx);
}

uint64_t mailbox_position(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    uint64_t at = m->posted;
    pthread_mutex_unlock(&m->lock);
    return at;
}

/* Everything queued, and the place of the first in *first; an empty queue stays behind. */
static struct queue take_all(struct mailbox *m, uint64_t *first)
{
    pthread_mutex_lock(&m->lock);
    struct queue taken = m->queue;
    *first = m->posted - taken.n;
    m->woken = false;
    m->queue = m->spare;
    pthread_mutex_unlock(&m->lock);
    m->spare = (struct queue){0};
    return taken;
}

static void keep_spare(struct mailbox *m, struct queue drained)
{
    if (m->spare.cap || drained.cap > SPARE_MAX) {
        mem_free(drained.at);
        return;
    }
    drained.n = 0;
    m->spare = drained;
}

/* ---- delivery ---------------------------------------------------------------------------------
 */

static bool is_for(const struct listener *l, const struct message *msg, uint64_t place)
{
    if (place < l->since || place >= l->until)
        return false;
    if (msg->kind != MESSAGE_PUBLISHED && !(l->flags & SUBSCRIBE_PRESENCE))
        return false;
    return !msg->except || msg->except != l->session->id;
}

static void deliver(struct mailbox *m, struct message *msg, uint64_t place)
{
    struct bytes name = msg->via == SUB_PATTERN ? msg->pattern : msg->channel;
    struct name_node *node = namemap_find(&m->rosters[msg->via], name);
    const struct roster *r = node ? node->value : NULL;
    for (size_t i = 0; r && i < r->n; i++) {
        if (is_for(&r->at[i], msg, place))
            r->at[i].session->ops->deliver(r->at[i].session, msg);
    }
}

/* A kill, a wake-up or a monitor line, for one session, which may be gone by now. */
static void deliver_to_one(struct mailbox *m, struct message *msg)
{
    struct session *s = session_find_in(hub_engine(m->hub), msg->session_id, m);
    if (!s)
        return;
    if (msg->kind == MESSAGE_KILL)
        s->ops->close(s);
    else if (msg->kind == MESSAGE_WAKE)
        s->ops->wake(s, msg->wait_id, (enum wake_reason)msg->reason);
    else if (s->monitor) /* it may have been reset since */
        s->ops->deliver(s, msg);
}

void mailbox_drain(struct mailbox *m)
{
    uint64_t first;
    struct queue taken = take_all(m, &first);
    for (size_t i = 0; i < taken.n; i++) {
        if (taken.at[i]->kind <= MESSAGE_LEAVE)
            deliver(m, taken.at[i], first + i);
        else
            deliver_to_one(m, taken.at[i]);
        message_unref(taken.at[i]);
    }
    keep_spare(m, taken);
}
