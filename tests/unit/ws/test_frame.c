#include "ws/frame.h"

#include <stdio.h>
#include <zlib.h>

#include "base/rng.h"
#include "tests/unit/suites.h"
#include "ws/deflate.h"

static struct bytes encode(struct message *m)
{
    return message_encoding(m, MESSAGE_WS_JSON, ws_encode_message);
}

/* The payload of an unmasked, final text frame that fills `frame`. */
static struct bytes payload(struct bytes frame)
{
    const unsigned char *p = (const unsigned char *)frame.p;
    ck_assert_uint_eq(p[0], 0x81);
    size_t n = p[1], head = 2;
    ck_assert_uint_le(n, 127); /* no mask */
    if (n >= 126) {
        head += n == 126 ? 2 : 8;
        n = 0;
        for (size_t i = 2; i < head; i++)
            n = n << 8 | p[i];
    }
    ck_assert_uint_eq(head + n, frame.n);
    return bytes_of(frame.p + head, n);
}

START_TEST(heads_fit_their_lengths)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 100000};
    static const size_t heads[] = {2, 2, 2, 4, 4, 4, 10, 10};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buf b;
        buf_init(&b);
        memset(buf_reserve(&b, WS_HEAD_MAX + lengths[i]), 'x', WS_HEAD_MAX + lengths[i]);
        b.n = WS_HEAD_MAX + lengths[i];
        ws_frame(&b, WS_TEXT);
        ck_assert_uint_eq(b.n, heads[i] + lengths[i]);
        struct bytes text = payload(buf_bytes(&b));
        ck_assert_uint_eq(text.n, lengths[i]);
        for (size_t at = 0; at < text.n; at++)
            ck_assert_int_eq(text.p[at], 'x');
        buf_release(&b);
    }
}
END_TEST

static void expect(struct message *m, const char *front)
{
    char want[256];
    snprintf(want, sizeof want, "%s,\"time_ms\":%llu}", front,
             (unsigned long long)m->published_at_ms);
    ck_assert(bytes_eq(payload(encode(m)), bytes_str(want)));
    message_unref(m);
}

START_TEST(pushes_are_json)
{
    expect(message_new(MESSAGE_PUBLISHED, SUB_CHANNEL, BYTES("r\"1"), BYTES(""),
                       BYTES("a\0\n\xc3\xa9")),
           "{\"op\":\"message\",\"channel\":\"r\\\"1\",\"data\":\"a\\u0000\\n\xc3\xa9\"");
    expect(message_new(MESSAGE_PUBLISHED, SUB_PATTERN, BYTES("r"), BYTES("*"), BYTES("\xff")),
           "{\"op\":\"message\",\"channel\":\"r\",\"pattern\":\"*\",\"data\":{\"b64\":\"/w==\"}");
}
END_TEST

START_TEST(a_push_is_encoded_once)
{
    struct message *m =
        message_new(MESSAGE_PUBLISHED, SUB_CHANNEL, BYTES("c"), BYTES(""), BYTES("d"));
    ck_assert_ptr_eq(encode(m).p, encode(m).p);
    message_unref(m);
}
END_TEST

/* The frame's payload after one message of a client's inflater. */
static void check_inflated(struct bytes frame, struct bytes want)
{
    static const char tail[] = {0, 0, (char)0xff, (char)0xff};
    char *got = mem_alloc(want.n + 1);
    size_t head = (frame.p[1] & 127) < 126 ? 2 : (frame.p[1] & 127) == 126 ? 4 : 10;
    z_stream z = {0};
    ck_assert_int_eq(inflateInit2(&z, -15), Z_OK);
    z.next_out = (Bytef *)got;
    z.avail_out = (uInt)want.n + 1;
    z.next_in = (Bytef *)(uintptr_t)(frame.p + head);
    z.avail_in = (uInt)(frame.n - head);
    ck_assert_int_eq(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)tail;
    z.avail_in = sizeof tail;
    int end = inflate(&z, Z_SYNC_FLUSH);
    ck_assert(end == Z_OK || end == Z_BUF_ERROR);
    ck_assert_uint_eq(z.total_out, want.n);
    ck_assert_mem_eq(got, want.p, want.n);
    inflateEnd(&z);
    mem_free(got);
}

static void deflate_and_check(struct bytes text, bool shrinks)
{
    struct buf b;
    buf_init(&b);
    memcpy(buf_reserve(&b, WS_HEAD_MAX + text.n) + WS_HEAD_MAX, text.p, text.n);
    b.n = WS_HEAD_MAX + text.n;
    ws_frame_deflated(&b, WS_TEXT);
    ck_assert_int_eq((b.p[0] & WS_RSV1) != 0, shrinks);
    if (shrinks) {
        ck_assert_uint_lt(b.n, text.n);
        check_inflated(buf_bytes(&b), text);
    } else {
        ck_assert(bytes_eq(payload(buf_bytes(&b)), text));
    }
    buf_release(&b);
}

START_TEST(what_shrinks_is_compressed)
{
    static char text[100000];
    rng_seed(1);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 7);
    for (size_t n = WS_DEFLATE_MIN_BYTES - 2; n < WS_DEFLATE_MIN_BYTES + 3; n++)
        deflate_and_check(bytes_of(text, n), n >= WS_DEFLATE_MIN_BYTES);
    deflate_and_check(bytes_of(text, sizeof text), true);
    deflate_and_check(bytes_of(text, 0), false);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)rng_below(256);
    deflate_and_check(bytes_of(text, 300), false);
    deflate_and_check(bytes_of(text, sizeof text), false);
    memset(text + 1000, 'x', 500); /* only just: its ends are noise */
    deflate_and_check(bytes_of(text, 2500), true);
    ws_deflate_thread_end();
}
END_TEST

Suite *suite_ws_frame(void)
{
    Suite *s = suite_create("ws/frame");
    TCase *t = tcase_create("frame");
    tcase_add_test(t, heads_fit_their_lengths);
    tcase_add_test(t, pushes_are_json);
    tcase_add_test(t, a_push_is_encoded_once);
    tcase_add_test(t, what_shrinks_is_compressed);
    suite_add_tcase(s, t);
    return s;
}
