/* The memcached door: which of its protocols a connection speaks, and what each does with input.
 *
 * The connection's first byte decides for good: the binary protocol's requests begin with 0x80.
 * Thread rule: the loop's thread. */
#ifndef ATRIUM_NET_MEMCACHED_DOOR_H
#define ATRIUM_NET_MEMCACHED_DOOR_H

#include "net/memcached_binary.h"
#include "net/memcached_parser.h"

struct conn;

/* Both take all whole requests of the unread input (memcached.c, memcached_binary_run.c). */
void memcached_text_input(struct conn *c, struct memcached_parser *p);
void memcached_binary_input(struct conn *c, struct memcached_binary *b);

#endif
