#include "tests/linear/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_S 30

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void client_open(struct client *c, enum door door, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = ANSWER_S};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->door = door;
    buf_init(&c->in);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) {
        perror("connect");
        exit(2);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

void client_close(struct client *c)
{
    close(c->fd);
    buf_release(&c->in);
}

/* ---- bytes in -------------------------------------------------------------------------------- */

static bool more(struct client *c)
{
    ssize_t n = recv(c->fd, buf_reserve(&c->in, 4096), 4096, 0);
    if (n <= 0) {
        fprintf(stderr, n ? "no answer within %d s\n" : "the server closed the connection\n",
                ANSWER_S);
        return false;
    }
    c->in.n += (size_t)n;
    return true;
}

/* Where the line at `from` ends, behind its \r\n; 0 where there is none. */
static size_t line_end(struct client *c, size_t from)
{
    for (;;) {
        char *end = c->in.n > from ? memmem(c->in.p + from, c->in.n - from, "\r\n", 2) : NULL;
        if (end)
            return (size_t)(end - c->in.p) + 2;
        if (!more(c))
            return 0;
    }
}

static bool have(struct client *c, size_t n)
{
    while (c->in.n < n) {
        if (!more(c))
            return false;
    }
    return true;
}

/* Where the RESP2 value at `from` ends; 0 where it does not. */
static size_t value_end(struct client *c, size_t from)
{
    size_t end = line_end(c, from);
    if (!end)
        return 0;
    long n = atol(c->in.p + from + 1);
    switch (c->in.p[from]) {
    case '$':
        if (n < 0)
            return end;
        return have(c, end + (size_t)n + 2) ? end + (size_t)n + 2 : 0;
    case '*':
        for (long i = 0; end && i < n; i++)
            end = value_end(c, end);
        return end;
    default:
        return end;
    }
}

static bool keep_reply(struct operation *op, const char *p, size_t n)
{
    if (n > REPLY_BYTES) {
        fprintf(stderr, "an answer of %zu bytes\n", n);
        return false;
    }
    memcpy(op->reply, p, n);
    op->reply_n = n;
    return true;
}

/* ---- the RESP door --------------------------------------------------------------------------- */

static void add_command(struct buf *out, const struct command *c)
{
    buf_printf(out, "*%d\r\n", c->argc);
    for (int i = 0; i < c->argc; i++)
        buf_printf(out, "$%zu\r\n%s\r\n", strlen(c->argv[i]), c->argv[i]);
}

static void add_word(struct buf *out, const char *name)
{
    struct command c;
    command_parse(&c, name);
    add_command(out, &c);
}

static void ask_resp(struct buf *out, const struct operation *op)
{
    if (op->kind == OPERATION_TRANSACTION)
        add_word(out, "MULTI");
    for (int i = 0; i < op->ncommands; i++)
        add_command(out, &op->commands[i]);
    if (op->kind == OPERATION_TRANSACTION)
        add_word(out, "EXEC");
}

static bool expect(struct client *c, const char *line)
{
    size_t end = line_end(c, 0), n = strlen(line);
    if (end != n || memcmp(c->in.p, line, n) != 0) {
        fprintf(stderr, "in a transaction came: %.*s", (int)end, end ? c->in.p : "");
        return false;
    }
    buf_consume(&c->in, end);
    return true;
}

static bool answer_resp(struct client *c, struct operation *op)
{
    if (op->kind == OPERATION_TRANSACTION) {
        if (!expect(c, "+OK\r\n"))
            return false;
        for (int i = 0; i < op->ncommands; i++) {
            if (!expect(c, "+QUEUED\r\n"))
                return false;
        }
    }
    size_t n = value_end(c, 0);
    bool well = n && keep_reply(op, c->in.p, n);
    buf_consume(&c->in, n);
    return well;
}

/* ---- the memcached door ---------------------------------------------------------------------- */

static void ask_memcached(struct buf *out, const struct operation *op)
{
    const struct command *c = &op->commands[0];
    const char *verb = !strcmp(c->argv[0], "GET")      ? "get"
                       : !strcmp(c->argv[0], "DEL")    ? "delete"
                       : !strcmp(c->argv[0], "append") ? "append"
                       : c->argc > 3                   ? "add"
                                                       : "set";
    buf_printf(out, "%s %s", verb, c->argv[1]);
    if (c->argc > 2)
        buf_printf(out, " 0 0 %zu\r\n%s", strlen(c->argv[2]), c->argv[2]);
    buf_add_str(out, "\r\n");
}

static bool answer_value(struct client *c, struct operation *op, size_t head)
{
    const char *length = memrchr(c->in.p, ' ', head);
    size_t n = (size_t)atol(length), end = head + n + 2 + strlen("END\r\n");
    if (!have(c, end))
        return false;
    struct buf bulk;
    buf_init(&bulk);
    buf_printf(&bulk, "$%zu\r\n", n);
    buf_add(&bulk, c->in.p + head, n + 2);
    bool well = keep_reply(op, bulk.p, bulk.n);
    buf_release(&bulk);
    buf_consume(&c->in, end);
    return well;
}

static bool answer_memcached(struct client *c, struct operation *op)
{
    static const struct {
        const char *line, *reply;
    } same[] = {
        {"END\r\n", "$-1\r\n"},      {"STORED\r\n", "+OK\r\n"}, {"NOT_STORED\r\n", "$-1\r\n"},
        {"NOT_FOUND\r\n", ":0\r\n"}, {"DELETED\r\n", ":1\r\n"},
    };
    size_t n = line_end(c, 0);
    if (!n)
        return false;
    if (n > 6 && !memcmp(c->in.p, "VALUE ", 6))
        return answer_value(c, op, n);
    bool well = false, known = false;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (n == strlen(same[i].line) && !memcmp(c->in.p, same[i].line, n)) {
            known = true;
            well = keep_reply(op, same[i].reply, strlen(same[i].reply));
        }
    }
    if (!known)
        well = keep_reply(op, c->in.p, n); /* the model will not agree */
    buf_consume(&c->in, n);
    return well;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool send_all(struct client *c, const struct buf *out)
{
    for (size_t sent = 0; sent < out->n;) {
        ssize_t n = send(c->fd, out->p + sent, out->n - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            perror("send");
            return false;
        }
        sent += (size_t)n;
    }
    return true;
}

bool client_ask(struct client *c, struct operation *op)
{
    struct buf out;
    buf_init(&out);
    c->door == DOOR_RESP ? ask_resp(&out, op) : ask_memcached(&out, op);
    op->asked_at_ns = now_ns();
    bool well =
        send_all(c, &out) && (c->door == DOOR_RESP ? answer_resp(c, op) : answer_memcached(c, op));
    op->answered_at_ns = now_ns();
    buf_release(&out);
    return well;
}

bool client_tell(struct client *c, const char *text, struct operation *answer)
{
    *answer = (struct operation){.kind = OPERATION_COMMAND, .ncommands = 1};
    command_parse(&answer->commands[0], text);
    return client_ask(c, answer);
}

bool client_has_command(struct client *c, const char *name)
{
    struct operation answer;
    char text[64];
    snprintf(text, sizeof text, "COMMAND INFO %s", name);
    return client_tell(c, text, &answer) && answer.reply_n > strlen("*1\r\n*-1\r\n");
}
