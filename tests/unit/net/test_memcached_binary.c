/* The binary protocol: frames in, whole or in pieces, and responses out. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "net/memcached_binary.h"
#include "tests/unit/suites.h"

#define MAX_VALUE 1000

static void add_frame(struct buf *to, uint8_t opcode, struct bytes extras, struct bytes key,
                      size_t value_n)
{
    size_t body = extras.n + key.n + value_n;
    char head[24] = {(char)0x80, (char)opcode};
    head[3] = (char)key.n;
    head[4] = (char)extras.n;
    head[9] = (char)(body >> 16);
    head[10] = (char)(body >> 8);
    head[11] = (char)body;
    memcpy(head + 12, "opaq", 4);
    head[23] = 9;
    buf_add(to, head, sizeof head);
    buf_add_bytes(to, extras);
    buf_add_bytes(to, key);
    for (size_t i = 0; i < value_n; i++)
        buf_add_char(to, (char)(i * 7));
}

static enum memcached_binary_result parse_one(struct memcached_binary *b, uint8_t opcode,
                                              struct bytes extras, struct bytes key, size_t value_n)
{
    static struct buf in; /* what is parsed points into it */
    buf_release(&in);
    buf_init(&in);
    add_frame(&in, opcode, extras, key, value_n);
    *b = (struct memcached_binary){0};
    return memcached_binary_parse(b, buf_bytes(&in), MAX_VALUE);
}

START_TEST(requests_are_taken_apart)
{
    struct memcached_binary b;
    ck_assert_int_eq(parse_one(&b, BINARY_SETQ, BYTES("\0\0\0\5\0\0\1\0"), BYTES("key"), 4),
                     BINARY_REQUEST);
    ck_assert(b.frame.asked == BINARY_SETQ && b.frame.opcode == BINARY_SET && b.frame.quiet);
    ck_assert(bytes_eq(b.frame.key, BYTES("key")) && b.frame.value.n == 4 && b.frame.cas == 9);
    ck_assert_uint_eq(memcached_binary_u32(b.frame.extras, 0), 5);
    ck_assert_uint_eq(memcached_binary_u32(b.frame.extras, 4), 256);
    ck_assert_uint_eq(memcached_binary_u64(b.frame.extras, 0), 0x500000100u);
    ck_assert_int_eq(parse_one(&b, BINARY_GETK, BYTES(""), BYTES("k"), 0), BINARY_REQUEST);
    ck_assert(!b.frame.quiet && b.used == 25);
}
END_TEST

static void expect_mistake(uint8_t opcode, struct bytes extras, struct bytes key, size_t value_n,
                           enum memcached_status status, bool closes)
{
    struct memcached_binary b;
    ck_assert_int_eq(parse_one(&b, opcode, extras, key, value_n), BINARY_MISTAKE);
    ck_assert_int_eq(b.status, status);
    ck_assert_int_eq(b.closes, closes);
}

START_TEST(mistakes)
{
    char longer[251];
    memset(longer, 'k', sizeof longer);
    expect_mistake(BINARY_GET, BYTES(""), BYTES(""), 0, BINARY_INVALID, true);
    expect_mistake(BINARY_GET, BYTES("1234"), BYTES("k"), 0, BINARY_INVALID, true);
    expect_mistake(BINARY_GET, BYTES(""), BYTES("k"), 1, BINARY_INVALID, true);
    expect_mistake(BINARY_SET, BYTES("1234"), BYTES("k"), 1, BINARY_INVALID, true);
    expect_mistake(BINARY_GET, BYTES(""), bytes_of(longer, 251), 0, BINARY_INVALID, true);
    expect_mistake(0x1b, BYTES(""), BYTES("k"), 100, BINARY_UNKNOWN_COMMAND, false);
    expect_mistake(BINARY_APPEND, BYTES(""), BYTES("k"), MAX_VALUE + 1, BINARY_TOO_LARGE, false);
    struct memcached_binary b;
    ck_assert_int_eq(parse_one(&b, BINARY_APPEND, BYTES(""), BYTES("k"), MAX_VALUE),
                     BINARY_REQUEST);
    ck_assert_int_eq(parse_one(&b, BINARY_GET, BYTES(""), bytes_of(longer, 250), 0),
                     BINARY_REQUEST);
    b = (struct memcached_binary){0};
    ck_assert_int_eq(memcached_binary_parse(&b, BYTES("get k\r\n"), MAX_VALUE), BINARY_INCOMPLETE);
    ck_assert_int_eq(memcached_binary_parse(&b, BYTES("get a_header's_length_\r\n"), MAX_VALUE),
                     BINARY_HOPELESS); /* judged when a whole header has come */
}
END_TEST

