/* RESTORE takes what DUMP gave to somebody else: any bytes with the right version and checksum are
 * refused, or they are a value that bears every operation and comes back whole from DUMP.
 *
 * Input as for fuzz_restore: a byte, which says nothing here, then type and value in the RDB format. What seals
 * them is added here. */
#include "tests/fuzz/input.h"
#include "tests/fuzz/served.h"

#define VERSION 10

static struct session *session;

/* CRC-64 (Jones), bit by bit: not the engine's own. */
static uint64_t checksum(struct bytes s)
{
    uint64_t crc = 0;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (uint8_t)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x95ac9329ac4bc9b5u : crc >> 1;
    }
    return crc;
}

static void add_le(struct buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        buf_add_char(b, (char)(v & 255));
}

static void seal(struct buf *payload)
{
    add_le(payload, VERSION, 2);
    add_le(payload, checksum(buf_bytes(payload)), 8);
}

/* True where it is taken. */
static bool restore(const char *key, struct bytes payload, struct buf *out)
{
    struct bytes argv[] = {BYTES("RESTORE"), bytes_str(key), BYTES("0"), payload, BYTES("REPLACE")};
    served_run(session, argv, 5, out);
    return out->p[0] == '+';
}

/* A bulk answer's bytes. */
static struct bytes bulk(const struct buf *out)
{
    MUST(out->p[0] == '$');
    const char *start = (const char *)memchr(out->p, '\n', out->n) + 1;
    return bytes_of(start, out->n - (size_t)(start - out->p) - 2);
}

/* k and its copy are of one type and length. (Tables have their own order: their DUMPs may differ.) */
static void expect_equal(struct buf *out)
{
    static const char *const commands[] = {"TYPE ", "STRLEN ", "LLEN ", "SCARD ",
                                           "HLEN ", "ZCARD ",  "XLEN "};
    struct buf first;
    char words[16];
    buf_init(&first);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        snprintf(words, sizeof words, "%sk", commands[i]);
        served_words(session, words, &first);
        snprintf(words, sizeof words, "%scopy", commands[i]);
        served_words(session, words, out);
        MUST(bytes_eq(buf_bytes(&first), buf_bytes(out)));
    }
    buf_release(&first);
}

/* Reads and writes of every type: those of another type are refused. */
static void use(struct buf *out)
{
    static const char *const commands[] = {"TYPE k",
                                           "OBJECT ENCODING k",
                                           "MEMORY USAGE k",
                                           "STRLEN k",
                                           "GETRANGE k 0 -1",
                                           "LRANGE k 0 -1",
                                           "LPOS k a",
                                           "SMEMBERS k",
                                           "SISMEMBER k 12",
                                           "HGETALL k",
                                           "HEXISTS k a",
                                           "HTTL k FIELDS 1 a",
                                           "ZRANGE k 0 -1",
                                           "ZSCORE k a",
                                           "ZRANK k a",
                                           "XRANGE k - +",
                                           "XINFO STREAM k",
                                           "XREVRANGE k + -",
                                           "APPEND k x",
                                           "LPUSH k 5",
                                           "RPUSH k tail",
                                           "LINSERT k BEFORE 5 x",
                                           "LSET k 0 y",
                                           "LREM k 0 x",
                                           "SADD k 7 text",
                                           "SREM k 12",
                                           "HSET k a 1 b 2",
                                           "HDEL k b",
                                           "ZADD k 1.5 new",
                                           "ZINCRBY k 1 new",
                                           "ZREMRANGEBYRANK k 0 0",
                                           "XADD k * f v",
                                           "XTRIM k MAXLEN 1",
                                           "LTRIM k 1 -2",
                                           "SPOP k",
                                           "ZPOPMAX k",
                                           "RPOP k",
                                           "HGETDEL k FIELDS 1 a"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        served_words(session, commands[i], out);
        if (i % 8 == 7)
            served_check();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf payload, out, first;
    if (size == 0)
        return 0;
    if (!session)
        session = served_session(DOOR_RESP);
    input_seed(data, size);
    buf_init(&payload);
    buf_init(&out);
    buf_init(&first);
    buf_add(&payload, data + 1, size - 1);
    seal(&payload);
    char *exact = input_exact(payload.p, payload.n);
    bool taken = restore("k", bytes_of(exact, payload.n), &out);
    served_check();
    served_words(session, "DUMP k", &out);
    if (taken && out.p[1] != '-') { /* a hash whose fields were all due is gone at once */
        buf_add_bytes(&first, bulk(&out));
        MUST(restore("copy", buf_bytes(&first), &out));
        expect_equal(&out);
        use(&out);
        served_check();
    }
    free(exact);
    served_clear(session, &out);
    buf_release(&payload);
    buf_release(&out);
    buf_release(&first);
    return 0;
}
