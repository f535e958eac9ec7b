/* What channels keep beyond the moment: history, resumption, presence, keys of publications. See namespaces.h for which
 * channel keeps what.
 *
 * A publication to a channel with a history gets a number there, under the same lock under which it is posted to the
 * subscribers; a subscription takes its seat and what it catches up with under that lock too. So what came before is in
 * the reply, what comes after is delivered, and nothing is in both or in neither.
 *
 * Pages hold references; release them. Any thread, but that subscribing belongs to the session's owner. */
#ifndef ATRIUM_PUBSUB_CHANNELS_H
#define ATRIUM_PUBSUB_CHANNELS_H

#include "pubsub/history.h"
#include "pubsub/namespaces.h"
#include "pubsub/pubsub.h"

/* ---- publishing ------------------------------------------------------------------------------- */

struct publisher {
    struct bytes from; /* the user, shown to subscribers; may be empty */
    uint64_t except;   /* the session that does not want its own message, 0: all get it */
    struct bytes idempotency_key; /* empty: none */
};

#define IDEMPOTENCY_KEY_MAX     256
#define IDEMPOTENCY_KEPT_MS     600000
#define IDEMPOTENCY_BYTES_TOTAL (16u << 20) /* beyond it the oldest keys go before their time */

struct publication {
    size_t receivers;
    struct position at; /* epoch 0: the channel has no history */
    bool repeated; /* the key had been used for the same data: the first answer, nothing was sent */
    bool conflict; /* it had been used for other data: nothing was sent */
};

struct publication hub_publish_from(struct hub *h, struct bytes channel, struct bytes data,
                                    const struct publisher *by);

/* ---- history ---------------------------------------------------------------------------------- */

struct history_page {
    bool kept; /* does the channel keep a history at all? */
    bool
        complete; /* false: something after the position that was asked for is gone, or it is of another epoch */
    struct position at; /* the newest message */
    struct message **messages;
    size_t n;
};

struct history_ask {
    bool since;           /* else from the oldest (reverse: the newest) on */
    struct position from; /* messages after it (reverse: before it); epoch 0: whichever it is */
    size_t limit;
    size_t bytes_max; /* of data, 0: as they are */
    bool reverse;     /* newest first */
};

void hub_history(struct hub *h, struct bytes channel, const struct history_ask *ask,
                 struct history_page *page);
void history_page_release(struct history_page *page);

/* ---- subscribing ------------------------------------------------------------------------------ */

enum subscribe_flag {
    SUBSCRIBE_PRESENCE = 1, /* joins and leaves are delivered */
    SUBSCRIBE_DROPS = 2,    /* the door's own: what it does when the client is slow, */
    SUBSCRIBE_BINARY = 4,   /* and that data goes out as it is */
};

struct subscribe_ask {
    unsigned flags;
    struct bytes user; /* who enters, where the channel knows presence; p NULL: nobody does */
    bool resume;       /* everything after `from`, or nothing and complete = false */
    struct position from;
    size_t history;   /* else the last so many */
    size_t bytes_max; /* a longer page cannot be resumed, and history is cut to it */
};

/* As hub_subscribe for SUB_CHANNEL, and the page in the same step. False: it was subscribed before; nothing is changed and
 * the page is empty. */
bool hub_subscribe_with(struct hub *h, struct session *s, struct bytes channel,
                        const struct subscribe_ask *ask, struct history_page *page);
bool hub_is_subscribed(const struct session *s, enum sub_kind kind, struct bytes name);
/* The flags of a subscription of the session; 0 too where there is none. */
unsigned hub_subscription_flags(const struct session *s, enum sub_kind kind, struct bytes name);
/* As hub_subscribe, with flags. */
bool hub_subscribe_flags(struct hub *h, struct session *s, enum sub_kind kind, struct bytes name,
                         unsigned flags);

/* ---- presence --------------------------------------------------------------------------------- */

struct presence_member {
    uint64_t client;
    struct bytes user;
};

struct presence {
    bool kept;             /* does the channel know presence at all? */
    size_t clients, users; /* connections, and different users among them */
    struct presence_member *members;
    size_t n; /* of them, at most as asked */
};

void hub_presence(struct hub *h, struct bytes channel, size_t limit, struct presence *out);
void presence_release(struct presence *p);

/* ---- the whole -------------------------------------------------------------------------------- */

const struct namespace *hub_namespace(const struct hub *h, struct bytes channel);
/* Bytes that all histories take, and how many messages and channels these are. */
struct history_figures {
    size_t bytes, messages, channels;
};
struct history_figures hub_history_figures(struct hub *h);
/* Bytes of messages that are on their way to subscribers, and in no history. No lock. */
size_t hub_passing_bytes(const struct hub *h);

/* Every channel that has subscribers or a history, or somebody present. Under a stripe's lock: the visitor calls nothing
 * of pub/sub. */
struct channel_facts {
    struct bytes name;
    size_t subscribers, messages, clients;
    struct position at;
};
typedef void hub_facts_visit(const struct channel_facts *f, void *ctx);
void hub_each_channel(struct hub *h, const struct bytes *pattern, hub_facts_visit *visit,
                      void *ctx);

#endif
