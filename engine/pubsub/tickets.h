/* Tickets: what a browser shows instead of the password, once. A server that knows the password asks for one (POST
 * /v1/tickets), hands it to its page, and the page opens a WebSocket or an event stream with ?ticket=. It stands for a
 * user's name and the channels that may be used.
 *
 * Ownership: redeeming gives the grant to the caller, grant_free. Any thread; the lock is a leaf. */
#ifndef ATRIUM_PUBSUB_TICKETS_H
#define ATRIUM_PUBSUB_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct hub;

#define TICKET_TEXT           49 /* 192 random bits in hexadecimal, and a NUL */
#define TICKET_TTL_MS         60000
#define TICKET_TTL_MAX_MS     86400000
#define TICKET_SESSION_MAX_MS 2592000000 /* 30 days */
#define TICKET_CHANNELS_MAX   64
#define TICKET_NAME_MAX       255 /* bytes of a user's name, and of a pattern */
#define TICKETS_MAX           100000

struct grant {
    struct bytes user;      /* may be empty */
    struct bytes *channels; /* glob patterns */
    size_t n;               /* 0: every channel */
    uint64_t until_ms;      /* the ticket's own end; what it opened may last */
    uint64_t session_ms;    /* what it opens lasts so long; 0: as long as it likes */
};

/* Writes the ticket's text and a NUL. The ask's slices are copied; its until_ms is now + ttl_ms. False: too many are out
 * (try again later), or a bound above is passed. */
bool hub_ticket_issue(struct hub *h, const struct grant *ask, uint64_t ttl_ms,
                      char to[TICKET_TEXT]);
/* The ticket's grant, which it has no longer; NULL: there is none of that text, or no more. */
struct grant *hub_ticket_redeem(struct hub *h, struct bytes text);
/* Is there such a ticket? It stays. */
bool hub_ticket_exists(struct hub *h, struct bytes text);
/* A copy, and the end. */
struct grant *grant_new(const struct grant *from);
void grant_free(struct grant *g);
/* May that channel be used? NULL, nothing granted by ticket: every one. */
bool grant_allows(const struct grant *g, struct bytes channel);

#endif
