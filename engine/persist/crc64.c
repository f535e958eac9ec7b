#include "persist/crc64.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

#define REFLECTED 0x95ac9329ac4bc9b5u

/* table[k][b]: the checksum of byte b followed by k zero bytes. */
static uint64_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
    for (unsigned b = 0; b < 256; b++) {
        uint64_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? REFLECTED : 0);
        table[0][b] = crc;
    }
    for (unsigned k = 1; k < 8; k++) {
        for (unsigned b = 0; b < 256; b++)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xff];
    }
}

static uint64_t step8(uint64_t crc, const uint8_t *p)
{
    uint64_t word, sum = 0;
    memcpy(&word, p, sizeof word);
    word = le64toh(word) ^ crc;
    for (unsigned k = 0; k < 8; k++)
        sum ^= table[7 - k][word >> 8 * k & 0xff];
    return sum;
}

uint64_t crc64(uint64_t crc, const void *p, size_t n)
{
    const uint8_t *at = p;
    pthread_once(&once, fill);
    for (; n >= 8; n -= 8, at += 8)
        crc = step8(crc, at);
    for (; n > 0; n--, at++)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
    return crc;
}
