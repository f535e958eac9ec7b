/* SASL at the memcached door's binary protocol: PLAIN (RFC 4616), with `requirepass` as the password.
 *
 * As in memcached 1.6 with -S: AUTH brings the message, or nothing, and STEP the message then; whoever
 * lists the mechanisms or begins anew is a stranger again; a failure leaves the connection open. What
 * differs: once in, a second good AUTH is good too, where memcached's library refuses every other one.
 * Without a password to ask for, these opcodes are unknown. Thread rule: the loop's thread. */
#ifndef ATRIUM_NET_MEMCACHED_SASL_H
#define ATRIUM_NET_MEMCACHED_SASL_H

#include <stdbool.h>

#include "net/memcached_binary.h"

struct conn;

static inline bool memcached_sasl_is(uint8_t opcode)
{
    return opcode >= BINARY_SASL_LIST && opcode <= BINARY_SASL_STEP;
}

/* What is said about a message that is too long to be taken. */
enum memcached_status memcached_sasl_too_large(const struct conn *c);

/* Answers a request of one of those opcodes; `begun` is the connection's, and says whether steps may
 * follow. */
void memcached_sasl_run(struct conn *c, const struct memcached_frame *f, bool *begun);

#endif
