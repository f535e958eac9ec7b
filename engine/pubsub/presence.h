/* Who is on one channel: its members, a connection each, and how many users they are.
 *
 * Locks: none of its own; the hub's stripe. Adding is O(1), removing and looking up O(members of that user's bucket). */
#ifndef ATRIUM_PUBSUB_PRESENCE_H
#define ATRIUM_PUBSUB_PRESENCE_H

#include <stdbool.h>

#include "pubsub/namemap.h"

struct member {
    uint64_t client; /* the session's id */
    struct bytes user;
};

struct room {
    struct namemap clients; /* by the id's eight bytes -> the user's node */
    struct namemap users;   /* by name -> count of connections */
};

struct room *room_new(void);
void room_free(struct room *r);
/* True where it was not there. */
bool room_add(struct room *r, uint64_t client, struct bytes user);
/* True where it was there; its user's name is appended to `user`. */
bool room_remove(struct room *r, uint64_t client, struct buf *user);
/* Visits up to `limit` members. */
typedef void room_visit(struct member m, void *ctx);
void room_each(const struct room *r, size_t limit, room_visit *visit, void *ctx);

#endif
