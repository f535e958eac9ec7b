/* Is the program there, and does it take requests? Open to everyone: probes have no password. */
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/worker.h"

static void say_status(struct request *r, const char *status)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "status");
    json_put_text(w, status);
    json_key(w, "version");
    json_put_text(w, ATRIUM_VERSION);
    json_close_object(w);
}

static void get_health(struct request *r)
{
    say_status(r, "ok");
}

static void get_ready(struct request *r)
{
    if (engine_ready(r->worker->engine))
        say_status(r, "ready");
    else
        problem(r, "loading", "the server is starting or ending");
}

/* What came as WebSocket went another way before it got here. */
static void get_websocket(struct request *r)
{
    answer_header(r, "Upgrade", "websocket");
    problem(r, "upgrade-required", "open a WebSocket here, on a new connection");
}

const struct route health_routes[] = {
    {METHOD_GET, "/healthz", get_health, "getHealth", ROUTE_OPEN},
    {METHOD_GET, "/readyz", get_ready, "getReady", ROUTE_OPEN},
    {METHOD_GET, "/v1/ws", get_websocket, "openWebSocket", ROUTE_OPEN},
    {0},
};
