/* Listening sockets: TCP on every address of `bind`, and the Unix socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net_internal.h"

static int listen_at(const struct addrinfo *a, int backlog)
{
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* One word of `bind`; -1: failed, with errno. */
static int listen_word(const char *host, int port, int backlog)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%d", port);
    if (strcmp(host, "*") == 0) {
        hints.ai_family = AF_INET;
        host = NULL;
    } else if (strcmp(host, "::*") == 0) {
        hints.ai_family = AF_INET6;
        host = NULL;
    }
    if (getaddrinfo(host, service, &hints, &found) != 0 || !found) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = listen_at(found, backlog);
    int saved = errno;
    freeaddrinfo(found);
    errno = saved;
    return fd;
}

static bool not_there(int err)
{
    return err == EADDRNOTAVAIL || err == EAFNOSUPPORT || err == EPROTONOSUPPORT ||
           err == ENOPROTOOPT;
}

int net_listen(const struct config *c, enum config_id port_id, int *fds, int max, struct buf *error)
{
    struct buf words;
    int n = 0, port = (int)config_int(c, port_id), backlog = (int)config_int(c, CONFIG_TCP_BACKLOG);
    char *save = NULL;
    buf_init(&words);
    config_string(c, CONFIG_BIND, &words);
    buf_add_char(&words, '\0');
    for (char *w = strtok_r(words.p, " ", &save); w && n >= 0; w = strtok_r(NULL, " ", &save)) {
        bool optional = w[0] == '-';
        const char *host = w + optional;
        int fd = n < max ? listen_word(host, port, backlog) : -1;
        if (fd >= 0) {
            fds[n++] = fd;
        } else if (!(optional && not_there(errno))) {
            buf_printf(error, "%s: cannot listen on %s port %d: %s", config_name(port_id), host,
                       port, strerror(errno));
            while (n > 0)
                close(fds[--n]);
            n = -1;
        }
    }
    if (n == 0) {
        buf_printf(error, "%s: cannot listen on port %d: bind names no address",
                   config_name(port_id), port);
        n = -1;
    }
    buf_release(&words);
    return n;
}

void net_socket_host(int fd, char *host, size_t room)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    char text[INET6_ADDRSTRLEN] = "";
    getsockname(fd, (struct sockaddr *)&a, &len);
    if (a.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, text, sizeof text);
    else if (a.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, text, sizeof text);
    snprintf(host, room, a.ss_family == AF_INET6 ? "[%s]" : "%s", text);
}

int net_listen_unix(const struct config *c, const char *path, struct buf *error)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path) {
        buf_printf(error, "unixsocket: the path is longer than %zu bytes", sizeof a.sun_path - 1);
        return -1;
    }
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(fd, (int)config_int(c, CONFIG_TCP_BACKLOG)) != 0) {
        buf_printf(error, "cannot listen on unixsocket %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    mode_t mode = (mode_t)config_int(c, CONFIG_UNIXSOCKETPERM);
    if (mode)
        chmod(path, mode);
    return fd;
}
