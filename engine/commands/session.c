#include "commands/session.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/transaction.h"
#include "commands/wait.h"
#include "internal.h"

static void free_text(struct bytes *s)
{
    mem_free((void *)(uintptr_t)s->p);
    *s = (struct bytes){0};
}

static void set_defaults(struct session *s)
{
    s->db = 0;
    s->resp = 2;
    s->authenticated = config_is_empty(s->engine->config, CONFIG_REQUIREPASS);
    s->no_evict = s->no_touch = s->monitor = false;
    s->reply_mode = REPLY_MODE_ON;
}

static struct session **bucket_of(struct engine *e, uint64_t id)
{
    return &e->sessions_by_id[id % SESSION_BUCKETS];
}

static void register_locked(struct engine *e, struct session *s)
{
    s->next = e->sessions;
    if (s->next)
        s->next->prev = s;
    e->sessions = s;
    struct session **b = bucket_of(e, s->id);
    s->next_by_id = *b;
    *b = s;
    e->session_counts[s->door]++;
}

static void unregister_locked(struct engine *e, struct session *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        e->sessions = s->next;
    if (s->next)
        s->next->prev = s->prev;
    struct session **b = bucket_of(e, s->id);
    while (*b != s)
        b = &(*b)->next_by_id;
    *b = s->next_by_id;
    e->session_counts[s->door]--;
}

struct session *session_new(struct engine *e, enum door door, const struct session_ops *ops,
                            void *context, struct mailbox *mailbox, const char *addr,
                            const char *laddr)
{
    struct session *s = mem_calloc(sizeof *s);
    s->door = door;
    s->ops = ops;
    s->context = context;
    s->engine = e;
    s->mailbox = mailbox;
    s->created_at_ms = clock_wall_ms();
    atomic_init(&s->active_at_ms, s->created_at_ms);
    atomic_init(&s->queued, -1);
    snprintf(s->addr, sizeof s->addr, "%s", addr);
    snprintf(s->laddr, sizeof s->laddr, "%s", laddr);
    set_defaults(s);
    pthread_mutex_lock(&e->sessions_lock);
    s->id = e->next_session_id++;
    if (mailbox)
        register_locked(e, s);
    pthread_mutex_unlock(&e->sessions_lock);
    return s;
}

void session_free(struct session *s)
{
    struct engine *e = s->engine;
    wait_cancel(s);
    transaction_free(s);
    monitor_leave(&e->monitor, s);
    hub_drop_session(e->hub, s);
    pthread_mutex_lock(&e->sessions_lock);
    if (s->mailbox)
        unregister_locked(e, s);
    pthread_mutex_unlock(&e->sessions_lock);
    free_text(&s->name);
    free_text(&s->lib_name);
    free_text(&s->lib_ver);
    mem_free(s);
}

void session_reset(struct session *s)
{
    transaction_discard(s);
    monitor_leave(&s->engine->monitor, s);
    hub_drop_session(s->engine->hub, s);
    set_defaults(s);
    session_lock(s->engine);
    free_text(&s->name);
    session_unlock(s->engine);
}

bool session_authenticate(struct session *s, struct bytes user, struct bytes password)
{
    struct buf wanted;
    buf_init(&wanted);
    config_string(s->engine->config, CONFIG_REQUIREPASS, &wanted);
    bool fits = bytes_eq(user, BYTES("default")) &&
                (wanted.n == 0 || bytes_eq_secret(password, buf_bytes(&wanted)));
    if (wanted.p)
        explicit_bzero(wanted.p, wanted.cap);
    buf_release(&wanted);
    s->authenticated |= fits;
    return fits;
}

bool session_subscribed(const struct session *s)
{
    return s->subs && (hub_session_count(s, SUB_CHANNEL) || hub_session_count(s, SUB_SHARD));
}

struct session_buffers session_buffers(const struct session *s)
{
    return s->ops && s->ops->buffers ? s->ops->buffers(s) : (struct session_buffers){.fd = -1};
}

size_t session_bytes(const struct session *s)
{
    struct session_buffers b = session_buffers(s);
    return sizeof *s + b.in + b.in_free + b.out;
}

void session_lock(struct engine *e)
{
    pthread_mutex_lock(&e->sessions_lock);
}

void session_unlock(struct engine *e)
{
    pthread_mutex_unlock(&e->sessions_lock);
}

void session_each(struct engine *e, session_visit *visit, void *ctx)
{
    session_lock(e);
    for (struct session *s = e->sessions; s; s = s->next)
        visit(s, ctx);
    session_unlock(e);
}

size_t session_count(struct engine *e, enum door door)
{
    session_lock(e);
    size_t n = e->session_counts[door];
    session_unlock(e);
    return n;
}

struct session *session_find_locked(struct engine *e, uint64_t id)
{
    struct session *s = *bucket_of(e, id);
    while (s && s->id != id)
        s = s->next_by_id;
    return s;
}

struct session *session_find(struct engine *e, uint64_t id)
{
    session_lock(e);
    struct session *s = session_find_locked(e, id);
    session_unlock(e);
    return s;
}

struct session *session_find_in(struct engine *e, uint64_t id, const struct mailbox *mailbox)
{
    session_lock(e);
    struct session *s = session_find_locked(e, id);
    if (s && s->mailbox != mailbox)
        s = NULL;
    session_unlock(e);
    return s;
}

bool session_move(struct session *s, struct mailbox *mailbox)
{
    session_lock(s->engine);
    s->mailbox = mailbox;
    s->may_move = false;
    bool lives = !s->killed;
    session_unlock(s->engine);
    return lives;
}

bool session_kill(struct engine *e, uint64_t id)
{
    struct message *m = message_new(MESSAGE_KILL, SUB_CHANNEL, (struct bytes){0}, (struct bytes){0},
                                    (struct bytes){0});
    m->session_id = id;
    session_lock(e);
    struct session *s = session_find_locked(e, id);
    bool found = s && s->mailbox && !s->killed;
    if (found) {
        s->killed = true;
        mailbox_post(s->mailbox, m);
    }
    session_unlock(e);
    message_unref(m);
    return found;
}
