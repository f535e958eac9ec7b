/* How many WebSockets are open from each address, over all threads of the door. An IPv6 address counts by its first 64
 * bits, which is what one customer has; an IPv4 address in IPv6's clothes as what it is.
 *
 * Thread rule: any thread; the lock is a leaf. */
#ifndef ATRIUM_WS_ADDRESSES_H
#define ATRIUM_WS_ADDRESSES_H

#include <stddef.h>

struct ws_addresses;
struct name_node;

struct ws_addresses *ws_addresses_new(void);
/* Everybody must have left. */
void ws_addresses_free(struct ws_addresses *a);
/* The socket's peer has one more open; give the node to ws_addresses_leave. NULL: it has `most` already (0: no limit). */
struct name_node *ws_addresses_enter(struct ws_addresses *a, int fd, size_t most);
void ws_addresses_leave(struct ws_addresses *a, struct name_node *node);

#endif
