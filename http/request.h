/* One request, from its target to its answer: what a resource's handler works with.
 *
 * Lifetime: taken from the worker's pool when libmicrohttpd has read the target, given back when
 * the response is on its way; everything that a handler makes hangs off `arena`, `out` or `reply`
 * and goes with it. A handler answers exactly once: by answer_*, by problem, or by a helper that
 * says so.
 *
 * Thread rule: the worker's thread alone. */
#ifndef ATRIUM_HTTP_REQUEST_H
#define ATRIUM_HTTP_REQUEST_H

#include "engine/engine.h"
#include "http/arena.h"
#include "http/json.h"
#include "http/target.h"

struct MHD_Connection;
struct kept;
struct link;
struct listener;
struct route;
struct worker;

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OTHER /* answered 405 */
};

#define ROUTE_PARAMS_MAX   3
#define ANSWER_HEADERS_MAX 20
#define REQUEST_ID_MAX     64

/* How a wait ended (http/waiting.h). */
enum wait_outcome {
    WAIT_ANSWERED,
    WAIT_PAUSED,
    WAIT_GONE /* the client has left, or the door closes */
};

struct answer_header {
    const char *name, *value;
};

struct request {
    struct request *next; /* in the pool */
    struct worker *worker;
    struct MHD_Connection *connection;
    const struct route *route;
    unsigned route_index;   /* of the router; 0: none */
    uint64_t started_at_us; /* monotonic */

    enum http_method method;
    struct buf raw_target, body;
    size_t body_bytes; /* by its Content-Length; 0: not known */
    struct target target;
    struct bytes params[ROUTE_PARAMS_MAX]; /* the route's {names}, decoded, in order */
    char id[REQUEST_ID_MAX + 1];           /* X-Request-Id */
    struct link *link;                     /* its connection */
    bool begun, body_too_large, is_options, waited;
    uint8_t origin; /* enum origin */
    uint8_t db;     /* of its commands */

    struct arena arena;
    struct capture reply; /* of the last command */
    cJSON *json;          /* the body, once read */
    struct bytes *argv;   /* the command that is being put together */
    int argc, argv_cap;

    void (*then)(struct request *r); /* after the wait; NULL: the request does not wait */
    enum wait_outcome outcome;

    uint64_t log_position;       /* of what it wrote (http/durable.h) */
    bool parked;                 /* its answer waits for that to be on disk */
    struct request *next_parked; /* durable's */

    void (*feed)(struct request *r); /* makes the next piece of an answer without end; else NULL */
    void *feed_state;                /* its own, in the arena */
    size_t fed;                      /* bytes of `out` that are on their way */
    size_t fed_bytes;                /* that went before and with them */
    bool feed_ended;

    struct listener *listener;  /* of channels (http/listening.h); NULL: none */
    struct kept *kept;          /* of its Idempotency-Key (http/replay.h); NULL: none */
    unsigned kept_headers_from; /* headers before it are not the handler's */

    int status; /* of the answer; 0: none yet */
    const char *content_type;
    struct buf out, packed;
    struct json_writer writer;
    unsigned nheaders;
    struct answer_header headers[ANSWER_HEADERS_MAX];
};

struct request *request_new(struct worker *w);
/* Ready for the next one; keeps its memory but for what is unusually large. */
void request_clear(struct request *r);
void request_free(struct request *r);

struct session *request_session(struct request *r);

/* ---- what came in ---------------------------------------------------------------------------- */

/* A header's value, a query parameter: false where absent. */
bool request_header(struct request *r, const char *name, struct bytes *out);
bool request_query(const struct request *r, const char *name, struct bytes *out);
/* Numbers and yes/no from the query; *out stays as it is where the parameter is absent. False: a
 * problem has been answered. */
bool request_query_int(struct request *r, const char *name, int64_t min, int64_t max, int64_t *out);
bool request_query_double(struct request *r, const char *name, double *out);
bool request_query_bool(struct request *r, const char *name, bool *out);
/* The index in `words` (ended by NULL) of a parameter's value. */
bool request_query_word(struct request *r, const char *name, const char *const *words, int *out);

/* The body as a JSON object (or, `array`, a JSON array) in r->json. False: 400 or 415 has been
 * answered. */
bool request_json(struct request *r, bool array);
/* Is the body's media type JSON? */
bool request_is_json(struct request *r);
/* Members of r->json or an object within it; *out stays where the member is absent. False:
 * answered. */
bool request_member_int(struct request *r, const cJSON *object, const char *name, int64_t min,
                        int64_t max, int64_t *out);
bool request_member_double(struct request *r, const cJSON *object, const char *name, double *out);
bool request_member_bool(struct request *r, const cJSON *object, const char *name, bool *out);
bool request_member_word(struct request *r, const cJSON *object, const char *name,
                         const char *const *words, int *out);
/* Bytes that must be there. */
bool request_member_bytes(struct request *r, const cJSON *object, const char *name,
                          struct bytes *out);
/* An array that must be there, of at most `max` items. */
bool request_member_array(struct request *r, const char *name, int max, const cJSON **out);

/* ---- what goes out --------------------------------------------------------------------------- */

/* Starts a JSON answer: write through the writer, and leave it at that. */
struct json_writer *answer_json(struct request *r, int status);
/* An answer of bytes (copied); `type` is a literal. */
void answer_bytes(struct request *r, int status, const char *type, struct bytes body);
void answer_empty(struct request *r, int status);
/* Adds a header; both strings live until the response is on its way (literals, or the arena).
 * Before or after the body. */
void answer_header(struct request *r, const char *name, const char *value);
/* ETag: the digest between quotes. */
void answer_etag(struct request *r, struct bytes digest);
/* "ttl_ms": a number, or null where it is negative. */
void answer_ttl(struct json_writer *w, int64_t ttl_ms);

#endif
