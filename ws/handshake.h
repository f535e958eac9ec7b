/* Who may open a WebSocket. Thread rule: the door's thread that has the request. What they read is in t->arena, which the
 * caller clears. */
#ifndef ATRIUM_WS_HANDSHAKE_H
#define ATRIUM_WS_HANDSHAKE_H

#include "ws/thread.h"

/* Looks at a request that asks for an upgrade. NULL: it may be; else the HTTP status line's end
 * ("403 Forbidden"), and *reason in words. */
const char *ws_check_handshake(struct ws_thread *t, struct lws *wsi, const char **reason);
/* What the ticket of the request grants, NULL where it brings none; it is used up. */
struct grant *ws_redeem_ticket(struct ws_thread *t, struct lws *wsi);
/* Are the client's offers of permessage-deflate such as can be agreed to? Not for RESP3, which is a stream. */
bool ws_may_deflate(struct ws_thread *t, struct lws *wsi);
/* Which of the subprotocols served does the client name first? */
bool ws_speaks_resp3(struct ws_thread *t, struct lws *wsi);
/* Does the request bring the right credential among its subprotocols? */
bool ws_bears_token(struct ws_thread *t, struct lws *wsi);

#endif
