/* Publish and subscribe: one channel space for every door.
 *
 * Layout. The hub maps a channel to the mailboxes (one a network thread) that have subscribers,
 * with their number. Publishing makes one reference-counted message, appends a reference to each
 * such mailbox, wakes it once, and knows the number of receivers without asking. The owning thread
 * drains its mailbox and hands the message to its own subscribers. A message is encoded once per
 * format (message_encoding). PUBLISH drains its own thread's mailbox before it answers, so a client
 * that is subscribed to what it publishes sees the push before the reply, as with Redis.
 *
 * A keyspace event is published within the command that causes it and reaches the command's own
 * client after the reply; Redis sends it before.
 *
 * Order: messages to one channel reach every mailbox in the same order (they are appended under the
 * channel's stripe). Locks: stripes by channel hash, then the pattern lock, then mailbox locks
 * (leaves). The thread-local side (which sessions) is the owner's alone and has no lock. */
#ifndef ATRIUM_PUBSUB_PUBSUB_H
#define ATRIUM_PUBSUB_PUBSUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct engine;
struct hub;
struct mailbox;
struct session;

enum sub_kind { SUB_CHANNEL, SUB_PATTERN, SUB_SHARD, SUB_KINDS };

/* Formats a message is encoded in, each at most once. */
enum message_format {
    MESSAGE_RESP2,
    MESSAGE_RESP3,
    MESSAGE_WS_JSON,
    MESSAGE_WS_BINARY,
    MESSAGE_WS_JSON_DEFLATED,
    MESSAGE_WS_BINARY_DEFLATED,
    MESSAGE_EVENT,
    MESSAGE_FORMATS
};

enum message_kind {
    MESSAGE_PUBLISHED,
    MESSAGE_JOIN, /* somebody came to the channel, or left: for who asked for it, see channels.h */
    MESSAGE_LEAVE,
    MESSAGE_KILL,
    MESSAGE_MONITOR,
    MESSAGE_WAKE
};

struct message {
    _Atomic uint32_t refs;
    enum message_kind kind;
    enum sub_kind via;                   /* which kind of subscription it matched */
    struct bytes channel, pattern, data; /* inside this allocation; pattern for SUB_PATTERN */
    struct bytes from;                   /* the same: the user who published, came or left; may be empty */
    uint64_t published_at_ms;
    uint64_t epoch, offset; /* its place in the channel's history; 0: there is none */
    uint64_t except;        /* the session that does not get it, 0: all do */
    uint64_t session_id; /* JOIN and LEAVE: who; KILL, MONITOR and WAKE: for whom */
    uint32_t clients, users; /* JOIN and LEAVE: how many are there now */
    uint64_t wait_id;    /* MESSAGE_WAKE: which blocked command */
    int reason;          /* MESSAGE_WAKE: enum wake_reason */
    _Atomic(struct buf *) encoded[MESSAGE_FORMATS];
};

/* A message with one reference; the slices are copied. */
struct message *message_new(enum message_kind kind, enum sub_kind via, struct bytes channel,
                            struct bytes pattern, struct bytes data);
struct message *message_new_from(enum message_kind kind, enum sub_kind via, struct bytes channel,
                                 struct bytes pattern, struct bytes data, struct bytes from);
void message_ref(struct message *m);
void message_unref(struct message *m);
/* The message in that format, made by `encode` the first time, by whichever thread comes first.
 * Lives as long as the message. */
typedef void message_encode_fn(const struct message *m, struct buf *out);
struct bytes message_encoding(struct message *m, enum message_format f, message_encode_fn *encode);
/* What all messages take that there are, those of histories too. Any thread. */
size_t messages_bytes(void);

/* The push as a RESP client sees it: message, pmessage or smessage; a monitor line as it is. */
message_encode_fn message_encode_resp2;
message_encode_fn message_encode_resp3;

/* ---- the hub --------------------------------------------------------------------------------- */

/* The engine is where a MESSAGE_KILL or MESSAGE_MONITOR finds its session; not used otherwise. */
struct hub *hub_new(struct engine *e);
/* Once, before anybody subscribes: what channels keep (owned from here on), and how many bytes all histories may take. */
struct namespaces;
void hub_configure(struct hub *h, struct namespaces *set, size_t history_budget);
/* A part of the upkeep: forgets what is past its time. By the engine's timer, ten times a second. */
void hub_sweep(struct hub *h, uint64_t now_ms);
void hub_free(struct hub *h);
struct engine *hub_engine(struct hub *h);

/* Returns the number of subscriptions that get it. kind: SUB_CHANNEL (patterns too) or SUB_SHARD.
 * Any thread, no lock above pub/sub's held (see keyspace/shard.h for the order). */
size_t hub_publish(struct hub *h, enum sub_kind kind, struct bytes channel, struct bytes data);

/* In the session's owning thread. True where it was not subscribed before (or was, for
 * unsubscribe). A session gets exactly the messages that counted it as a receiver: none that was
 * published before it subscribed, and unsubscribing first drains the mailbox, so that those under
 * way still come. Only hub_drop_session loses them, with the session. */
bool hub_subscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name);
bool hub_unsubscribe(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name);
void hub_drop_session(struct hub *h, struct session *s);
/* How many subscriptions the session has: channels + patterns, or shard channels (SUB_SHARD). */
size_t hub_session_count(const struct session *s, enum sub_kind kind);
/* Visits the session's names of one kind. The visitor may not subscribe or unsubscribe. */
typedef void hub_name_visit(struct bytes name, void *ctx);
void hub_session_each(const struct session *s, enum sub_kind kind, hub_name_visit *visit,
                      void *ctx);

/* PUBSUB CHANNELS / SHARDCHANNELS: pattern NULL for all; the visitor runs under a stripe's lock and
 * calls nothing of pub/sub. NUMSUB: subscribers of one channel. */
void hub_channels(struct hub *h, enum sub_kind kind, const struct bytes *pattern,
                  hub_name_visit *visit, void *ctx);
size_t hub_subscribers(struct hub *h, enum sub_kind kind, struct bytes channel);
size_t hub_pattern_count(struct hub *h); /* distinct patterns */

/* ---- mailboxes --------------------------------------------------------------------------------
 */

/* wake is called by other threads, once until the mailbox is drained (write an eventfd,
 * lws_cancel_service). */
typedef void mailbox_wake_fn(void *ctx);
struct mailbox *mailbox_new(struct hub *h, mailbox_wake_fn *wake, void *ctx);
void mailbox_free(struct mailbox *m);
/* Delivers what is queued to the thread's sessions, through session_ops. In the owning thread. The
 * ops may not subscribe, unsubscribe or free a session from within; they queue, and close later. */
void mailbox_drain(struct mailbox *m);
/* Appends a message (takes a reference). Any thread. */
void mailbox_post(struct mailbox *m, struct message *msg);

#endif
