#include "tests/bench/vectors_resp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

#define DEPTH 32

static int fd;
static struct buf in, out;
static size_t taken; /* of in */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

void resp_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void send_out(void)
{
    for (size_t sent = 0; sent < out.n;) {
        ssize_t n = send(fd, out.p + sent, out.n - sent, MSG_NOSIGNAL);
        if (n <= 0)
            fail("send");
        sent += (size_t)n;
    }
    buf_clear(&out);
}

/* The next line, without its end. */
static struct bytes line(void)
{
    for (;;) {
        const char *from = in.p + taken;
        const char *end = in.n > taken ? memmem(from, in.n - taken, "\r\n", 2) : NULL;
        if (end) {
            taken += (size_t)(end - from) + 2;
            return bytes_of(from, (size_t)(end - from));
        }
        buf_consume(&in, taken);
        taken = 0;
        ssize_t n = recv(fd, buf_reserve(&in, 65536), 65536, 0);
        if (n <= 0)
            fail("recv");
        in.n += (size_t)n;
    }
}

static void word(const void *p, size_t n)
{
    buf_printf(&out, "$%zu\r\n", n);
    buf_add(&out, p, n);
    buf_add_str(&out, "\r\n");
}

static void number(size_t v)
{
    char text[24];
    word(text, (size_t)sprintf(text, "%zu", v));
}

void resp_add_all(const float *points, size_t n, size_t dim)
{
    for (size_t i = 0; i < n;) {
        size_t to = i + DEPTH < n ? i + DEPTH : n, first = i;
        for (; i < to; i++) {
            buf_add_str(&out, "*5\r\n$4\r\nVADD\r\n$1\r\nv\r\n$4\r\nFP32\r\n");
            word(points + i * dim, dim * sizeof(float));
            number(i);
        }
        send_out();
        for (size_t k = first; k < to; k++) {
            struct bytes reply = line();
            if (reply.p[0] != ':') {
                fprintf(stderr, "VADD: %.*s\n", (int)reply.n, reply.p);
                exit(1);
            }
        }
    }
}

static void ask(const float *query, size_t dim, size_t k, size_t ef)
{
    buf_add_str(&out, "*8\r\n$4\r\nVSIM\r\n$1\r\nv\r\n$4\r\nFP32\r\n");
    word(query, dim * sizeof(float));
    buf_add_str(&out, "$5\r\nCOUNT\r\n");
    number(k);
    buf_add_str(&out, "$2\r\nEF\r\n");
    number(ef);
}

static void read_labels(size_t k, size_t *labels)
{
    struct bytes head = line();
    size_t n = strtoul(head.p + 1, NULL, 10);
    for (size_t i = 0; i < n; i++) {
        line(); /* the length */
        size_t label = strtoul(line().p, NULL, 10);
        if (i < k)
            labels[i] = label;
    }
    for (size_t i = n; i < k; i++)
        labels[i] = SIZE_MAX;
}

/* While the replies to one batch are read, the next is at the server. */
void resp_ask_all(const float *queries, size_t n, size_t dim, size_t k, size_t ef, size_t *labels)
{
    size_t asked = 0, read = 0;
    while (read < n) {
        for (; asked < n && asked < read + 2 * DEPTH; asked++)
            ask(queries + asked * dim, dim, k, ef);
        send_out();
        for (size_t to = read + DEPTH < n ? read + DEPTH : n; read < to; read++)
            read_labels(k, labels + read * k);
    }
}
