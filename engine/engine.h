/* The engine, as the doors and the program see it: the one header of engine/ that http/, ws/ and atrium.c
 * include. It brings bytes, replies, sessions, configuration and pub/sub with it.
 *
 * A request at any door becomes one command: engine_execute(session, argv, argc, reply). Handlers answer
 * through the reply sink; ACL, statistics, slow log, notifications and limits hold at every door.
 *
 * Threads: any thread may execute commands; it is registered on its first call. A session is used by one
 * thread at a time. */
#ifndef ATRIUM_ENGINE_H
#define ATRIUM_ENGINE_H

#include "base/base64.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "commands/command.h"
#include "commands/error.h"
#include "commands/reply.h"
#include "commands/session.h"
#include "config.h"
#include "pubsub/channels.h"
#include "pubsub/pubsub.h"
#include "pubsub/tickets.h"

#define ATRIUM_VERSION "0.1.0"
/* What clients that ask for Redis's version are told: the grammar level. */
#define ATRIUM_REDIS_VERSION "8.4.0"
/* The same for memcached's. */
#define ATRIUM_MEMCACHED_VERSION "1.6.18 (atrium " ATRIUM_VERSION ")"

struct engine;

/* Takes over `config`. Starts the engine's timer thread and reclaimer. */
struct engine *engine_open(struct config *config);
/* Loads the file dbfilename into the new engine, where there is one. False with a line in `error`: it cannot be loaded,
 * and the program must not go on. */
bool engine_load(struct engine *e, struct buf *error);
/* The same in a thread of its own: what takes a moment only is over on return, else the doors may open meanwhile. */
void engine_load_begin(struct engine *e);
/* Has it failed? `error` says why. */
bool engine_load_failed(struct engine *e, struct buf *error);
/* Ends its threads and frees everything; all sessions are gone by then. */
void engine_close(struct engine *e);

struct config *engine_config(struct engine *e);
struct hub *engine_hub(struct engine *e);

enum engine_result {
    ENGINE_DONE, /* the reply has been given */
    ENGINE_PAUSED, /* CLIENT PAUSE holds: nothing happened, no reply; call again later with the same */
    ENGINE_ELSEWHERE, /* a long command, and the session may move: nothing happened; call again in another thread */
    ENGINE_BLOCKED, /* the command waits: session_ops.wake will tell; the session runs nothing else meanwhile */
};

/* Runs one command. argc >= 1. Errors are replies. The caller holds no lock of the engine. */
enum engine_result engine_execute(struct session *s, const struct bytes *argv, int argc,
                                  struct reply *reply);

/* Where a session's command is blocked: answers it and returns true, or false where it waits on. Called for what
 * session_ops.wake told, and with WAKE_DUE when its time has come (then ask for the next one). In the owner's thread, outside a
 * batch. */
bool engine_wake(struct session *s, enum wake_reason reason, struct reply *reply);
/* The blocked command's id, 0 where there is none; and the time of its end or next try (wall clock, 0: none). */
uint64_t engine_wait_id(const struct session *s);
uint64_t engine_wait_deadline_ms(const struct session *s);

/* ---- replies that wait for the disk --------------------------------------------------------------
 * With appendfsync always an answer leaves only after what its session wrote is on disk. A door that can, goes on with
 * others meanwhile: it asks engine_synced, and where that is false calls engine_log_await and asks again; then
 * `wake` is called, by the log's thread, once more is synced or the log begins to fail. */

/* May the session's answers leave? */
bool engine_synced(const struct session *s);
/* The same of what was written up to a session's log_position; 0: nothing. */
bool engine_synced_at(const struct engine *e, uint64_t position);
bool engine_sync_at(struct engine *e, uint64_t position);
/* Waits until they may. False: the log fails, and nobody knows whether the writes will be there after a crash. */
bool engine_sync(struct session *s);
/* errno of what the log fails with at present, 0: nothing. */
int engine_log_failing(const struct engine *e);

struct log_listener {
    void (*wake)(void *ctx);
    void *ctx;
    _Atomic bool waiting;
    struct log_listener *next; /* the engine's */
};
void engine_log_listen(struct engine *e, struct log_listener *l);
/* Somebody waits: sets `waiting`, and sees to it that what has been written so far is synced. */
void engine_log_await(struct engine *e, struct log_listener *l);
void engine_log_unlisten(struct engine *e, struct log_listener *l);

