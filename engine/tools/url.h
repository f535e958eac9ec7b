/* redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], with % escapes in user and password. */
#ifndef ATRIUM_TOOLS_URL_H
#define ATRIUM_TOOLS_URL_H

#include <stdbool.h>

#include "base/bytes.h"

struct redis_url {
    char host[256], port[8];
    char user[256], password[512]; /* "": none */
    int db;                        /* -1: not named */
};

/* False with a line in `error`, which does not tell the password. */
bool url_parse(struct redis_url *u, const char *text, struct buf *error);

#endif
