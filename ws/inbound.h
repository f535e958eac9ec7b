/* What comes in: the parts of messages, put together, inflated, checked, handed to the ops.
 *
 * A message of one part is handed on where it stands. Thread rule: the connection's thread. */
#ifndef ATRIUM_WS_INBOUND_H
#define ATRIUM_WS_INBOUND_H

#include "ws/conn.h"

/* A part that libwebsockets received for the connection. */
void ws_receive(struct ws_conn *c, struct bytes part);

#endif