/* Between these a thread may keep its pass through the gate and a shard's lock from one command to the next
 * (at most 16 commands or 20 us): for pipelines. It must not block in between. */
void engine_batch_begin(struct engine *e);
void engine_batch_end(struct engine *e);

/* Keys that the session is about to ask for, at most ENGINE_HINTS_MAX: what their look-ups read is on its way to the
 * processor's cache meanwhile. A hint; the keys need not be there, nor be keys. */
#define ENGINE_HINTS_MAX 16
void engine_hint(struct session *s, const struct bytes *keys, unsigned n);

/* The thread's own account of what came and went; any thread. */
enum engine_counter {
    COUNTER_COMMANDS,
    COUNTER_CONNECTIONS, /* accepted since start */
    COUNTER_REJECTED,    /* refused by maxclients */
    COUNTER_BYTES_IN,
    COUNTER_BYTES_OUT,
    COUNTER_HITS,
    COUNTER_MISSES,
    COUNTER_ERRORS,
    COUNTER_PUBLISHED,
    COUNTER_OUTPUT_LIMIT_CLOSED,
    COUNTER_MESSAGES_DROPPED, /* for slow WebSockets that asked for it */
    COUNTER_MC_GET_HITS,      /* the memcached door's own, for its stats */
    COUNTER_MC_GET_MISSES,
    COUNTER_MC_SETS,
    COUNTER_MC_TOUCH_HITS,
    COUNTER_MC_TOUCH_MISSES,
    COUNTER_MC_DELETE_HITS,
    COUNTER_MC_DELETE_MISSES,
    COUNTER_MC_INCR_HITS,
    COUNTER_MC_INCR_MISSES,
    COUNTER_MC_DECR_HITS,
    COUNTER_MC_DECR_MISSES,
    COUNTER_MC_CAS_HITS,
    COUNTER_MC_CAS_MISSES,
    COUNTER_MC_CAS_BADVAL,
    COUNTER_MC_FLUSHES,
    COUNTER_COUNT
};
void engine_count(struct engine *e, enum engine_counter c, uint64_t n);
uint64_t engine_counter(struct engine *e, enum engine_counter c);
void engine_reset_counters(struct engine *e);

/* How long the commands of a door took, whole threads added up: bucket i counts those of up to 4^i us, the last one
 * all others. */
#define ENGINE_LATENCY_BUCKETS 13
struct engine_latency {
    uint64_t buckets[ENGINE_LATENCY_BUCKETS], us;
};
struct engine_latency engine_latency(struct engine *e, enum door door);

/* Draining: set when the program is about to end; readyz answers 503 meanwhile. */
void engine_drain(struct engine *e, bool on);
bool engine_ready(const struct engine *e);
/* Before the doors are shut: saves the keys where save points ask for it, and holds writes from then on. False: they
 * cannot be saved, and the program is not to end. */
bool engine_finish(struct engine *e);
/* SHUTDOWN: asks the program to end; it polls or waits for this. */
void engine_request_shutdown(struct engine *e);
bool engine_shutdown_requested(const struct engine *e);

/* ---- the listeners of engine/net/ -------------------------------------------------------------- */

struct net;
/* Opens the RESP and memcached doors that the configuration names and starts their threads; NULL with a
 * line in `error` (a taken port, a bad address). */
struct net *net_open(struct engine *e, struct buf *error);
/* Serves RESP3 on a connected socket of somebody's who stands between: the client is the one at that address. Takes the
 * socket over. Any thread. */
struct net_guest {
    bool authenticated;
    char addr[SESSION_ADDR_MAX], laddr[SESSION_ADDR_MAX];
};
void net_adopt(struct net *n, int fd, const struct net_guest *guest);
/* Stops accepting, ends the threads, closes every connection. */
void net_close(struct net *n);

/* Where the first TCP listener is bound, as a URL's host ("127.0.0.1", "[::1]"); empty where there is none. */
void net_host(const struct net *n, char *host, size_t room);
/* The same of a listening socket. */
void net_socket_host(int fd, char *host, size_t room);

/* A listening socket for the port of that directive on every address of `bind`; fds are appended to `fds` (room for max).
 * Returns their number, or -1 with a line in `error`. Shared with the HTTP door. */
int net_listen(const struct config *c, enum config_id port_id, int *fds, int max,
               struct buf *error);

#endif
