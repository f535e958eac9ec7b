/* How many WebSockets are open from each address, over all threads of the door. An IPv6 address counts by its first 64
 * bits, which is what one customer has; an IPv4 address in IPv6's clothes as what it is.
 *
 * A chained hash table of a fixed number of buckets, seeded: as many entries as there are addresses with a connection.
 *
 * Invariant: an address is there exactly while it has a connection.
 * Thread rule: any thread; the lock is a leaf. */
#ifndef ATRIUM_WS_ADDRESSES_H
#define ATRIUM_WS_ADDRESSES_H

#include <sys/socket.h>

#include "engine/engine.h"

struct ws_addresses;
struct ws_address;

struct ws_addresses *ws_addresses_new(void);
/* Everybody must have left. */
void ws_addresses_free(struct ws_addresses *a);
/* The peer has one more open; give the result to ws_addresses_leave. NULL: it has `most` already (0: no limit). */
struct ws_address *ws_addresses_enter(struct ws_addresses *a, const struct sockaddr_storage *peer,
                                      size_t most);
void ws_addresses_leave(struct ws_addresses *a, struct ws_address *address);
/* How many addresses have a connection. */
size_t ws_addresses_count(struct ws_addresses *a);

#endif
