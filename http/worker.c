#include "http/worker.h"

#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/accept.h"
#include "http/access_log.h"
#include "http/auth.h"
#include "http/cors.h"
#include "http/feed.h"
#include "http/gzip.h"
#include "http/listening.h"
#include "http/head.h"
#include "http/metrics.h"
#include "http/problem.h"
#include "http/replay.h"
#include "http/router.h"
#include "http/waiting.h"

/* What libmicrohttpd holds of a connection, heads with the room that it needs to cut them up. It
 * clears all of it for each request, so less is faster. What does not fit at all it refuses by
 * itself, with a page of its own; the acceptor does so before for first heads, head_check for the
 * others up to here. */
#define CONNECTION_MEMORY_BYTES 20480u

/* ---- taking a request in --------------------------------------------------------------------- */

static struct request *take_request(struct worker *w)
{
    struct request *r = w->idle;
    if (!r)
        return request_new(w);
    w->idle = r->next;
    return r;
}

/* libmicrohttpd has read the request line: keep the target as it came, before it is decoded in
 * place. */
static void *on_target(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct request *r = take_request(context);
    r->connection = connection;
    r->link =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    r->started_at_us = clock_mono_us();
    deadline_head(r);
    buf_add_str(&r->raw_target, uri);
    return r;
}

/* Targets are decoded by target.c, after cutting. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *s)
{
    (void)context;
    (void)connection;
    return strlen(s);
}

static enum http_method method_of(const char *name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (int m = 0; m < METHOD_OTHER; m++)
        if (strcmp(name, names[m]) == 0)
            return (enum http_method)m;
    return METHOD_OTHER;
}

static bool is_plain_id(struct bytes id)
{
    if (id.n == 0 || id.n > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] < '!' || id.p[i] > '~' || id.p[i] == '"' || id.p[i] == '\\')
            return false;
    return true;
}

static void choose_id(struct request *r)
{
    static const char hex[] = "0123456789abcdef";
    struct bytes given;
    struct worker *w = r->worker;
    if (request_header(r, "X-Request-Id", &given) && is_plain_id(given)) {
        memcpy(r->id, given.p, given.n);
        r->id[given.n] = 0;
        return;
    }
    uint64_t v = w->id_prefix + w->id_count++;
    for (int i = 15; i >= 0; i--, v >>= 4)
        r->id[i] = hex[v & 15];
    r->id[16] = 0;
}

static bool check_target(struct request *r)
{
    switch (target_parse(&r->target, &r->arena, buf_bytes(&r->raw_target))) {
    case TARGET_OK:
        return true;
    case TARGET_NO_PATH:
        problem(r, "not-found", "there is nothing at this path");
        return false;
    case TARGET_BAD_ENCODING:
        problem(r, "bad-target", "a %% in the query must be followed by two hexadecimal digits");
        return false;
    case TARGET_TOO_LONG:
        problem(r, "bad-target", "the query has more than %d parameters", TARGET_QUERY_MAX);
        return false;
    }
    return false;
}

static bool check_encoding(struct request *r)
{
    struct bytes coding;
    if (!request_header(r, "Content-Encoding", &coding) || bytes_is(coding, "identity"))
        return true;
    problem(r, "unsupported-media-type", "bodies are taken without Content-Encoding");
    return false;
}

/* The forms of data that an answer can be asked for: each has one other form. */
static bool check_form(struct request *r)
{
    static const char *const forms[][2] = {{"encoding", "base64"}, {"int64", "string"}};
    struct bytes word;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (request_query(r, forms[i][0], &word) && !bytes_eq(word, bytes_str(forms[i][1]))) {
            problem(r, "bad-arguments", "%s can only be %s", forms[i][0], forms[i][1]);
            return false;
        }
    return true;
}

/* Everything that the head alone decides; false: answered. */
static bool check_head(struct request *r)
{
    if (cors_preflight(r) || !router_find(r))
        return false;
    if (r->route->flags & ROUTE_OPEN)
        return true;
    return auth_check(r) && check_encoding(r) && check_form(r) &&
           (r->route->flags & ROUTE_RAW || accept_json(r));
}

