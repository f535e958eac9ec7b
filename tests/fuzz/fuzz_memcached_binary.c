/* Any bytes, cut at random places, give the binary requests that they give in one piece. */
#include "net/memcached_binary.h"

#include "tests/fuzz/input.h"

#define VALUE_MAX 1000

static void note(struct buf *out, struct bytes s)
{
    buf_printf(out, "%zu:", s.n);
    buf_add_bytes(out, s);
}

static void note_request(struct buf *out, const struct memcached_frame *f)
{
    buf_printf(out, "%d %d %d %u %llu", f->asked, f->opcode, f->quiet, f->opaque,
               (unsigned long long)f->cas);
    note(out, f->extras);
    note(out, f->key);
    note(out, f->value);
}

/* Takes all requests that stand in in[0..have). False: the connection ends. */
static bool take_requests(struct memcached_binary *b, struct bytes in, size_t *start,
                          struct buf *out)
{
    for (;;) {
        struct bytes unread = bytes_of(in.p + *start, in.n - *start);
        enum memcached_binary_result r = memcached_binary_parse(b, unread, VALUE_MAX);
        MUST(b->used <= unread.n);
        *start += b->used;
        switch (r) {
        case BINARY_INCOMPLETE:
            MUST(b->wants == 0 || b->wants > unread.n);
            if (b->used == 0)
                return true;
            break;
        case BINARY_REQUEST:
            MUST(b->used >= 24 && b->frame.value.n <= VALUE_MAX);
            note_request(out, &b->frame);
            break;
        case BINARY_MISTAKE:
            buf_printf(out, "%d %d;", (int)b->status, b->closes);
            memcached_binary_status(out, &b->frame, b->status);
            if (b->closes)
                return false;
            break;
        case BINARY_HOPELESS:
            buf_add_str(out, "hopeless");
            return false;
        }
    }
}

static void run(struct bytes in, size_t at_most, struct buf *out)
{
    struct memcached_binary b = {0};
    size_t have = 0, start = 0;
    bool more = true;
    while (more && have < in.n) {
        size_t step = at_most < in.n ? 1 + rng_below(at_most) : in.n;
        have = in.n - have < step ? in.n : have + step;
        char *block = input_exact(in.p, have);
        more = take_requests(&b, bytes_of(block, have), &start, out);
        free(block);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct buf whole, pieces;
    input_seed(data, size);
    buf_init(&whole);
    buf_init(&pieces);
    run(in, size, &whole);
    for (size_t at_most = 1 + size / 200; at_most < size; at_most = at_most * 5 + 2) {
        buf_clear(&pieces);
        run(in, at_most, &pieces);
        MUST(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
    }
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
