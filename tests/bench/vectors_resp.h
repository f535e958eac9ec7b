/* The same vectors over RESP: VADD and VSIM with FP32 blobs, pipelined on one connection. */
#ifndef ATRIUM_BENCH_VECTORS_RESP_H
#define ATRIUM_BENCH_VECTORS_RESP_H

#include <stddef.h>

/* Connects to a server on this machine; ends the program where that fails. */
void resp_connect(int port);
/* Adds n vectors under the names 0, 1 ... */
void resp_add_all(const float *points, size_t n, size_t dim);
/* Asks the k nearest of each query; labels has room for k of each, unset ones are SIZE_MAX. */
void resp_ask_all(const float *queries, size_t n, size_t dim, size_t k, size_t ef, size_t *labels);

#endif
