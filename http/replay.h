/* Idempotency-Key: a POST that is sent again is answered again, and not run again.
 *
 * All workers share one table. A key belongs to whoever sent it (his Authorization) and to one
 * request: method, target, media type and body. It is taken before the handler runs, under a lock,
 * so that of two at once one runs and the other is told so; the answer is copied into it before the
 * first byte goes out, so that it outlives a connection that is cut. What ran without a lasting
 * answer (503, 507, 429: nothing has changed; a wait that its client left) gives its key back.
 *
 * An answer is kept for http-idempotency-seconds. All of them take at most http-idempotency-memory:
 * beyond that new keys are refused (503), since forgetting one early could run a request twice. An
 * answer beyond REPLAY_BODY_MAX is not kept, only that it was given.
 *
 * Thread rule: any worker; one lock, taken for requests with the header only. */
#ifndef ATRIUM_HTTP_REPLAY_H
#define ATRIUM_HTTP_REPLAY_H

#include "http/request.h"

#define REPLAY_KEY_MAX  255
#define REPLAY_BODY_MAX 65536

struct replays;

struct replays *replays_new(void);
void replays_free(struct replays *all);

/* Before the handler of a POST. False: answered, by an earlier answer or a problem. */
bool replay_enter(struct request *r);
/* The answer is made: keeps it, or gives the key back. Without a key nothing. */
void replay_leave(struct request *r);
/* There will be no answer. */
void replay_forget(struct request *r);

#endif
