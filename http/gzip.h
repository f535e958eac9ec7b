/* Answers as gzip (RFC 1952), for clients that take it: Accept-Encoding with a weight above 0.
 *
 * An ETag names the value, whatever form or coding it leaves in, so it stays the same.
 *
 * Thread rule: the worker's thread alone; it keeps one deflate state, about 256 KiB, once used. */
#ifndef ATRIUM_HTTP_GZIP_H
#define ATRIUM_HTTP_GZIP_H

#include "http/request.h"

#define GZIP_LEAST_BYTES 1024

/* Turns r->out into its gzip form where that is asked for, worth it and smaller; adds the headers. */
void gzip_answer(struct request *r);
void gzip_release(struct worker *w);

#endif
