/* The RESP parser: the same requests come out wherever the bytes are cut, and wrong ones are refused as
 * Redis refuses them. */
#include "net/resp_parser.h"

#include "base/rng.h"

#include "tests/unit/suites.h"

static const struct resp_limits limits = {
    .max_bulk_bytes = 1 << 20, .max_arguments = 1024, .authenticated = true};

static const char requests[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nb\r\n\r\r\n"
                               "PING\r\n"
                               "\r\n"
                               "set \"a b\\x00\\n\" 'c\\'d' e\n"
                               "*0\r\n"
                               "*1\r\n$0\r\n\r\n";

/* All requests of `in`, as one text: words in <>, requests ended by ';'. `step` bytes come at a time. */
static void run(struct bytes in, size_t step, struct buf *out)
{
    struct resp_parser p;
    char error[96];
    size_t start = 0;
    resp_parser_init(&p);
    for (size_t have = step; start < in.n; have += step) {
        if (have > in.n)
            have = in.n;
        enum resp_result r;
        while ((r = resp_parse(&p, bytes_of(in.p + start, have - start), &limits, error,
                               sizeof error)) == RESP_COMPLETE) {
            for (int i = 0; i < p.argc; i++) {
                buf_add_char(out, '<');
                buf_add_bytes(out, p.argv[i]);
                buf_add_char(out, '>');
            }
            buf_add_char(out, ';');
            start += p.pos;
            resp_parser_next(&p);
        }
        ck_assert_int_ne(r, RESP_ERROR);
    }
    resp_parser_release(&p);
}

START_TEST(requests_come_out_the_same_at_every_cut)
{
    struct bytes in = bytes_of(requests, sizeof requests - 1);
    struct bytes want = BYTES("<SET><a><b\r\n\r>;<PING>;;<set><a b\0\n><c'd><e>;;<>;");
    for (size_t step = 1; step <= in.n; step++) {
        struct buf out;
        buf_init(&out);
        run(in, step, &out);
        ck_assert(bytes_eq(buf_bytes(&out), want));
        buf_release(&out);
    }
}
END_TEST

START_TEST(wrong_requests_are_named)
{
    static const struct {
        const char *in, *error;
    } cases[] = {
        {"*x\r\n", "invalid multibulk length"},
        {"*1025\r\n", "invalid multibulk length"},
        {"*99999999999\r\n", "invalid multibulk length"},
        {"*1\r\n+OK\r\n", "expected '$', got '+'"},
        {"*1\r\n$-1\r\n", "invalid bulk length"},
        {"*1\r\n$1048577\r\n", "invalid bulk length"},
        {"*1\r\n$1a\r\n", "invalid bulk length"},
        {"get \"a\r\n", "unbalanced quotes in request"},
        {"get \"a\"b\r\n", "unbalanced quotes in request"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct resp_parser p;
        char error[96] = "";
        resp_parser_init(&p);
        ck_assert_int_eq(resp_parse(&p, bytes_str(cases[i].in), &limits, error, sizeof error),
                         RESP_ERROR);
        ck_assert_str_eq(error + sizeof "Protocol error: " - 1, cases[i].error);
        resp_parser_release(&p);
    }
}
END_TEST

/* Looking ahead says of each request what parsing it says later. */
static void agree(struct bytes in)
{
    struct bytes first[8];
    unsigned looked, n = resp_look_ahead(in, first, 8, &looked), keys = 0;
    struct resp_parser p;
    char error[96];
    resp_parser_init(&p);
    for (unsigned i = 0; i < looked; i++) {
        ck_assert_int_eq(resp_parse(&p, in, &limits, error, sizeof error), RESP_COMPLETE);
        ck_assert_int_ge(p.argc, 1);
        if (p.argc > 1)
            ck_assert(p.argv[1].p == first[keys].p && p.argv[1].n == first[keys].n);
        keys += p.argc > 1;
        in = bytes_of(in.p + p.pos, in.n - p.pos);
        resp_parser_next(&p);
    }
    ck_assert_uint_eq(keys, n);
    resp_parser_release(&p);
}

START_TEST(looking_ahead_is_like_parsing)
{
    for (int round = 0; round < UNIT_STEPS(2000); round++) {
        struct buf in;
        buf_init(&in);
        for (unsigned i = (unsigned)rng_below(12); i > 0; i--) {
            unsigned argc = 1 + (unsigned)rng_below(4);
            buf_printf(&in, "*%u\r\n", argc);
            while (argc--) {
                unsigned n = (unsigned)rng_below(20);
                buf_printf(&in, "$%u\r\n%.*s\r\n", n, (int)n, "$4\r\n*3\r\n0123456789ab");
            }
        }
        if (in.n && rng_below(2)) /* something wrong somewhere */
            in.p[rng_below(in.n)] = "*$\r\n1a"[rng_below(6)];
        agree(bytes_of(in.p, in.n - rng_below(in.n / 2 + 1)));
        buf_release(&in);
    }
}
END_TEST

START_TEST(looking_ahead_ends_at_the_unusual)
{
    struct bytes first[2];
    unsigned looked;
    ck_assert_uint_eq(resp_look_ahead(BYTES("GET a\r\n"), first, 2, &looked), 0);
    ck_assert_uint_eq(resp_look_ahead(BYTES("*2\r\n$3\r\nGET\r\n$9999\r\n"), first, 2, &looked), 0);
    ck_assert_uint_eq(resp_look_ahead(BYTES("*17\r\n$3\r\nDEL\r\n$1\r\na\r\n"), first, 2, &looked),
                      0);
    ck_assert_uint_eq(looked, 0);
    struct bytes three = BYTES(
        "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n*1\r\n");
    ck_assert_uint_eq(resp_look_ahead(three, first, 2, &looked), 2);
    ck_assert_uint_eq(looked, 3);
}
END_TEST

Suite *suite_resp_parser(void)
{
    Suite *s = suite_create("net/resp_parser");
    TCase *t = tcase_create("parser");
    tcase_add_test(t, requests_come_out_the_same_at_every_cut);
    tcase_add_test(t, wrong_requests_are_named);
    tcase_add_test(t, looking_ahead_is_like_parsing);
    tcase_add_test(t, looking_ahead_ends_at_the_unusual);
    suite_add_tcase(s, t);
    return s;
}
