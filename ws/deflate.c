#include "ws/deflate.h"

#include <zlib.h>

#define WINDOW_BITS 15
#define MEM_LEVEL   8

/* A flush's end, which is not sent (RFC 7692, 7.2.1). */
static const char flush_tail[] = {0, 0, (char)0xff, (char)0xff};

/* ---- agreeing ----------------------------------------------------------------------------------- */

/* libwebsockets answers those of a client's options that have no value and are named here. A client's smaller window is not
 * answered and need not be; the user does not confirm the offer of a smaller window of ours. */
static const struct lws_ext_options options[] = {
    {"server_no_context_takeover", EXTARG_NONE},
    {"client_no_context_takeover", EXTARG_NONE},
    {0},
};

/* What libwebsockets wants of an extension that leaves a payload as it is; no public header has it. */
#define PAYLOAD_AS_IT_IS 5

static int on_extension(struct lws_context *context, const struct lws_extension *ext,
                        struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
                        void *in, size_t n)
{
    (void)context, (void)ext, (void)user, (void)n;
    if (reason == LWS_EXT_CB_PAYLOAD_RX)
        return PAYLOAD_AS_IT_IS;
    if (reason == LWS_EXT_CB_CONSTRUCT) {
        *(const struct lws_ext_options **)in = options;
        ws_agreed_to_deflate(wsi);
    }
    return 0;
}

const struct lws_extension ws_extensions[] = {
    {"permessage-deflate", on_extension, "permessage-deflate"}, {0}};

/* ---- in ------------------------------------------------------------------------------------------- */

#define INFLATE_STEP 4096

struct ws_inflater {
    z_stream z;
};

static struct ws_inflater *inflater_new(void)
{
    struct ws_inflater *i = mem_calloc(sizeof *i);
    if (inflateInit2(&i->z, -WINDOW_BITS) == Z_OK)
        return i;
    mem_free(i);
    return NULL;
}

void ws_inflater_free(struct ws_inflater *i)
{
    if (i)
        inflateEnd(&i->z);
    mem_free(i);
}

/* One step's room at the end of `out`, not beyond most + 1. */
static size_t make_room(z_stream *z, struct buf *out, size_t most)
{
    size_t left = most + 1 - out->n, room = left < INFLATE_STEP ? left : INFLATE_STEP;
    z->next_out = (Bytef *)buf_reserve(out, room);
    z->avail_out = (uInt)room;
    return room;
}

static enum ws_inflate_result inflate_part(z_stream *z, struct bytes part, struct buf *out,
                                           size_t most)
{
    z->next_in = (Bytef *)(uintptr_t)part.p;
    z->avail_in = (uInt)part.n;
    do {
        size_t room = make_room(z, out, most);
        int result = inflate(z, Z_SYNC_FLUSH);
        out->n += room - z->avail_out;
        if (result == Z_STREAM_END) /* a last block ends no message: 7.2.3.4 */
            inflateReset(z);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return WS_NOT_DEFLATED;
        if (out->n > most)
            return WS_INFLATES_TOO_MUCH;
    } while (z->avail_in || z->avail_out == 0);
    return WS_INFLATED;
}

enum ws_inflate_result ws_inflate(struct ws_inflater **i, struct bytes part, bool last,
                                  struct buf *out, size_t most)
{
    if (!*i && !(*i = inflater_new()))
        return WS_NOT_DEFLATED;
    enum ws_inflate_result result = inflate_part(&(*i)->z, part, out, most);
    if (result == WS_INFLATED && last)
        result = inflate_part(&(*i)->z, bytes_of(flush_tail, sizeof flush_tail), out, most);
    return result;
}

/* ---- out -------------------------------------------------------------------------------------- */

static _Thread_local z_stream *compressor;

static z_stream *ready_compressor(void)
{
    if (compressor) {
        deflateReset(compressor);
        return compressor;
    }
    compressor = mem_calloc(sizeof *compressor);
    if (deflateInit2(compressor, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_BITS, MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        mem_free(compressor);
        compressor = NULL;
    }
    return compressor;
}

/* Compresses into `to`, which has room for n bytes; 0: it would not fit, or there is no compressor. */
static size_t compress_message(const char *from, size_t n, char *to)
{
    z_stream *z = n <= UINT_MAX ? ready_compressor() : NULL;
    if (!z)
        return 0;
    z->next_in = (Bytef *)(uintptr_t)from;
    z->avail_in = (uInt)n;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)n;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in || z->avail_out == 0)
        return 0;
    return n - z->avail_out - sizeof flush_tail;
}

void ws_frame_deflated(struct buf *b, enum ws_opcode opcode)
{
    size_t n = b->n - WS_HEAD_MAX;
    char *smaller = n >= WS_DEFLATE_MIN_BYTES ? mem_alloc(n) : NULL;
    size_t got = smaller ? compress_message(b->p + WS_HEAD_MAX, n, smaller) : 0;
    if (got) {
        memcpy(b->p + WS_HEAD_MAX, smaller, got);
        b->n = WS_HEAD_MAX + got;
    }
    mem_free(smaller);
    ws_frame(b, opcode);
    if (got)
        b->p[0] |= WS_RSV1;
}

void ws_deflate_thread_end(void)
{
    if (!compressor)
        return;
    deflateEnd(compressor);
    mem_free(compressor);
    compressor = NULL;
}
