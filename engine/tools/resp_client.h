/* A client of a RESP server that waits for its answers: commands are gathered and sent in one go, replies are read
 * piece by piece, a value of any size in memory once.
 *
 * After a failure (`failed` is set, a line is in `error`) every call returns false. One owner. */
#ifndef ATRIUM_TOOLS_RESP_CLIENT_H
#define ATRIUM_TOOLS_RESP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "tools/url.h"

struct resp_client {
    int fd;
    bool failed;
    struct buf out, in;
    size_t at; /* in `in` */
    struct buf error;
    char place[300]; /* host:port, for messages */
};

enum resp_kind { RESP_SIMPLE, RESP_ERROR, RESP_INT, RESP_TEXT, RESP_NULL, RESP_ARRAY };

/* One reply, or the head of an array whose `number` of elements follow as replies of their own. */
struct resp_item {
    enum resp_kind kind;
    int64_t number;
    struct bytes text; /* until the next read */
};

/* Connects, authenticates, and selects the database where the URL names one. */
bool resp_open(struct resp_client *c, const struct redis_url *u);
void resp_close(struct resp_client *c);

/* Adds a command to those that resp_flush sends. */
void resp_command(struct resp_client *c, const struct bytes *argv, int argc);
bool resp_flush(struct resp_client *c);
bool resp_read(struct resp_client *c, struct resp_item *item);

#endif
