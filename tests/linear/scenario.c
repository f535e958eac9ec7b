#include "tests/linear/scenario.h"

#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
const struct scenario scenarios[] = {
    {"strings", 3, .key_by_key = true, .memcached = true, .templates = {
        "GET @", "GET @", "SET @ $", "SET @ #", "SET @ # NX", "SET @ $ GET", "INCR @", "INCR @", "INCRBY @ #",
        "APPEND @ #", "APPEND @ #", "STRLEN @", "GETDEL @", "DEL @", "EXISTS @"}},
    {"counters", 2, .key_by_key = true, .templates = {"INCR @", "INCR @", "INCRBY @ #", "GET @"}},
    {"keys together", 4, .templates = {
        "MSET @ $ @ $", "MSET @ $ @ $", "MSETNX @ $ @ $", "MGET @ @ @", "MGET @ @", "DEL @ @", "EXISTS @ @ @",
        "RENAME @ @", "COPY @ @", "SET @ $", "GET @", "APPEND @ #"}},
    {"lists", 3, .needs = "LMOVE", .templates = {
        "LPUSH @ $", "RPUSH @ $ $", "RPUSH @ $", "LPOP @", "LPOP @", "RPOP @", "RPOP @", "LLEN @", "LRANGE @ 0 -1",
        "LMOVE @ @ LEFT RIGHT", "LMOVE @ @ RIGHT RIGHT", "RENAME @ @", "DEL @"}},
    {"waiting for lists", 3, .needs = "BLMOVE", .templates = {
        "LPUSH @ $", "RPUSH @ $", "RPUSH @ $ $", "LPUSH @ $", "LPOP @", "BLPOP @ 0.02", "BRPOP @ 0.02",
        "BLPOP @ @ 0.02", "BLMOVE @ @ LEFT RIGHT 0.02", "LLEN @", "RENAME @ @"}},
    {"sorted sets", 2, .key_by_key = true, .needs = "ZPOPMIN", .templates = {
        "ZADD @ # a", "ZADD @ # b", "ZADD @ # $", "ZINCRBY @ # a", "ZINCRBY @ # c", "ZSCORE @ a", "ZCARD @",
        "ZPOPMIN @", "ZPOPMIN @", "DEL @"}},
    {"waiting for sorted sets", 2, .needs = "BZPOPMIN", .templates = {
        "ZADD @ # a", "ZADD @ # b", "ZADD @ # $", "ZINCRBY @ # a", "ZPOPMIN @", "BZPOPMIN @ 0.02",
        "BZPOPMIN @ @ 0.02", "ZCARD @", "RENAME @ @"}},
    {"sets", 3, .needs = "SMOVE", .templates = {
        "SADD @ a b", "SADD @ #", "SADD @ $", "SREM @ a", "SREM @ # a", "SMOVE @ @ a", "SMOVE @ @ #", "SISMEMBER @ a",
        "SISMEMBER @ #", "SCARD @", "SCARD @", "SPOP @", "SPOP @", "SINTERCARD 2 @ @", "DEL @"}},
    {"hashes", 2, .key_by_key = true, .needs = "HGETDEL", .templates = {
        "HSET @ a #", "HSET @ b $", "HSETNX @ a #", "HINCRBY @ a #", "HINCRBY @ c #", "HGET @ a", "HGET @ b", "HDEL @ a b",
        "HLEN @", "HSTRLEN @ b", "HMGET @ a b c", "DEL @"}},
    {"streams", 2, .key_by_key = true, .needs = "XADD", .templates = {
        "XADD @ MAXLEN 20 * f $", "XADD @ MAXLEN 20 * f $", "XLEN @", "XLEN @", "XRANGE @ - +", "XTRIM @ MAXLEN #",
        "DEL @"}},
    {"transactions", 3, .transactions = true, .needs = "WATCH", .templates = {
        "GET @", "SET @ $", "INCR @", "APPEND @ #", "DEL @", "MSET @ # @ #", "RENAME @ @", "MGET @ @"}},
    {"transactions on lists", 3, .transactions = true, .needs = "LMOVE", .templates = {
        "LPUSH @ $", "RPUSH @ $", "LPOP @", "RPOP @", "LMOVE @ @ LEFT RIGHT", "LRANGE @ 0 -1", "RENAME @ @",
        "BLPOP @ 0.01"}},
    {.name = NULL},
};
/* clang-format on */

/* What a client of the memcached door draws from. */
static const char *const memcached_templates[] = {
    "GET @", "GET @", "SET @ $", "SET @ #", "SET @ # NX", "append @ #", "DEL @", NULL,
};

void generator_init(struct generator *g, const struct scenario *s, enum door door, int client,
                    uint64_t seed)
{
    *g = (struct generator){.scenario = s, .door = door, .client = client};
    g->random = (seed + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)client << 32;
}

/* splitmix64 (Steele, Lea and Flood, 2014). */
static unsigned draw(struct generator *g, unsigned below)
{
    uint64_t z = g->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ z >> 31) >> 32) % below;
}

static void draw_key(struct generator *g, unsigned *used, char *to)
{
    unsigned k;
    do
        k = draw(g, (unsigned)g->scenario->keys);
    while (*used >> k & 1);
    *used |= 1u << k;
    snprintf(to, WORD_BYTES, "@%u", k);
}

static void draw_command(struct generator *g, struct command *c)
{
    const char *const *templates =
        g->door == DOOR_MEMCACHED ? memcached_templates : g->scenario->templates;
    unsigned n = 0, used = 0;
    while (templates[n])
        n++;
    command_parse(c, templates[draw(g, n)]);
    for (int i = 1; i < c->argc; i++) {
        if (!strcmp(c->argv[i], "@"))
            draw_key(g, &used, c->argv[i]);
        else if (!strcmp(c->argv[i], "$"))
            snprintf(c->argv[i], WORD_BYTES, "%c%u", 'a' + g->client, g->value++);
        else if (!strcmp(c->argv[i], "#"))
            snprintf(c->argv[i], WORD_BYTES, "%u", 1 + draw(g, 9));
    }
}

static void draw_transaction(struct generator *g, struct operation *op)
{
    op->kind = OPERATION_TRANSACTION;
    op->ncommands = 1 + (int)draw(g, COMMANDS_MAX - 1);
    for (int i = 0; i < op->ncommands; i++)
        draw_command(g, &op->commands[i]);
}

void generator_next(struct generator *g, struct operation *op)
{
    char text[32];
    *op = (struct operation){.kind = OPERATION_COMMAND, .client = g->client, .ncommands = 1};
    if (!g->scenario->transactions) {
        draw_command(g, &op->commands[0]);
    } else if (g->watching == 0 && draw(g, 2)) {
        g->key = (int)draw(g, (unsigned)g->scenario->keys);
        g->watching = 1;
        snprintf(text, sizeof text, "WATCH @%d", g->key);
        command_parse(&op->commands[0], text);
    } else if (g->watching == 1) {
        g->watching = 2;
        snprintf(text, sizeof text, "EXISTS @%d", g->key);
        command_parse(&op->commands[0], text);
    } else if (g->watching || draw(g, 2)) {
        draw_transaction(g, op);
        g->watching = 0;
    } else {
        draw_command(g, &op->commands[0]);
    }
}
