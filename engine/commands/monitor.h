/* MONITOR: every command, as it is run, to the connections that asked for it.
 *
 * Owner: the engine; the list of watching sessions has one lock, a leaf but for mailbox locks, which are taken
 * under it. Dispatch reads `watchers` (relaxed) and calls monitor_feed only where there are some. */
#ifndef ATRIUM_COMMANDS_MONITOR_H
#define ATRIUM_COMMANDS_MONITOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "commands/command.h"

struct exec;
struct session;

struct monitor {
    _Atomic uint32_t watchers;
    pthread_mutex_t lock;
    struct session **sessions; /* lock; a session leaves before it is freed */
    size_t n, cap;             /* lock */
};

void monitor_init(struct monitor *m);
void monitor_release(struct monitor *m);
void monitor_feed(struct monitor *m, const struct exec *x, uint64_t now_us);
/* The session ends or is reset: it watches no more. In its owner's thread. */
void monitor_leave(struct monitor *m, struct session *s);

/* Is argument i a password (AUTH, HELLO ... AUTH, CONFIG SET requirepass)? */
bool command_argument_is_secret(const struct command *cmd, const struct bytes *argv, int i);

#endif
