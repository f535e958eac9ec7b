/* fanout: one channel, many WebSocket subscribers, all on 127.0.0.1 and in one thread.
 *
 *     fanout PORT PATH SUBPROTOCOL HELLO SUBSCRIBERS MESSAGES BYTES PUBLISH_PORT resp|http WHERE
 *
 * SUBPROTOCOL and HELLO (a text message after the handshake) may be empty. Messages of BYTES are published by RESP's
 * PUBLISH to the channel WHERE, or by a POST to the path WHERE; WINDOW of them are on their way at a time. Each carries
 * the time of its publication. Prints connections/s, deliveries/s, and p50 and p99 of the time from publication to
 * receipt in ms. Ends with status 1 where something is lost. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

#define WINDOW     8
#define STAMP      "~t"
#define STAMP_N    20 /* digits */
#define EVENTS_MAX 512
#define PATIENCE_S 60

struct subscriber {
    int fd;
    struct buf in;
    size_t got;
};

static int epoll;
static size_t delivered, nlatencies, latencies_max;
static double *latencies_ms;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One address has 28,000 ports, of which those of runs before are not free yet: each two thousand of connections come
 * from another, other ones in each run, and the port is chosen when it is known whom it is for. */
static int connect_to(int port)
{
    static unsigned made;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)getpid() % 4096 * 16 + made++ / 2000);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)port);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, struct bytes s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            fail("send");
        s = bytes_of(s.p + n, s.n - (size_t)n);
    }
}

/* ---- subscribing ------------------------------------------------------------------------------ */

static void read_some(struct subscriber *s)
{
    ssize_t n = recv(s->fd, buf_reserve(&s->in, 16384), 16384, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        fprintf(stderr, "the server closed a connection\n");
        exit(1);
    }
    s->in.n += (size_t)n;
}

/* The mask of zeros leaves the text as it is. */
static void send_text(int fd, const char *text)
{
    size_t n = strlen(text);
    struct buf frame;
    buf_init(&frame);
    buf_add_char(&frame, (char)0x81);
    if (n < 126) {
        buf_add_char(&frame, (char)(0x80 | n));
    } else {
        buf_add_char(&frame, (char)(0x80 | 126));
        buf_add_char(&frame, (char)(n >> 8));
        buf_add_char(&frame, (char)n);
    }
    buf_add(&frame, "\0\0\0\0", 4);
    buf_add_str(&frame, text);
    send_all(fd, buf_bytes(&frame));
    buf_release(&frame);
}

static void shake_hands(struct subscriber *s, const char *path, const char *subprotocol)
{
    struct buf ask;
    buf_init(&ask);
    buf_printf(&ask,
               "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
               path);
    if (*subprotocol)
        buf_printf(&ask, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    buf_add_str(&ask, "\r\n");
    send_all(s->fd, buf_bytes(&ask));
    buf_release(&ask);
    const char *end;
    do
        read_some(s);
    while (!(end = memmem(s->in.p, s->in.n, "\r\n\r\n", 4)));
    if (s->in.n < 12 || memcmp(s->in.p + 9, "101", 3) != 0) {
        fprintf(stderr, "no upgrade: %.60s\n", s->in.p);
        exit(1);
    }
    buf_consume(&s->in, (size_t)(end + 4 - s->in.p));
}

static void subscribe(struct subscriber *s, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    buf_init(&s->in);
    s->fd = connect_to(atoi(argv[1]));
    shake_hands(s, argv[2], argv[3]);
    if (*argv[4]) {
        send_text(s->fd, argv[4]);
        while (s->in.n < 2) /* its answer begins */
            read_some(s);
    }
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event);
}

/* ---- receiving -------------------------------------------------------------------------------- */

static void take_payload(struct subscriber *s, const char *p, size_t n)
{
    const char *stamp = memmem(p, n, STAMP, 2);
    if (!stamp)
        return; /* an answer, a ping */
    double ms = (double)(now_ns() - strtoull(stamp + 2, NULL, 10)) / 1e6;
    if (nlatencies < latencies_max)
        latencies_ms[nlatencies++] = ms;
    s->got++;
    delivered++;
}

/* Whole frames; a server's have no mask, and these are short. */
static void take_frames(struct subscriber *s)
{
    size_t at = 0;
    for (;;) {
        const unsigned char *p = (const unsigned char *)s->in.p + at;
        size_t have = s->in.n - at, head = 2;
        if (have < 2)
            break;
        size_t n = p[1] & 127;
        if (n == 126) {
            if (have < 4)
                break;
            n = (size_t)p[2] << 8 | p[3];
            head = 4;
        }
        if (have < head + n)
            break;
        take_payload(s, (const char *)p + head, n);
        at += head + n;
    }
    buf_consume(&s->in, at);
}

static void receive(int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct subscriber *s = events[i].data.ptr;
        read_some(s);
        take_frames(s);
    }
}

/* ---- publishing ------------------------------------------------------------------------------- */

/* Answers are read away: how many there are does not matter, deliveries count. */
static void publish(int fd, const char *kind, const char *where, size_t bytes)
{
    struct buf payload, ask;
    char ignored[4096];
    buf_init(&payload);
    buf_init(&ask);
    buf_printf(&payload, STAMP "%0*llu", STAMP_N, (unsigned long long)now_ns());
    while (payload.n < bytes)
        buf_add_char(&payload, '.');
    if (strcmp(kind, "resp") == 0)
        buf_printf(&ask, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n%.*s\r\n", strlen(where),
                   where, payload.n, (int)payload.n, payload.p);
    else
        buf_printf(&ask, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%.*s",
                   where, payload.n, (int)payload.n, payload.p);
    send_all(fd, buf_bytes(&ask));
    while (recv(fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0)
        continue;
    buf_release(&payload);
    buf_release(&ask);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 11) {
        fprintf(stderr,
                "usage: %s PORT PATH SUBPROTOCOL HELLO SUBSCRIBERS MESSAGES BYTES PUBLISH_PORT "
                "resp|http WHERE\n",
                argv[0]);
        return 1;
    }
    size_t n = strtoul(argv[5], NULL, 10), messages = strtoul(argv[6], NULL, 10), published = 0;
    struct subscriber *subscribers = calloc(n, sizeof *subscribers);
    latencies_max = n * messages;
    latencies_ms = malloc(latencies_max * sizeof *latencies_ms);
    epoll = epoll_create1(0);
    uint64_t began = now_ns();
    for (size_t i = 0; i < n; i++)
        subscribe(&subscribers[i], argv);
    double connecting_s = (double)(now_ns() - began) / 1e9;
    int publisher = connect_to(atoi(argv[8]));
    uint64_t started = now_ns();
    while (delivered < n * messages) {
        while (published < messages && published < delivered / n + WINDOW) {
            publish(publisher, argv[9], argv[10], strtoul(argv[7], NULL, 10));
            published++;
        }
        receive(1000);
        if (now_ns() - started > PATIENCE_S * 1000000000ull)
            break;
    }
    double took_s = (double)(now_ns() - started) / 1e9;
    qsort(latencies_ms, nlatencies, sizeof *latencies_ms, by_value);
    printf("%.0f %.0f %.2f %.2f\n", (double)n / connecting_s, (double)delivered / took_s,
           nlatencies ? latencies_ms[nlatencies / 2] : 0,
           nlatencies ? latencies_ms[nlatencies * 99 / 100] : 0);
    return delivered == n * messages ? 0 : 1;
}
