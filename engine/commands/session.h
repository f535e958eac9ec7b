/* A session: one connection (RESP, memcached, WebSocket) or one authenticated request context (HTTP), as the
 * engine sees it.
 *
 * Owner: the network thread that runs its commands; only that thread touches the fields, but for those marked
 * atomic, and for the registry's links (registry lock). Other threads reach a session only through its
 * mailbox (pubsub/mailbox.h): a kill, a message. */
#ifndef ATRIUM_COMMANDS_SESSION_H
#define ATRIUM_COMMANDS_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct engine;
struct mailbox;
struct message;
struct subscriptions;
struct transaction;
struct waiter;

enum door { DOOR_RESP, DOOR_MEMCACHED, DOOR_HTTP, DOOR_WEBSOCKET };

enum reply_mode { REPLY_MODE_ON, REPLY_MODE_OFF, REPLY_MODE_SKIP, REPLY_MODE_SKIP_NEXT };

struct session;

/* Why a blocked command is looked at again. */
enum wake_reason {
    WAKE_ANSWERED, /* another command served it */
    WAKE_RETRY,    /* its key is not what it was */
    WAKE_TIMEOUT,  /* CLIENT UNBLOCK ... TIMEOUT */
    WAKE_DUE,      /* the time of engine_wait_deadline_ms has come: its end, or another try */
    WAKE_ERROR, /* CLIENT UNBLOCK ... ERROR */
};

/* A connection's descriptor, what it holds of input that was not looked at and of output that was not sent, and
 * the room left in the former's buffer. */
struct session_buffers {
    int fd;
    size_t in, in_free, out;
};

struct session_ops {
    /* A message for one of the session's subscriptions. Called in the owner's thread by mailbox_drain. */
    void (*deliver)(struct session *s, struct message *m);
    /* Close the connection (CLIENT KILL, shutdown): in the owner's thread. */
    void (*close)(struct session *s);
    /* The socket and its buffers, for CLIENT LIST; any thread, so from atomics. May be NULL. */
    struct session_buffers (*buffers)(const struct session *s);
    /* The blocked command of that id, which may be over by now, has news: call engine_wake soon, not from within.
     * In the owner's thread, by mailbox_drain. NULL: commands do not block at this door. */
    void (*wake)(struct session *s, uint64_t wait_id, enum wake_reason reason);
};

#define SESSION_ADDR_MAX 120 /* a Unix path and ":0" */

struct session {
    uint64_t id;
    enum door door;
    const struct session_ops *ops;
    void *context; /* the door's own */
    struct engine *engine;
    struct mailbox *mailbox; /* of the owning thread; NULL for HTTP */

    _Atomic uint8_t db;   /* these two and the flags below are shown to others by CLIENT LIST */
    _Atomic uint8_t resp; /* 2 or 3 */
    bool authenticated;
    bool close_after_reply; /* QUIT, protocol errors */
    _Atomic bool no_evict, no_touch;
    _Atomic bool monitor;
    enum reply_mode reply_mode;
    struct subscriptions *subs; /* pubsub's; NULL where there are none */
    bool composing;         /* a door without MULTI of its client's makes a transaction by itself */
    struct transaction *tx; /* MULTI and WATCH, commands/transaction.h; NULL until used */
    struct waiter *waiter;  /* the blocked command, commands/wait.h; NULL: none */
    _Atomic uint64_t waiting;       /* its id while it has no answer, 0: none */
    _Atomic uint64_t unblock_asked; /* the id for which CLIENT UNBLOCK was called */

    char addr[SESSION_ADDR_MAX], laddr[SESSION_ADDR_MAX]; /* set once, before it is registered */
    struct bytes name, lib_name,
        lib_ver; /* owned; changed and read by others under the registry lock */

    uint64_t log_position; /* its answers may leave once the log is synced up to there; 0: at once */

    uint64_t created_at_ms;
    _Atomic uint64_t active_at_ms;
    _Atomic(const struct command *) last_command;
    _Atomic uint64_t commands, bytes_in, bytes_out;
    _Atomic int32_t queued;         /* commands since MULTI, -1: no transaction is open */
    _Atomic uint32_t watching;      /* keys that WATCH looks at */
    _Atomic uint32_t sub_counts[3]; /* by enum sub_kind, kept by the hub, for CLIENT LIST */

    struct session *next, *prev; /* registry lock */
    struct session *next_by_id;  /* of the registry's bucket; registry lock */
    bool may_move; /* its owner can hand it to a thread for long commands (session_move) */
    bool killed; /* registry lock: its owner is about to close it, others take it for gone */
};

/* Makes a session. addr and laddr are C strings ("127.0.0.1:6379", "/path:0"). One with a mailbox is a client's
 * connection and is registered: listed, counted and found. One without is a door's own (an HTTP worker's). */
struct session *session_new(struct engine *e, enum door door, const struct session_ops *ops,
                            void *context, struct mailbox *mailbox, const char *addr,
                            const char *laddr);
/* Drops subscriptions, unregisters, frees. In the owner's thread. */
void session_free(struct session *s);
/* RESET, and a fresh start: db 0, RESP2, no name, no subscriptions; authenticated iff no password is set. */
void session_reset(struct session *s);
/* CLIENT SETNAME and HELLO SETNAME; false: the name is not valid and the error has been answered. */
struct exec;
bool session_set_name(struct exec *x, struct bytes name);
/* Is this the user's password? Then the session is authenticated from here on. In constant time. For AUTH, and for the
 * doors that take credentials with a request or a handshake. */
bool session_authenticate(struct session *s, struct bytes user, struct bytes password);
/* Is it in RESP2's subscribe mode (few commands allowed)? */
bool session_subscribed(const struct session *s);

/* fd -1 and nothing where the door does not tell. Any thread. */
struct session_buffers session_buffers(const struct session *s);
/* What it takes, buffers included. Any thread. */
size_t session_bytes(const struct session *s);

/* Calls visit for each session under the registry lock: read only, do not block. */
typedef void session_visit(struct session *s, void *ctx);
void session_each(struct engine *e, session_visit *visit, void *ctx);
/* The session of that id, NULL where there is none. Safe to use in its owner's thread only. */
struct session *session_find(struct engine *e, uint64_t id);
/* The same where it belongs to that mailbox, in whose thread alone it can go. */
struct session *session_find_in(struct engine *e, uint64_t id, const struct mailbox *mailbox);
/* Gives a session to another thread, by its owner: `mailbox` is the new one's. False: it has been killed. Not for one that
 * subscribes, monitors or waits. */
bool session_move(struct session *s, struct mailbox *mailbox);
struct session *session_find_locked(struct engine *e, uint64_t id); /* under the registry lock */
/* Asks the owner of session `id` to close it; false where there is none or it was asked before. Any thread. */
bool session_kill(struct engine *e, uint64_t id);
/* Is its command blocked, and was not asked to give up? Any thread that may look at the session. */
bool session_waits(const struct session *s);
/* CLIENT UNBLOCK: wakes the blocked command of session `id`; false where it has none. Any thread. */
bool session_unblock(struct engine *e, uint64_t id, enum wake_reason reason);
size_t session_count(struct engine *e, enum door door);
/* The registry's lock, for changing name, lib_name, lib_ver. */
void session_lock(struct engine *e);
void session_unlock(struct engine *e);

#endif
