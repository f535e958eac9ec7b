/* A transaction that a request composes on its worker's session. */
#ifndef ATRIUM_HTTP_TRANSACTIONS_H
#define ATRIUM_HTTP_TRANSACTIONS_H

#include "http/request.h"

/* Before its first word: WATCH, MULTI and EXEC are allowed from here on. */
void transaction_begin(struct request *r);
/* Back to no transaction and no watches, whatever came of it. */
void transaction_end(struct request *r);

#endif
