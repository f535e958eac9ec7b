/* The listening room: subscriptions of event streams over HTTP.
 *
 * One thread for the whole door owns a session for each listener and gets their messages by its
 * mailbox. A message goes, by reference, into its listener's queue, and the listener's connection,
 * which was suspended while there was nothing, goes on in its worker. A queue holds at most
 * LISTENING_QUEUE_MESSAGES and LISTENING_QUEUE_BYTES: who is slower than that is cut off, and comes
 * back by Last-Event-ID. A listener that leaves is noticed by its socket.
 *
 * Invariants: a listener is in the room from join until the thread has taken its leave; `request`
 * is NULL exactly from leave on; only a suspended one is resumed, once.
 *
 * Thread rule: join, next and leave in the request's worker; open, end and free in the door's. */
#ifndef ATRIUM_HTTP_LISTENING_H
#define ATRIUM_HTTP_LISTENING_H

#include "http/request.h"

#define LISTENING_QUEUE_MESSAGES 1024
#define LISTENING_QUEUE_BYTES    (1u << 20)

struct listening_room;

/* NULL: no thread or no epoll. */
struct listening_room *listening_open(struct engine *e);
/* Ends all listeners' streams, and the thread. Who comes later is not let in. */
void listening_end(struct listening_room *room);
/* After the workers have ended. */
void listening_free(struct listening_room *room);

/* What a listener wants; everything is copied. */
struct listening_ask {
    const struct bytes *channels, *patterns;
    unsigned nchannels, npatterns;
    const struct position
        *from;         /* of each channel: what came after it comes first; NULL: from now on */
    struct bytes user; /* who enters channels that know presence; p NULL: nobody does */
};

/* The request becomes a listener; it is subscribed before listening_next first returns. */
void listening_join(struct request *r, const struct listening_ask *ask);

enum listening_news {
    LISTENING_MESSAGE, /* *m is the next one, and its reference the caller's */
    LISTENING_READY,   /* the subscriptions are made; once, before anything else */
    LISTENING_QUIET,   /* nothing for FEED_HEARTBEAT_MS */
    LISTENING_NOTHING, /* yet, but something came before in this piece: send that first */
    LISTENING_WAIT,    /* yet: the connection has been suspended */
    LISTENING_OVER,    /* it was too slow, was killed, or the door closes */
};

/* May suspend where `wait`. */
enum listening_news listening_next(struct request *r, bool wait, struct message **m);
/* Once it is ready: where the i-th channel was joined, behind which the messages begin (epoch 0: it
 * has no history), and whether anything before that is missing, as the listener asked for it. */
struct listening_place {
    struct position at;
    bool gap;
};
struct listening_place listening_place(const struct request *r, unsigned channel);

/* How a feed of listening writes. */
struct listening_form {
    void (*start)(struct request *r);                      /* it is ready */
    void (*message)(struct request *r, struct message *m); /* a message that it may see */
};
/* One piece: as many messages as there are, within its size; or the wait for one. */
void listening_write(struct request *r, const struct listening_form *form);

/* Is the channel one of a namespace with ws_subscribe=no? Then who showed neither the password nor a ticket that names it
 * does not hear it, by a pattern either. */
bool listening_is_closed(const struct request *r, struct bytes channel);
/* Has the password been shown, where there is one? */
bool listening_has_password(const struct request *r);

/* When the request is over. */
void listening_leave(struct request *r);

#endif
