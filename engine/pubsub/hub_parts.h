/* The hub's inside, for hub.c (seats) and channels.c (what channels keep). Lock order: a stripe, then the pattern lock,
 * then mailboxes. `_locked`: the caller holds the stripe's lock. */
#ifndef ATRIUM_PUBSUB_HUB_PARTS_H
#define ATRIUM_PUBSUB_HUB_PARTS_H

#include <pthread.h>

#include "pubsub/channels.h"
#include "pubsub/namemap.h"
#include "pubsub/spent_keys.h"
#include "pubsub/tickets.h"

#define STRIPES 64

/* The mailboxes that have subscribers of one name. */
struct audience {
    struct seat {
        struct mailbox *box;
        size_t count;
    } * seats;
    size_t n, cap;
};

struct stripe {
    _Alignas(64) pthread_mutex_t lock;
    struct namemap names[2];        /* by kind: channels, sharded channels */
    struct namemap records;         /* channel -> struct record */
    struct namemap rooms;           /* channel -> struct room */
    struct record *oldest, *newest; /* records by their last publication */
    struct spent_keys keys;
};

struct tickets {
    pthread_mutex_t lock;
    struct namemap map; /* text -> struct grant */
};
void tickets_sweep(struct tickets *t, uint64_t now_ms);
void tickets_release(struct tickets *t);

struct hub {
    struct engine *engine;
    struct namespaces *namespaces;
    size_t history_budget;
    _Atomic size_t history_bytes;
    _Atomic unsigned next_swept;
    struct tickets tickets;
    struct stripe stripes[STRIPES];
    pthread_rwlock_t pattern_lock;
    struct namemap patterns; /* pattern_lock */
};

struct stripe *hub_stripe(struct hub *h, struct bytes name);
/* The subscribers of a channel; NULL: none. */
struct audience *hub_audience_locked(struct stripe *s, struct bytes channel);
size_t audience_count(const struct audience *a);
/* Posts it to every seat and lets it go. */
size_t audience_post(const struct audience *a, struct message *m);

/* What a subscription, its end and a publication do to what the channel keeps. channels.c. */
struct message_place {
    struct position at;
    uint64_t now_ms;
};
struct message_place channel_record_locked(struct hub *h, struct stripe *s, struct bytes channel,
                                           struct bytes data, struct bytes from);
void channel_page_locked(struct hub *h, struct stripe *s, struct bytes channel,
                         const struct subscribe_ask *ask, struct history_page *page);
/* Before the session takes its seat; after it gave it up. */
void channel_enter_locked(struct hub *h, struct stripe *s, struct bytes channel, uint64_t client,
                          struct bytes user);
void channel_leave_locked(struct hub *h, struct stripe *s, struct bytes channel, uint64_t client);
void channels_release(struct hub *h);

#endif
