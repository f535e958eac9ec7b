/* What the files of the listeners share. */
#ifndef ATRIUM_NET_NET_INTERNAL_H
#define ATRIUM_NET_NET_INTERNAL_H

#include "net/loop.h"

/* A listening Unix socket, with `unixsocketperm`; -1 with a line in `error`. A stale file is replaced. */
int net_listen_unix(const struct config *c, const char *path, struct buf *error);

#endif
