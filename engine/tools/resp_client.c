#include "tools/resp_client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/num.h"

#define TIMEOUT_S  60
#define READ_BYTES (256 * 1024)
#define LINE_MAX   (64 * 1024)

static bool fail(struct resp_client *c, const char *what, int failed)
{
    if (!c->failed)
        buf_printf(&c->error, "%s: %s%s%s", c->place, what, failed ? ": " : "",
                   failed == EAGAIN ? "no answer"
                   : failed         ? strerror(failed)
                                    : "");
    c->failed = true;
    return false;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static int try_one(const struct addrinfo *a)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int on = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static bool connect_to(struct resp_client *c, const struct redis_url *u)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int wrong = getaddrinfo(u->host, u->port, &hints, &list), failed = 0;
    if (wrong)
        return fail(c, gai_strerror(wrong), 0);
    for (const struct addrinfo *a = list; a && c->fd < 0; a = a->ai_next) {
        c->fd = try_one(a);
        failed = errno;
    }
    freeaddrinfo(list);
    return c->fd >= 0 || fail(c, "cannot connect", failed);
}

/* Runs one command that has to answer OK. */
static bool must(struct resp_client *c, const struct bytes *argv, int argc)
{
    struct resp_item item;
    resp_command(c, argv, argc);
    if (!resp_flush(c) || !resp_read(c, &item))
        return false;
    if (item.kind != RESP_ERROR)
        return true;
    char why[256];
    snprintf(why, sizeof why, "%.*s: %.*s", (int)argv[0].n, argv[0].p, (int)item.text.n,
             item.text.p);
    return fail(c, why, 0);
}

bool resp_open(struct resp_client *c, const struct redis_url *u)
{
    char digits[NUM_INT_MAX];
    struct bytes auth[3] = {BYTES("AUTH")}, select[2] = {BYTES("SELECT")}, ping = BYTES("PING");
    int argc = 1;
    *c = (struct resp_client){.fd = -1};
    snprintf(c->place, sizeof c->place, "%s:%s", u->host, u->port);
    if (!connect_to(c, u))
        return false;
    if (u->user[0])
        auth[argc++] = bytes_str(u->user);
    auth[argc++] = bytes_str(u->password);
    if (u->password[0] && !must(c, auth, argc))
        return false;
    select[1] = bytes_of(digits, num_format_int(digits, u->db));
    if (u->db >= 0 && !must(c, select, 2))
        return false;
    return must(c, &ping, 1);
}

void resp_close(struct resp_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_release(&c->out);
    buf_release(&c->in);
    buf_release(&c->error);
}

/* ---- asking ---------------------------------------------------------------------------------- */

void resp_command(struct resp_client *c, const struct bytes *argv, int argc)
{
    buf_printf(&c->out, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        buf_printf(&c->out, "$%zu\r\n", argv[i].n);
        buf_add_bytes(&c->out, argv[i]);
        buf_add(&c->out, "\r\n", 2);
    }
}

bool resp_flush(struct resp_client *c)
{
    size_t done = 0;
    while (!c->failed && done < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + done, c->out.n - done, MSG_NOSIGNAL);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            fail(c, "cannot send", errno);
    }
    buf_clear(&c->out);
    return !c->failed;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Reads more. What was read and asked for before goes. */
static bool more(struct resp_client *c)
{
    if (c->at) {
        buf_consume(&c->in, c->at);
        c->at = 0;
    }
    char *to = buf_reserve(&c->in, READ_BYTES);
    for (;;) {
        ssize_t n = recv(c->fd, to, READ_BYTES, 0);
        if (n > 0) {
            c->in.n += (size_t)n;
            return true;
        }
        if (n == 0)
            return fail(c, "the connection was closed", 0);
        if (errno != EINTR)
            return fail(c, "cannot read", errno);
    }
}

static bool read_line(struct resp_client *c, struct bytes *line)
{
    for (size_t seen = 0;;) {
        const char *from = c->in.p + c->at;
        size_t n = c->in.n - c->at;
        const char *end = n > seen ? memchr(from + seen, '\n', n - seen) : NULL;
        if (end && end > from) {
            *line = bytes_of(from, (size_t)(end - from) - 1);
            c->at += (size_t)(end - from) + 1;
            return true;
        }
        if (n > LINE_MAX)
            return fail(c, "no RESP server", 0);
        seen = n;
        if (!more(c))
            return false;
    }
}

static bool read_text(struct resp_client *c, size_t n, struct bytes *text)
{
    while (c->in.n - c->at < n + 2) {
        if (!more(c))
            return false;
    }
    *text = bytes_of(c->in.p + c->at, n);
    c->at += n + 2;
    return true;
}

bool resp_read(struct resp_client *c, struct resp_item *item)
{
    struct bytes line = {0};
    if (c->failed || !read_line(c, &line))
        return false;
    char kind = line.n ? line.p[0] : '\0';
    *item = (struct resp_item){.text = bytes_of(line.p + (line.n > 0), line.n - (line.n > 0))};
    if (kind == '+' || kind == '-') {
        item->kind = kind == '+' ? RESP_SIMPLE : RESP_ERROR;
        return true;
    }
    if (!strchr(":$*", kind) || !kind || !num_parse_int(item->text, &item->number))
        return fail(c, "no RESP server", 0);
    item->kind = kind == ':'        ? RESP_INT
                 : item->number < 0 ? RESP_NULL
                 : kind == '$'      ? RESP_TEXT
                                    : RESP_ARRAY;
    if (item->kind != RESP_TEXT)
        return true;
    return item->number <= INT64_MAX - 2 ? read_text(c, (size_t)item->number, &item->text)
                                         : fail(c, "no RESP server", 0);
}
