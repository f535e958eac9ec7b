/* Subprotocol `atrium.v1.resp3`: the bytes of a RESP3 connection, in binary messages, so that a browser can use every command.
 *
 * The bounds of messages mean nothing: a message may hold half a request or many, and so may one of the server's. The RESP
 * door serves the bytes, by one end of a pair of sockets whose other end is read and written here; blocking commands,
 * transactions, subscriptions, limits and the log of writes are as there, and no second way of running commands is needed.
 * The connection begins in RESP3, with the credentials of the handshake.
 *
 * Backpressure: a client whose queue is a quarter full is not read for; one that sends faster than its commands run is not
 * read from. Either end's close is the other's.
 *
 * Thread rule: the connection's thread. */
#ifndef ATRIUM_WS_TUNNEL_H
#define ATRIUM_WS_TUNNEL_H

#include "ws/conn.h"

struct ws_tunnel;

/* Makes conn->tunnel. False: there are no sockets. */
bool ws_tunnel_open(struct ws_conn *c);
/* The connection is gone. */
void ws_tunnel_close(struct ws_tunnel *t);
/* Bytes of the client. False: the RESP connection has ended. */
bool ws_tunnel_send(struct ws_tunnel *t, struct bytes data);
/* The connection's queue is shorter than it was. */
void ws_tunnel_resume(struct ws_tunnel *t);

/* libwebsockets' protocol of our end, whose name no client can name. */
#define WS_TUNNEL_PROTOCOL ",pair"
int ws_tunnel_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t n);

#endif
