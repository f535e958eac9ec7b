/* The memcached parser: good lines and bad ones, and that input in pieces gives what input at once
 * gives. */
#include "base/mem.h"
#include "base/rng.h"
#include "net/memcached_parser.h"
#include "tests/unit/suites.h"

#define MAX_VALUE 1000

/* What a result was, in one line of text. */
static void describe(const struct memcached_parser *p, enum memcached_result r, struct buf *to)
{
    if (r == MEMCACHED_ERROR || r == MEMCACHED_TOO_LARGE) {
        buf_printf(to, "%s%s\n", p->error, p->noreply ? " noreply" : "");
        return;
    }
    buf_printf(to, "%s", p->name);
    for (size_t i = 0; i < p->nkeys; i++)
        buf_printf(to, " %.*s", (int)p->keys[i].n, p->keys[i].p);
    if (p->verb == MEMCACHED_MS)
        buf_printf(to, " flags=%zu value=%.*s", p->meta.nwords, (int)p->value.n, p->value.p);
    if (p->verb >= MEMCACHED_SET && p->verb <= MEMCACHED_CAS)
        buf_printf(to, " flags=%u value=%.*s", p->flags, (int)p->value.n, p->value.p);
    buf_printf(to, "%s\n", p->noreply ? " noreply" : "");
}

/* Feeds `in` in pieces of up to `piece` bytes, 0: all at once, and describes all that comes. Each
 * piece is given from memory of its exact size, so that reading past it is found. */
static void parse_in_pieces(struct bytes in, size_t piece, struct buf *to)
{
    struct memcached_parser p;
    struct buf unread;
    memcached_parser_init(&p);
    buf_init(&unread);
    for (size_t at = 0; at < in.n;) {
        size_t n = piece ? 1 + rng_below(piece) : in.n;
        n = n < in.n - at ? n : in.n - at;
        buf_add(&unread, in.p + at, n);
        at += n;
        for (;;) {
            char *exact = mem_alloc(unread.n);
            if (unread.n)
                memcpy(exact, unread.p, unread.n);
            enum memcached_result r = memcached_parse(&p, bytes_of(exact, unread.n), MAX_VALUE);
            ck_assert_uint_le(p.used, unread.n);
            if (r != MEMCACHED_INCOMPLETE && r != MEMCACHED_HOPELESS)
                describe(&p, r, to);
            mem_free(exact);
            buf_consume(&unread, p.used);
            if (r == MEMCACHED_HOPELESS || (r == MEMCACHED_INCOMPLETE && p.used == 0))
                break;
        }
    }
    buf_release(&unread);
    memcached_parser_release(&p);
}

static void expect(const char *in, const char *wanted)
{
    struct buf got;
    buf_init(&got);
    parse_in_pieces(bytes_str(in), 0, &got);
    buf_add_char(&got, '\0');
    ck_assert_str_eq(got.p, wanted);
    buf_release(&got);
}

START_TEST(lines)
{
    expect("get a b  c \r\n", "get a b c\n");
    expect("gat 5 a\n", "gat a\n");
    expect("set k 7 0 3 noreply\r\na\nb\r\n", "set k flags=7 value=a\nb noreply\n");
    expect("cas k 0 0 0 18446744073709551615\r\n\r\nincr n 1\r\n",
           "cas k flags=0 value=\nincr n\n");
    expect("delete k 0 noreply\r\nflush_all\r\nversion\r\nquit\r\n",
           "delete k noreply\nflush_all\nversion\nquit\n");
}
END_TEST

START_TEST(meta_lines)
{
    expect("mg a v t\r\nmd a q\nma n N0 J5\r\nmn\r\nme a\r\n", "mg a\nmd a\nma n\nmn\nme a\n");
    expect("mg YWI= b\r\nms YWI= 2 b F5\r\nxy\r\n", "mg ab\nms ab flags=2 value=xy\n");
    expect("mg a v v\r\nmg a !\r\n", "CLIENT_ERROR duplicate flag\nCLIENT_ERROR invalid flag\n");
    expect("ms a 2 !\r\nmn\r\nmg a\r\n",
           "CLIENT_ERROR invalid flag\nmg a\n"); /* 4 bytes are data */
    expect("mg a O1234567890123456789012345678901\r\nmg a O12345678901234567890123456789012\r\n",
           "mg a\nCLIENT_ERROR opaque token too long\n");
    expect("md a C\r\nma a MX\r\n",
           "CLIENT_ERROR invalid or duplicate flag\nCLIENT_ERROR invalid mode for ma M token\n");
}
END_TEST

