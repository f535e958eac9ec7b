/* The form of answers under /upstash, as Upstash's REST API has it: RESP2's shapes as JSON, strings
 * as they are or (Upstash-Encoding: base64) in base64, errors as {"error": "ERR ..."}.
 *
 * Integers are numbers of any size. A string that is no UTF-8 has U+FFFD where it is not, without
 * the base64 encoding. */
#ifndef ATRIUM_HTTP_UPSTASH_H
#define ATRIUM_HTTP_UPSTASH_H

#include "http/json.h"

/* {"result": ...} or {"error": ...} of a whole captured reply from node `at` on. */
void upstash_put_outcome(struct json_writer *w, const struct capture *c, size_t at, bool base64);
/* {"error": line} */
void upstash_put_error(struct json_writer *w, struct bytes line);

#endif
