/* CRC-64 with the Jones polynomial 0xad93d23594c935a9, reflected, starting at 0: the checksum of RDB
 * files and of DUMP. Eight bytes a step over eight tables (M. Kounavis and F. Berry, "Novel
 * table lookup-based algorithms for high-performance CRC generation", 2008). */
#ifndef ATRIUM_PERSIST_CRC64_H
#define ATRIUM_PERSIST_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` (0 to begin) is the checksum of, followed by these n bytes. Any thread. */
uint64_t crc64(uint64_t crc, const void *p, size_t n);

#endif