#define BAD "CLIENT_ERROR bad command line format"

START_TEST(mistakes)
{
    expect("\r\n\nx\r\nGET a\r\n", "ERROR\nERROR\nERROR\nERROR\n");
    expect("set k 0 0 -1\r\nset k 0 0 2147483646 noreply\r\n", BAD "\n" BAD " noreply\n");
    expect("set k 4294967296 0 1\r\nset k 0 0 99999999999999999999\r\n", BAD "\n" BAD "\n");
    expect("set k 0 0 2\r\nabcd\r\n", "CLIENT_ERROR bad data chunk\nERROR\n");
    expect("incr k 18446744073709551616\r\n", "CLIENT_ERROR invalid numeric delta argument\n");
}
END_TEST

START_TEST(too_large_is_passed_over)
{
    struct buf in, got;
    buf_init(&in);
    buf_init(&got);
    buf_add_str(&in, "set k 0 0 1001\r\n");
    for (int i = 0; i < 1001; i++)
        buf_add_char(&in, i % 7 ? 'x' : '\n');
    buf_add_str(&in, "\r\nget k\r\n");
    parse_in_pieces(buf_bytes(&in), 100, &got);
    buf_add_char(&got, '\0');
    ck_assert_str_eq(got.p, "SERVER_ERROR object too large for cache\nget k\n");
    buf_release(&in);
    buf_release(&got);
}
END_TEST

START_TEST(endless_line)
{
    struct memcached_parser p;
    struct buf in;
    memcached_parser_init(&p);
    buf_init(&in);
    buf_add_str(&in, "get ");
    for (int i = 0; i < 5000; i++)
        buf_add_str(&in, "key ");
    ck_assert_int_eq(memcached_parse(&p, buf_bytes(&in), MAX_VALUE), MEMCACHED_INCOMPLETE);
    buf_add_str(&in, "\r\n");
    ck_assert_int_eq(memcached_parse(&p, buf_bytes(&in), MAX_VALUE), MEMCACHED_REQUEST);
    ck_assert_uint_eq(p.nkeys, 5000);
    in.p[0] = 'G';
    in.n -= 2;
    ck_assert_int_eq(memcached_parse(&p, buf_bytes(&in), MAX_VALUE), MEMCACHED_HOPELESS);
    buf_release(&in);
    memcached_parser_release(&p);
}
END_TEST

static void add_random_request(struct buf *in)
{
    static const char *const parts[] = {"get ",     "gets ",
                                        "set ",     "cas ",
                                        "incr ",    "delete ",
                                        "touch ",   "k ",
                                        "key ",     "0 ",
                                        "1 ",       "3 ",
                                        "1200 ",    "-1 ",
                                        "\r\n",     "\r\n",
                                        "\r\n",     "abc\r\n",
                                        "\n",       "noreply ",
                                        "x",        "stats",
                                        " ",        "\r",
                                        "gat 0 k ", "99999999999999999999 ",
                                        "mg k ",    "ms k 3 ",
                                        "v ",       "b ",
                                        "T30 ",     "O9 "};
    const size_t count = sizeof parts / sizeof *parts;
    if (rng_below(30) == 0)
        buf_add_char(in, (char)rng_below(256));
    else if (rng_below(4) == 0)
        buf_add_str(in, "set k 1 0 3\r\nabc\r\n");
    else
        buf_add_str(in, parts[rng_below(count)]);
}

/* Lines stay below the length at which how much of one is there counts. */
START_TEST(pieces_make_no_difference)
{
    rng_seed(11);
    for (int round = 0; round < UNIT_STEPS(500); round++) {
        struct buf in, whole, pieces;
        buf_init(&in);
        buf_init(&whole);
        buf_init(&pieces);
        for (size_t n = 1 + rng_below(60); n > 0; n--)
            add_random_request(&in);
        parse_in_pieces(buf_bytes(&in), 0, &whole);
        parse_in_pieces(buf_bytes(&in), 1 + rng_below(20), &pieces);
        ck_assert(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
        buf_release(&in);
        buf_release(&whole);
        buf_release(&pieces);
    }
}
END_TEST

Suite *suite_memcached_parser(void)
{
    Suite *s = suite_create("net/memcached_parser");
    TCase *t = tcase_create("parser");
    tcase_add_test(t, lines);
    tcase_add_test(t, meta_lines);
    tcase_add_test(t, mistakes);
    tcase_add_test(t, too_large_is_passed_over);
    tcase_add_test(t, endless_line);
    tcase_add_test(t, pieces_make_no_difference);
    suite_add_tcase(s, t);
    return s;
}