START_TEST(responses)
{
    struct memcached_frame to = {.asked = BINARY_GETKQ, .opcode = BINARY_GETK, .quiet = true};
    struct memcached_response r = {.cas = 0x0102030405060708u,
                                   .extras = BYTES("flag"),
                                   .key = BYTES("k"),
                                   .value = BYTES("vv")};
    struct bytes want = BYTES("\x81\x0d\0\1\4\0\0\0\0\0\0\7abcd\1\2\3\4\5\6\7\10"
                              "flagkvv");
    struct buf out;
    memcpy(&to.opaque, "abcd", 4);
    buf_init(&out);
    memcached_binary_respond(&out, &to, &r);
    ck_assert(bytes_eq(buf_bytes(&out), want));
    buf_clear(&out);
    memcached_binary_status(&out, &to, BINARY_NOT_FOUND);
    ck_assert(out.n == 24 + 9 && out.p[7] == 1 && memcmp(out.p + 24, "Not found", 9) == 0);
    buf_release(&out);
}
END_TEST

static void describe(const struct memcached_binary *b, enum memcached_binary_result r,
                     struct buf *to)
{
    const struct memcached_frame *f = &b->frame;
    if (r == BINARY_MISTAKE)
        buf_printf(to, "status %d\n", (int)b->status);
    else
        buf_printf(to, "%d %zu %.*s %zu %llu\n", f->asked, f->extras.n, (int)f->key.n, f->key.p,
                   f->value.n, (unsigned long long)hash_bytes(f->value));
}

/* Feeds pieces of up to `piece` bytes, 0: all at once, from memory of their exact size. */
static void parse_in_pieces(struct bytes in, size_t piece, struct buf *to)
{
    struct memcached_binary b = {0};
    size_t start = 0;
    for (size_t have = 0; have < in.n;) {
        size_t n = piece ? 1 + rng_below(piece) : in.n;
        have = in.n - have < n ? in.n : have + n;
        for (;;) {
            char *exact = mem_alloc(have - start + 1);
            memcpy(exact, in.p + start, have - start);
            enum memcached_binary_result r =
                memcached_binary_parse(&b, bytes_of(exact, have - start), MAX_VALUE);
            start += b.used;
            if (r == BINARY_REQUEST || r == BINARY_MISTAKE)
                describe(&b, r, to);
            mem_free(exact);
            if (r == BINARY_HOPELESS || (r == BINARY_MISTAKE && b.closes))
                return;
            if (r == BINARY_INCOMPLETE && b.used == 0)
                break;
        }
    }
}

START_TEST(pieces_make_no_difference)
{
    rng_seed(12);
    for (int round = 0; round < UNIT_STEPS(500); round++) {
        struct buf in, whole, pieces;
        buf_init(&in);
        buf_init(&whole);
        buf_init(&pieces);
        for (size_t n = 1 + rng_below(20); n > 0; n--) {
            bool sets = rng_below(2);
            add_frame(&in, sets ? BINARY_SET : (uint8_t)rng_below(0x28),
                      sets ? BYTES("12345678") : BYTES(""), rng_below(8) ? BYTES("key") : BYTES(""),
                      sets ? rng_below(1100) : 0);
        }
        parse_in_pieces(buf_bytes(&in), 0, &whole);
        parse_in_pieces(buf_bytes(&in), 1 + rng_below(100), &pieces);
        ck_assert(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
        buf_release(&in);
        buf_release(&whole);
        buf_release(&pieces);
    }
}
END_TEST

Suite *suite_memcached_binary(void)
{
    Suite *s = suite_create("net/memcached_binary");
    TCase *t = tcase_create("frames");
    tcase_add_test(t, requests_are_taken_apart);
    tcase_add_test(t, mistakes);
    tcase_add_test(t, responses);
    tcase_add_test(t, pieces_make_no_difference);
    suite_add_tcase(s, t);
    return s;
}
