/* Is this request head an upgrade to WebSocket? Decided from the bytes that have arrived so far. */
#ifndef ATRIUM_HTTP_UPGRADE_H
#define ATRIUM_HTTP_UPGRADE_H

#include "engine/engine.h"

enum upgrade_verdict {
    UPGRADE_UNKNOWN,   /* more bytes are needed */
    UPGRADE_NONE,      /* no GET, or a whole head without the upgrade */
    UPGRADE_WEBSOCKET, /* a GET with `Upgrade: websocket` and `Connection: upgrade` */
};

/* O(head). */
enum upgrade_verdict upgrade_look(struct bytes head);

#endif
