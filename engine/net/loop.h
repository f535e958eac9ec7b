/* The event loop of one network thread: epoll, the connections that the thread owns, its mailbox.
 *
 * A connection belongs to one loop, and everything in struct conn is its thread's own. One that sends long commands
 * (vector searches) moves to a loop for such, once and for good, so that nobody waits behind its searches.
 * Other threads reach a loop by loop_hand_over (a new socket) and by its mailbox, both of which wake
 * it through an eventfd.
 *
 * A protocol (RESP, memcached) is a table of functions; conn.c does the reading, writing and closing.
 * Replies are gathered in conn->out and written once per turn. Buffers of idle connections are given back:
 * a quiet connection keeps no memory beyond its struct and session. */
#ifndef ATRIUM_NET_LOOP_H
#define ATRIUM_NET_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "ds/wheel.h"
#include "engine.h"

struct loop;
struct conn;

struct protocol {
    const char *name;
    enum door door;
    const struct session_ops *session_ops;
    /* Makes conn->state; the session exists. */
    void (*open)(struct conn *c);
    /* Takes what it can from c->in (conn_consume) and puts replies into c->out. */
    void (*input)(struct conn *c);
    void (*close)(struct conn *c);
    /* What a client over maxclients is told. */
    const char *full;
    bool moves; /* connections can change their loop */
    /* The connection's blocked command has news: answers into c->out and returns true, or false where it waits
     * on. NULL: nothing blocks in this protocol. */
    bool (*wake)(struct conn *c, enum wake_reason reason);
    /* The log of writes fails while answers wait for it: puts an error into c->out for each of the c->unsynced_n
     * commands, whose answers were taken back. NULL: the connection is closed. */
    void (*lost)(struct conn *c, const char *why);
};

struct conn {
    int fd;
    struct loop *loop;
    const struct protocol *protocol;
    struct session *session;
    void *state;        /* the protocol's */
    struct buf in, out; /* n bytes unread; n - sent bytes unsent */
    size_t consumed;    /* bytes of in that input has taken */
    size_t sent;
    bool closing;    /* close once out is sent */
    bool dead;       /* free at the end of the turn */
    bool dirty;      /* on the loop's list of connections with something to write */
    bool want_write; /* EPOLLOUT is on */
    bool moving;     /* about to leave for a loop for long commands: input is not looked at */
    bool away;       /* between the two loops */
    bool doomed;     /* killed meanwhile */
    bool paused;     /* CLIENT PAUSE: input is tried again soon */
    bool blocked;    /* its command waits for a key: input is not looked at */
    bool held;       /* too much waits to be sent: input is not looked at until it is gone */
    bool ended;      /* the client sends no more, and part of its input is held */
    bool woken;      /* on the loop's list of those to look at again */
    bool
        unsynced; /* on the loop's list of those whose output waits for the log: input is not looked at */
    size_t unsynced_from; /* where in `out` the answers of the last turn begin */
    unsigned unsynced_n;  /* commands answered since then */
    enum wake_reason wake_reason;
    uint64_t seen_in;             /* the last window with an event */
    struct wheel_node deadline;   /* of the blocked command, in loop->deadlines */
    uint64_t soft_limit_since_ms; /* output above the soft limit since then; 0: it is not */
    struct conn *next, *prev;     /* all of the loop */
    struct conn *next_moving, *next_dirty, *next_dead, *next_woken, *next_unsynced;
    _Atomic size_t shown_in, shown_in_free, shown_out; /* for CLIENT LIST */
};

