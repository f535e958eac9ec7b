/* A file of the log of writes, read as at the start, and the same bytes as a manifest. A command that is taken reads as
 * exactly the bytes that the writer would have written; no reading uses more memory than in proportion to the input. */
#include "persist/aof_record.h"
#include "persist/manifest.h"

#include "tests/fuzz/input.h"

static void read_log(struct bytes s)
{
    struct aof_reader r;
    enum aof_item item;
    struct buf again;
    buf_init(&again);
    aof_reader_init(&r, s.p, s.n);
    while ((item = aof_read(&r)) == AOF_COMMAND || item == AOF_NOTE) {
        MUST(r.next > r.at && r.next <= s.n);
        MUST((size_t)r.argc * 6 <= s.n);
        if (item == AOF_NOTE)
            continue;
        buf_clear(&again);
        aof_encode(&again, r.argv, r.argc);
        MUST(bytes_eq(buf_bytes(&again), bytes_of(s.p + r.at, r.next - r.at)));
    }
    MUST(item != AOF_END || r.at == s.n);
    MUST(r.at <= s.n);
    aof_reader_release(&r);
    buf_release(&again);
}

static void read_manifest(struct bytes s)
{
    struct manifest m, again;
    struct buf text, error;
    buf_init(&text);
    buf_init(&error);
    if (manifest_parse(&m, s, &error)) {
        manifest_format(&m, &text);
        MUST(manifest_parse(&again, buf_bytes(&text), &error));
        MUST(again.n == m.n);
        manifest_release(&m);
        manifest_release(&again);
    }
    buf_release(&text);
    buf_release(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes s = bytes_of(data, n);
    read_log(s);
    read_manifest(s);
    return 0;
}
