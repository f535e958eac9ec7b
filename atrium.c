/* The program: reads the configuration, opens the engine and the doors, waits for a signal. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "http/http.h"
#include "tools/start.h"
#include "tools/tools.h"
#include "ws/ws.h"

static int fail(const struct buf *error)
{
    fprintf(stderr, "atrium: %.*s\n", (int)error->n, error->p);
    return EXIT_FAILURE;
}

static void print_help(void)
{
    struct buf text;
    buf_init(&text);
    buf_add_str(&text,
                "Usage: atrium [FILE] [--DIRECTIVE VALUE ...]\n"
                "       atrium check FILE ...   is a snapshot or log whole, what is in it\n"
                "       atrium import URL ...   copies the keys of a running Redis or Valkey\n\n"
                "One in-memory keyspace with four doors: RESP, memcached, HTTP, WebSocket.\n"
                "FILE holds lines of the form: directive value\n\nDirectives:\n");
    config_help(&text);
    buf_add_str(&text, "\n  --help     this text\n  --version  the version\n");
    fwrite(text.p, 1, text.n, stdout);
    buf_release(&text);
}

/* Until SIGTERM, SIGINT or SHUTDOWN, and the keys are saved where they are to be. False: they could not be loaded. */
static bool wait_for_end(struct engine *e, const sigset_t *signals, struct buf *error)
{
    const struct timespec poll = {.tv_nsec = 100 * 1000000L};
    while (!engine_shutdown_requested(e)) {
        if (engine_load_failed(e, error))
            return false;
        if (sigtimedwait(signals, NULL, &poll) < 0)
            continue;
        engine_drain(e, true);
        if (engine_finish(e))
            break;
        engine_drain(e, false);
    }
    engine_drain(e, true);
    log_notice("ending");
    return true;
}

struct doors {
    struct net *net;
    struct ws *ws; /* both NULL where the HTTP port is 0 */
    struct http *http;
};

static bool upgrade(void *ws, int fd)
{
    return ws_adopt(ws, fd);
}

static bool open_doors(struct doors *d, struct engine *e, struct buf *error)
{
    d->net = net_open(e, error);
    if (!d->net)
        return false;
    if (config_int(engine_config(e), CONFIG_HTTP_PORT) == 0)
        return true;
    d->ws = ws_open(e, d->net, error);
    if (!d->ws)
        return false;
    d->http = http_open(e, upgrade, d->ws, error);
    return d->http != NULL;
}

static void close_doors(struct doors *d)
{
    if (d->ws)
        ws_drain(d->ws); /* readyz says 503 meanwhile */
    if (d->http)
        http_close(d->http);
    if (d->ws)
        ws_close(d->ws);
    if (d->net)
        net_close(d->net);
}

/* The host of a URL that reaches a socket bound there. */
static const char *reachable(const char *bound)
{
    return strcmp(bound, "0.0.0.0") == 0 || strcmp(bound, "127.0.0.1") == 0 ? "localhost"
           : strcmp(bound, "[::]") == 0                                     ? "[::1]"
                                                                            : bound;
}

static void print_door(const char *name, const char *host, int port, const char *sample)
{
    char place[96];
    snprintf(place, sizeof place, "%s:%d", host, port);
    printf("  %-10s %-16s %s\n", name, place, sample);
}

/* The doors that are open, where they are bound, with a line to try each. */
static void print_doors(struct engine *e, const struct doors *d)
{
    const struct config *c = engine_config(e);
    int resp = (int)config_int(c, CONFIG_PORT), http = (int)config_int(c, CONFIG_HTTP_PORT);
    int memcached = (int)config_int(c, CONFIG_MEMCACHED_PORT);
    char host[64], sample[256];
    net_host(d->net, host, sizeof host);
    const char *bound = host[0] ? host : d->http ? http_host(d->http) : "", *to = reachable(bound);
    int bare = (int)strcspn(to + (to[0] == '['), "]");
    printf("atrium %s is %s\n", ATRIUM_VERSION, engine_ready(e) ? "ready" : "loading");
    if (resp) {
        bool elsewhere = strcmp(to, "localhost") != 0;
        snprintf(sample, sizeof sample, "redis-cli %s%.*s%s-p %d SET greeting hello",
                 elsewhere ? "-h " : "", elsewhere ? bare : 0, to + (to[0] == '['),
                 elsewhere ? " " : "", resp);
        print_door("RESP", bound, resp, sample);
    }
    if (memcached) {
        snprintf(sample, sizeof sample, "printf 'get greeting\\r\\nquit\\r\\n' | nc %.*s %d", bare,
                 to + (to[0] == '['), memcached);
        print_door("memcached", bound, memcached, sample);
    }
    if (http) {
        snprintf(sample, sizeof sample, "curl %s:%d/v1/keys/greeting", to, http);
        print_door("HTTP", bound, http, sample);
        snprintf(sample, sizeof sample, "http://%s:%d/chat in two tabs of a browser", to, http);
        print_door("WebSocket", bound, http, sample);
    }
    fflush(stdout);
}

static int run(struct config *config)
{
    struct doors doors = {0};
    sigset_t signals;
    struct buf error;
    int rc = EXIT_FAILURE;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread: all inherit it */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is a write that fails */
    start_raise_limits(config);
    buf_init(&error);
    struct engine *e = engine_open(config);
    engine_load_begin(e);
    if (!engine_load_failed(e, &error) && open_doors(&doors, e, &error)) {
        print_doors(e, &doors);
        rc = wait_for_end(e, &signals, &error) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (rc != EXIT_SUCCESS)
        fail(&error);
    close_doors(&doors);
    engine_close(e);
    buf_release(&error);
    return rc;
}

int main(int argc, char **argv)
{
    struct buf error;
    int tool = tools_run(argc, argv);
    if (tool != TOOL_NONE)
        return tool;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("atrium " ATRIUM_VERSION);
        return EXIT_SUCCESS;
    }
    mem_thread_register();
    buf_init(&error);
    struct config *config = config_new();
    if (config_load_args(config, argc, argv, &error) && config_validate(config, &error) &&
        start_enter_directory(config, &error))
        return run(config);
    int rc = fail(&error);
    buf_release(&error);
    config_free(config);
    return rc;
}
