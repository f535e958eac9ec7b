#include "http/gzip.h"

#include <zlib.h>

#include "http/accept.h"
#include "http/worker.h"

#define LEVEL       1         /* speed: the link is seldom slower */
#define WINDOW_BITS (15 + 16) /* with gzip's head and end */
#define MEMORY      8

static z_stream *deflater(struct worker *w)
{
    z_stream *z = w->deflater;
    if (z)
        return deflateReset(z) == Z_OK ? z : NULL;
    z = mem_calloc(sizeof *z);
    if (deflateInit2(z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
        return w->deflater = z;
    mem_free(z);
    return NULL;
}

void gzip_release(struct worker *w)
{
    if (w->deflater)
        deflateEnd(w->deflater);
    mem_free(w->deflater);
    w->deflater = NULL;
}

/* True where the result is smaller than the input; the rest of it is not made otherwise. */
static bool pack(z_stream *z, struct bytes in, struct buf *out)
{
    z->next_in = (Bytef *)in.p;
    z->avail_in = (uInt)in.n;
    z->next_out = (Bytef *)buf_reserve(out, in.n);
    z->avail_out = (uInt)in.n;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return false;
    out->n = in.n - z->avail_out;
    return true;
}

static bool is_worth_it(const struct request *r)
{
    return r->out.n >= GZIP_LEAST_BYTES && r->out.n < UINT32_MAX && !r->feed && r->status != 206;
}

void gzip_answer(struct request *r)
{
    if (!is_worth_it(r))
        return;
    answer_header(r, "Vary", "Accept-Encoding");
    if (!accept_coding(r, "gzip"))
        return;
    z_stream *z = deflater(r->worker);
    buf_clear(&r->packed);
    if (!z || !pack(z, buf_bytes(&r->out), &r->packed))
        return;
    struct buf plain = r->out;
    r->out = r->packed;
    r->packed = plain;
    answer_header(r, "Content-Encoding", "gzip");
}