struct loop {
    struct engine *engine;
    int epoll_fd, wake_fd;
    struct mailbox *mailbox;
    pthread_t thread;
    struct conn *conns, *moving, *dirty, *dead, *woken, *unsynced;
    struct log_listener log; /* of the log of writes */
    struct wheel deadlines;  /* of blocked commands */
    bool any_paused;
    struct buf spare_in, spare_out; /* lent to the connection being served */
    uint64_t swept_at_ms;
    /* When to gather requests: loop.c. */
    unsigned short_turns;
    size_t turn_bytes;           /* received in this turn */
    uint64_t window;             /* the present one */
    unsigned active, was_active; /* connections seen in it, and in the one before */
    _Atomic bool stop;
    pthread_mutex_t lock;
    struct handed { /* sockets on their way in; lock */
        int fd;
        const struct protocol *protocol;
        struct net_guest *guest; /* owned; NULL: the socket's peer is the client */
        struct conn *conn;       /* one that moves here, else NULL */
    } * handed;
    size_t handed_n, handed_cap; /* lock */
    bool yields; /* its thread lets others go first where cores are short: for long commands */
    /* Where connections go that send long commands; NULL: they stay. */
    struct loop *(*for_long)(void *ctx);
    void *for_long_ctx;
    /* The listening sockets; in the first loop only. */
    struct listener *listeners;
    size_t nlisteners;
};

/* A listening socket in a loop; accepted ones go to `accepted`. */
struct listener {
    int fd;
    const struct protocol *protocol;
    void (*accepted)(void *ctx, int fd, const struct protocol *protocol);
    void *ctx;
};

bool loop_init(struct loop *l, struct engine *e);
void loop_release(struct loop *l);
void loop_listen(struct loop *l, struct listener *listeners, size_t n);
bool loop_start(struct loop *l);
/* Asks the thread to end, waits for it, closes its connections. */
void loop_stop(struct loop *l);
/* Gives a connected socket to the loop, and the guest, which may be NULL. Any thread. */
void loop_hand_over(struct loop *l, int fd, const struct protocol *protocol,
                    struct net_guest *guest);
/* Gives a connection away that conn_leave has taken out of its loop. In that loop's thread. */
void loop_hand_conn(struct loop *l, struct conn *c);
void loop_wake(struct loop *l);

/* ---- connections; in the loop's thread ----------------------------------------------------------- */

/* `guest`: whom it serves where that is not the socket's peer, else NULL. */
void conn_open(struct loop *l, int fd, const struct protocol *protocol,
               const struct net_guest *guest);
/* Marks bytes of `in` as taken. */
static inline void conn_consume(struct conn *c, size_t n)
{
    c->consumed += n;
}

static inline struct bytes conn_unread(const struct conn *c)
{
    return bytes_of(c->in.p + c->consumed, c->in.n - c->consumed);
}

static inline size_t conn_unsent(const struct conn *c)
{
    return c->out.n - c->sent;
}

/* So much waits to be sent that no further command is taken. What the client sends is still read, up to
 * client-query-buffer-limit: one that writes its whole pipeline before it reads an answer must not hang. */
#define CONN_FULL_BYTES (1024 * 1024)
static inline bool conn_is_full(const struct conn *c)
{
    return conn_unsent(c) >= CONN_FULL_BYTES;
}

/* Something was added to out: it is written before the loop sleeps. */
void conn_mark_dirty(struct conn *c);
/* Its next command is a long one: it leaves for another loop at the end of this turn. */
void conn_move(struct conn *c);
/* Takes a connection out of its loop, in that one's thread; and into `to`, in the thread of this. */
void conn_leave(struct conn *c, struct loop *to);
void conn_arrive(struct conn *c);
/* Close after what is in out has been sent / at the end of this turn. */
void conn_finish(struct conn *c);
void conn_kill(struct conn *c);
void conn_on_event(struct conn *c, uint32_t events);
/* Runs input again after a pause. */
void conn_resume(struct conn *c);
/* The session's command is blocked: no input until it is answered or its deadline passes. */
void conn_block(struct conn *c);
/* There is news for it; looked at after this turn's events. */
void conn_wake(struct conn *c, enum wake_reason reason);
/* Sends what waited for the log and is synced, and looks at the input behind. */
void conn_serve_synced(struct loop *l);
/* Looks at those that were woken or whose time is over. */
void conn_serve_woken(struct loop *l);
void conn_flush(struct conn *c);
void conn_free(struct conn *c);
void conn_sweep(struct loop *l, uint64_t now_ms);

/* session_ops.buffers of both protocols. */
struct session_buffers conn_buffers(const struct session *s);

/* The protocols. */
extern const struct protocol resp_protocol;
extern const struct protocol memcached_protocol;

#endif
