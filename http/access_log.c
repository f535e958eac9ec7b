#include "http/access_log.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>

#include "http/router.h"
#include "http/worker.h"

#define LINE_MAX_BYTES 768

static void put_address(const struct request *r, char *to, size_t room)
{
    const struct sockaddr *a =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    const void *host = a->sa_family == AF_INET
                           ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
                           : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
    if ((a->sa_family != AF_INET && a->sa_family != AF_INET6) ||
        !inet_ntop(a->sa_family, host, to, (socklen_t)room))
        snprintf(to, room, "-");
}

void access_log(const struct request *r)
{
    char text[LINE_MAX_BYTES], members[LINE_MAX_BYTES], address[INET6_ADDRSTRLEN];
    if (!config_int(engine_config(r->worker->engine), CONFIG_HTTP_ACCESS_LOG))
        return;
    const char *method = router_method(r->method), *route = r->route ? r->route->pattern : "-";
    uint64_t us = clock_mono_us() - r->started_at_us;
    size_t out = r->feed ? r->fed_bytes : r->out.n;
    put_address(r, address, sizeof address);
    snprintf(text, sizeof text, "access %s %s %d in=%zu out=%zu ms=%llu.%03u from=%s id=%s", method,
             route, r->status, r->body.n, out, (unsigned long long)us / 1000, (unsigned)(us % 1000),
             address, r->id);
    snprintf(members, sizeof members,
             "\"message\":\"access\",\"method\":\"%s\",\"route\":\"%s\",\"status\":%d,"
             "\"bytes_in\":%zu,\"bytes_out\":%zu,\"took_us\":%llu,\"from\":\"%s\","
             "\"request_id\":\"%s\"",
             method, route, r->status, r->body.n, out, (unsigned long long)us, address, r->id);
    log_event(text, members);
}
