/* Primitives of the RDB format, written: lengths, strings, numbers.
 *
 *   length   00xxxxxx | 01xxxxxx x*8 | 0x80 u32 BE | 0x81 u64 BE
 *   string   length, bytes; or 0xC0 i8 | 0xC1 i16 LE | 0xC2 i32 LE for canonical integers;
 *            or 0xC3 length of the LZF data, length of the string, the data
 *
 * A writer gathers bytes in `out`. Where `flush` is set it is called at times between two primitives, to take the
 * bytes away (buf_clear); a snapshot is written so in bounded memory. Thread rule: one owner. */
#ifndef ATRIUM_PERSIST_RDB_WRITE_H
#define ATRIUM_PERSIST_RDB_WRITE_H

#include "base/bytes.h"

struct rdb_writer {
    struct buf out;
    void (*flush)(struct rdb_writer *w);
    bool plain; /* strings are not compressed */
};

/* Bytes that are gathered before flush is called. */
#define RDB_FLUSH_BYTES (256 * 1024)

void rdb_write_byte(struct rdb_writer *w, unsigned byte);
void rdb_write_raw(struct rdb_writer *w, struct bytes s);
void rdb_write_length(struct rdb_writer *w, uint64_t n);
/* Strings of more than 20 bytes are compressed where that makes them shorter. */
void rdb_write_string(struct rdb_writer *w, struct bytes s);
/* An integer as a string. */
void rdb_write_int(struct rdb_writer *w, int64_t v);
/* 8 bytes LE, fixed. */
void rdb_write_u64(struct rdb_writer *w, uint64_t v);
void rdb_write_double(struct rdb_writer *w, double v);

#endif
