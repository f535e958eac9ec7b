/* Any bytes, cut at random places, give the requests that they give in one piece. */
#include "net/resp_parser.h"

#include "tests/fuzz/input.h"

static void note(struct buf *out, struct bytes s)
{
    buf_printf(out, "%zu:", s.n);
    buf_add_bytes(out, s);
}

/* Takes all requests that stand in in[0..have); true where there may be more. */
static bool take_requests(struct resp_parser *p, struct bytes in, size_t *start,
                          const struct resp_limits *limits, struct buf *out)
{
    for (;;) {
        char error[96] = "";
        struct bytes unread = bytes_of(in.p + *start, in.n - *start);
        enum resp_result r = resp_parse(p, unread, limits, error, sizeof error);
        MUST(p->pos <= unread.n);
        if (r == RESP_INCOMPLETE) {
            MUST(resp_parser_wants(p, unread.n) <= (size_t)limits->max_bulk_bytes + 2);
            return true;
        }
        if (r == RESP_ERROR) {
            MUST(strlen(error) > 0);
            note(out, bytes_str(error));
            return false;
        }
        MUST(p->pos > 0 && p->argc >= 0);
        MUST(unread.p[0] != '*' ||
             p->argc <= limits->max_arguments); /* of inline ones bytes are counted */
        for (int i = 0; i < p->argc; i++)
            note(out, p->argv[i]);
        buf_add_char(out, ';');
        *start += p->pos;
        resp_parser_next(p);
    }
}

/* `at_most` bytes or fewer come at a time, each time into another block. */
static void run(struct bytes in, size_t at_most, const struct resp_limits *limits, struct buf *out)
{
    struct resp_parser p;
    size_t have = 0, start = 0;
    bool more = true;
    resp_parser_init(&p);
    while (more && have < in.n) {
        size_t step = at_most < in.n ? 1 + rng_below(at_most) : in.n;
        have = in.n - have < step ? in.n : have + step;
        char *block = input_exact(in.p, have);
        more = take_requests(&p, bytes_of(block, have), &start, limits, out);
        free(block);
    }
    resp_parser_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size), first[16];
    struct buf whole, pieces;
    unsigned requests;
    input_seed(data, size);
    struct resp_limits limits = {
        .max_bulk_bytes = 2000, .max_arguments = 100, .authenticated = rng_below(4) > 0};
    MUST(resp_look_ahead(in, first, 16, &requests) <= 16 && requests <= size);
    buf_init(&whole);
    buf_init(&pieces);
    run(in, size, &limits, &whole);
    for (size_t at_most = 1 + size / 200; at_most < size; at_most = at_most * 5 + 2) {
        buf_clear(&pieces);
        run(in, at_most, &limits, &pieces);
        MUST(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
    }
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