static size_t body_limit(struct request *r)
{
    return (size_t)config_int(engine_config(r->worker->engine), CONFIG_HTTP_MAX_BODY);
}

/* Is there a body to wait for? */
static bool has_body(struct request *r)
{
    struct bytes length;
    int64_t n;
    if (request_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING, &length))
        return true;
    if (!request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH, &length))
        return false;
    if (num_parse_int(length, &n) && n > 0) {
        r->body_bytes = (size_t)n;
        r->body_too_large = r->body_bytes > body_limit(r);
    }
    return !bytes_eq(length, BYTES("0"));
}

static void take_body(struct request *r, const char *data, size_t n)
{
    if (n > body_limit(r) || r->body.n > body_limit(r) - n) {
        r->body_too_large = true;
        buf_release(&r->body);
    }
    if (!r->body_too_large)
        buf_add(&r->body, data, n);
    deadline_body(r);
}

/* Has the peer ended its side in the middle of a body? libmicrohttpd takes a read that is shorter
 * than its room for the last one until epoll reports again, and the end that had come by then would
 * not be seen before the idle timeout. */
static bool is_cut_off(struct request *r)
{
    char next;
    if (r->body.n >= r->body_bytes)
        return false;
    int fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    return recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void refuse_large(struct request *r)
{
    problem(r, "too-large", "bodies have at most %zu bytes", body_limit(r));
}

/* ---- answering ------------------------------------------------------------------------------- */

static void add_timing(struct MHD_Response *response, uint64_t us)
{
    char text[40];
    memcpy(text, "total;dur=", 10);
    unsigned n = 10 + num_format_uint(text + 10, us / 1000);
    unsigned rest = (unsigned)(us % 1000);
    text[n] = '.';
    text[n + 1] = (char)('0' + rest / 100);
    text[n + 2] = (char)('0' + rest / 10 % 10);
    text[n + 3] = (char)('0' + rest % 10);
    text[n + 4] = 0;
    MHD_add_response_header(response, "Server-Timing", text);
}

static struct MHD_Response *make_response(struct request *r)
{
    if (r->feed)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK_BYTES, feed_read, r,
                                                 NULL);
    return MHD_create_response_from_buffer(r->out.n, r->out.p, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_answer(struct request *r)
{
    replay_leave(r);
    gzip_answer(r);
    struct MHD_Response *response = make_response(r);
    if (!response)
        return MHD_NO;
    if (r->content_type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Request-Id", r->id);
    uint64_t took_us = clock_mono_us() - r->started_at_us;
    metrics_count(r->worker->metrics, r->route_index, r->status, took_us);
    add_timing(response, took_us);
    for (unsigned i = 0; i < r->nheaders; i++)
        MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    engine_count(r->worker->engine, COUNTER_BYTES_IN, r->raw_target.n + r->body.n);
    engine_count(r->worker->engine, COUNTER_BYTES_OUT, r->out.n);
    enum MHD_Result result = MHD_queue_response(r->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Between a request's head and the end of its body the worker serves others. */
static void handle(struct request *r)
{
    if (!(r->route->flags & ROUTE_OPEN))
        auth_enter(r);
    if (replay_enter(r))
        r->route->handler(r);
}

/* The disk has it, or the log fails: then the client is not told that it was done. */
static enum MHD_Result send_durable(struct request *r)
{
    r->parked = false;
    if (!durable_holds(&r->worker->durable, r)) {
        r->nheaders = 0;
        problem_engine(r, ERROR_MISCONF, BYTES("MISCONF Errors writing to the AOF file"));
    }
    return send_answer(r);
}

/* Sends it, or lets it wait for the log. */
static enum MHD_Result finish(struct request *r)
{
    if (engine_synced_at(r->worker->engine, r->log_position))
        return send_answer(r);
    r->parked = durable_park(&r->worker->durable, r);
    return r->parked ? MHD_YES : send_durable(r);
}

static enum MHD_Result run(struct request *r)
{
    struct session *s = r->worker->session;
    s->log_position = 0;
    deadline_none(r);
    if (r->body_too_large)
        refuse_large(r);
    else if (!r->status)
        handle(r);
    if (r->then)
        return MHD_YES; /* the waiting room's by now, which sets the position too */
    r->log_position = s->log_position;
    return finish(r);
}

/* Its wait is over. */
static enum MHD_Result go_on(struct request *r)
{
    r->waited = true;
    auth_enter(r);
    return waiting_resume(r) ? finish(r) : MHD_NO;
}

/* The head is there. What it alone decides is decided now; the handler runs at the last call. Where
 * a body is on its way that cannot be used the answer goes out early, and libmicrohttpd closes the
 * connection after it. (It does so after every answer that is queued at this call.) */
static enum MHD_Result begin(struct request *r, const char *method, const char *version)
{
    r->begun = true;
    r->method = method_of(method);
    r->is_options = strcmp(method, "OPTIONS") == 0;
    choose_id(r);
    cors_enter(r);
    bool body = has_body(r), target = check_target(r); /* first: each problem tells the path */
    if (!head_check(r, version))
        return send_answer(r);
    bool good = target && check_head(r);
    if (!body || (good && !r->body_too_large))
        return MHD_YES;
    if (good)
        refuse_large(r);
    return send_answer(r);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
    (void)context;
    (void)connection;
    (void)url;
    struct request *r = *state;
    if (!r->begun)
        return begin(r, method, version);
    if (r->parked)
        return send_durable(r);
    if (r->then)
        return go_on(r);
    if (*n == 0)
        return run(r);
    if (!r->status)
        take_body(r, data, *n);
    *n = 0;
    return is_cut_off(r) ? MHD_NO : MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct worker *w = context;
    struct request *r = *state;
    if (!r)
        return;
    *state = NULL;
    replay_forget(r);
    listening_leave(r);
    deadline_idle(r);
    if (r->begun)
        access_log(r);
    request_clear(r);
    r->next = w->idle;
    w->idle = r;
}

/* ---- connections and the daemon -------------------------------------------------------------- */

static void ignore_close(struct session *s)
{
    (void)s; /* the session is the worker's, no connection's: CLIENT KILL has nothing to cut */
}

static const struct session_ops session_ops = {.close = ignore_close};

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct worker *w = context;
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
        atomic_fetch_sub_explicit(&w->connections, 1, memory_order_relaxed);
        deadline_close(&w->links, *state);
        return;
    }
    *state = deadline_open(
        &w->links,
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    atomic_fetch_add_explicit(&w->connections, 1, memory_order_relaxed);
    if (w->session)
        return;
    mem_thread_register();
    w->session = session_new(w->engine, DOOR_HTTP, &session_ops, w, NULL, "http", "http");
}

static void on_log(void *context, const char *fmt, va_list ap)
{
    char line[256];
    (void)context;
    vsnprintf(line, sizeof line, fmt, ap);
    line[strcspn(line, "\n")] = 0;
    log_debug("http: %s", line);
}

bool worker_start(struct worker *w, struct buf *error)
{
    deadline_init(&w->links);
    durable_init(&w->durable, w->engine);
    w->metrics = metrics_join(w->metrics_all);
    rng_secret(&w->id_prefix, sizeof w->id_prefix);
    unsigned connections = (unsigned)config_int(engine_config(w->engine), CONFIG_MAXCLIENTS);
    w->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO |
            MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
        0, NULL, NULL, on_request, w, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, w, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, w, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        w, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
        DEADLINE_IDLE_SECONDS, MHD_OPTION_END);
    if (!w->daemon) {
        durable_release(&w->durable);
        buf_add_str(error, "http: libmicrohttpd did not start");
    }
    return w->daemon != NULL;
}

void worker_stop(struct worker *w)
{
    if (w->daemon) {
        durable_close(&w->durable);
        MHD_stop_daemon(w->daemon);
        durable_release(&w->durable);
    }
    while (w->idle) {
        struct request *r = w->idle;
        w->idle = r->next;
        request_free(r);
    }
    if (w->session)
        session_free(w->session);
    gzip_release(w);
    deadline_release(&w->links);
    *w = (struct worker){0};
}

void worker_adopt(struct worker *w, int fd)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &n) != 0) {
        close(fd);
        return;
    }
    /* libmicrohttpd closes the socket where it cannot take it. */
    MHD_add_connection(w->daemon, fd, (struct sockaddr *)&address, n);
}
