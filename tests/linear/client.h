/* One client of the atrium under test: a connection to the RESP or the memcached door that asks one
 * operation at a time and notes when it was asked and answered. */
#ifndef ATRIUM_TESTS_LINEAR_CLIENT_H
#define ATRIUM_TESTS_LINEAR_CLIENT_H

#include "base/bytes.h"
#include "tests/linear/history.h"

enum door { DOOR_RESP, DOOR_MEMCACHED };

struct client {
    int fd;
    enum door door;
    struct buf in; /* unread bytes */
};

/* Connects to 127.0.0.1; exits with a message where that fails. */
void client_open(struct client *c, enum door door, int port);
void client_close(struct client *c);

/* Asks and waits for the answer; fills the times and the reply, which is RESP2 at the memcached
 * door too. False with a message on stderr where the answer is none or has no end. */
bool client_ask(struct client *c, struct operation *op);
/* The same for a command outside the history, RESP door. */
bool client_tell(struct client *c, const char *text, struct operation *answer);
/* Has the server such a command? */
bool client_has_command(struct client *c, const char *name);

#endif
