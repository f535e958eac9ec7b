/* load: a pipelined load for the bench, over RESP or memcached's text protocol.
 *
 *     load PORT resp|memcached CONNECTIONS DEPTH REQUESTS KEYS WORD ...
 *
 * Each connection sends DEPTH requests at once and the next ones when all are answered. In a word
 * {r} is a random number below KEYS, {r+N} the request's last such number and N; of memcached's
 * storing requests the last word is the value. Prints requests a second and the 50th and 99th
 * percentile of the latency in ms. An error as an answer ends it with status 1. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000
#define DEPTH_MAX       1000
#define REQUEST_MAX     4096
#define IN_BYTES        (1 << 20)
#define SILENCE_MS      30000

struct connection {
    int fd;
    size_t waiting;      /* requests that are not answered */
    uint64_t sent_at_ns; /* of the batch */
    size_t n;            /* unread bytes */
    char *in;
};

static struct load {
    bool memcached;
    int port, nconnections, depth, nwords;
    size_t requests, sent, answered;
    uint64_t keys, random;
    char **words;
    uint32_t *latency_us; /* of each request */
    char *batch;
    int epoll;
} load;

static void die(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* xorshift64 (Marsaglia, 2003). */
static uint64_t draw(void)
{
    load.random ^= load.random << 13;
    load.random ^= load.random >> 7;
    load.random ^= load.random << 17;
    return load.random % load.keys;
}

/* Writes the word with its numbers; returns its length. */
static size_t expand(const char *word, char *to, uint64_t *last)
{
    char *start = to;
    while (*word) {
        if (word[0] != '{' || word[1] != 'r') {
            *to++ = *word++;
            continue;
        }
        if (word[2] == '}')
            *last = draw();
        to += sprintf(to, "%llu", (unsigned long long)(*last + strtoull(word + 2, NULL, 10)));
        word = strchr(word, '}') + 1;
    }
    return (size_t)(to - start);
}

static size_t write_resp(char *to)
{
    char word[REQUEST_MAX], *start = to;
    uint64_t last = 0;
    to += sprintf(to, "*%d\r\n", load.nwords);
    for (int i = 0; i < load.nwords; i++) {
        size_t n = expand(load.words[i], word, &last);
        to += sprintf(to, "$%zu\r\n", n);
        memcpy(to, word, n);
        memcpy(to + n, "\r\n", 2);
        to += n + 2;
    }
    return (size_t)(to - start);
}

static size_t write_memcached(char *to)
{
    char *start = to;
    uint64_t last = 0;
    bool stores = strcmp(load.words[0], "set") == 0;
    for (int i = 0; i < load.nwords; i++) {
        bool value = stores && i == load.nwords - 1;
        if (value)
            to += sprintf(to, " 0 0 %zu\r\n", strlen(load.words[i]));
        else if (i)
            *to++ = ' ';
        to += expand(load.words[i], to, &last);
    }
    memcpy(to, "\r\n", 2);
    return (size_t)(to - start) + 2;
}

static void send_batch(struct connection *c)
{
    size_t n = 0, left = load.requests - load.sent;
    c->waiting = left < (size_t)load.depth ? left : (size_t)load.depth;
    for (size_t i = 0; i < c->waiting; i++)
        n += load.memcached ? write_memcached(load.batch + n) : write_resp(load.batch + n);
    load.sent += c->waiting;
    c->sent_at_ns = now_ns();
    for (size_t at = 0; at < n;) { /* a batch is small: the kernel takes it */
        ssize_t sent = send(c->fd, load.batch + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0)
            die("cannot send");
        at += (size_t)sent;
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The length of the line at p with its \r\n, 0 where it is not whole. */
static size_t line(const char *p, size_t n)
{
    const char *end = n ? memchr(p, '\n', n) : NULL;
    return end ? (size_t)(end - p) + 1 : 0;
}

/* The length of the answer at p, 0 where it is not whole. */
static size_t resp_answer(const char *p, size_t n)
{
    size_t at = 0;
    for (long left = 1; left > 0; left--) {
        size_t head = line(p + at, n - at);
        if (!head)
            return 0;
        long count = atol(p + at + 1);
        char kind = p[at];
        at += head;
        if (kind == '-')
            die(p);
        if (kind == '*' && count > 0)
            left += count;
        if (kind == '$' && count >= 0)
            at += (size_t)count + 2;
        if (at > n)
            return 0;
    }
    return at;
}

static size_t memcached_answer(const char *p, size_t n)
{
    for (size_t at = 0;;) {
        size_t head = line(p + at, n - at);
        if (!head)
            return 0;
        if (memcmp(p + at, "VALUE ", head < 6 ? head : 6) != 0) {
            if (strncmp(p + at, "END", 3) != 0 && strncmp(p + at, "STORED", 6) != 0)
                die(p);
            return at + head;
        }
        const char *length = memrchr(p + at, ' ', head);
        at += head + (size_t)atol(length) + 2;
        if (at > n)
            return 0;
    }
}

static void take_answers(struct connection *c)
{
    ssize_t got = recv(c->fd, c->in + c->n, IN_BYTES - 1 - c->n, 0);
    if (got <= 0)
        die("the server closed the connection");
    c->n += (size_t)got;
    c->in[c->n] = '\0';
    uint32_t us = (uint32_t)((now_ns() - c->sent_at_ns) / 1000);
    size_t at = 0, n;
    while (c->waiting && (n = load.memcached ? memcached_answer(c->in + at, c->n - at)
                                             : resp_answer(c->in + at, c->n - at)) > 0) {
        at += n;
        c->waiting--;
        load.latency_us[load.answered++] = us;
    }
    memmove(c->in, c->in + at, c->n - at);
    c->n -= at;
    if (c->n == IN_BYTES - 1)
        die("an answer is too long");
    if (c->waiting == 0 && load.sent < load.requests)
        send_batch(c);
}

/* ---- the run --------------------------------------------------------------------------------- */

static void open_connection(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (!(c->in = malloc(IN_BYTES)) || epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("no memory");
}

static void run(struct connection *connections)
{
    struct epoll_event events[64];
    for (int i = 0; i < load.nconnections && load.sent < load.requests; i++)
        send_batch(&connections[i]);
    while (load.answered < load.requests) {
        int n = epoll_wait(load.epoll, events, 64, SILENCE_MS);
        if (n <= 0)
            die("no answer for 30 s");
        for (int i = 0; i < n; i++)
            take_answers(events[i].data.ptr);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct connection connections[CONNECTIONS_MAX];
    if (argc < 8)
        die("PORT resp|memcached CONNECTIONS DEPTH REQUESTS KEYS WORD ...");
    load = (struct load){.memcached = strcmp(argv[2], "memcached") == 0,
                         .port = atoi(argv[1]),
                         .nconnections = atoi(argv[3]),
                         .depth = atoi(argv[4]),
                         .requests = strtoull(argv[5], NULL, 10),
                         .keys = strtoull(argv[6], NULL, 10),
                         .nwords = argc - 7,
                         .words = argv + 7,
                         .random = 88172645463325252u,
                         .epoll = epoll_create1(0)};
    if (load.nconnections < 1 || load.nconnections > CONNECTIONS_MAX || load.depth < 1 ||
        load.depth > DEPTH_MAX || load.requests < 1 || load.keys < 1)
        die("a number is out of range");
    load.latency_us = malloc(load.requests * sizeof *load.latency_us);
    load.batch = malloc((size_t)load.depth * REQUEST_MAX);
    if (!load.latency_us || !load.batch)
        die("no memory");
    for (int i = 0; i < load.nconnections; i++)
        open_connection(&connections[i]);
    uint64_t began = now_ns();
    run(connections);
    double seconds = (double)(now_ns() - began) / 1e9;
    qsort(load.latency_us, load.requests, sizeof *load.latency_us, by_value);
    printf("%.1f %.3f %.3f\n", (double)load.requests / seconds,
           load.latency_us[load.requests / 2] / 1e3,
           load.latency_us[load.requests * 99 / 100] / 1e3);
    return 0;
}
