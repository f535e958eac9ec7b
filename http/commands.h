/* Commands in JSON: an array of strings, numbers (by their text) or {"b64":"..."}. */
#ifndef ATRIUM_HTTP_COMMANDS_H
#define ATRIUM_HTTP_COMMANDS_H

#include "http/json.h"
#include "http/request.h"

/* Puts the array's items together as the request's command. False: it is malformed, or changes the
 * connection's mode, or (unless `in_transaction`, where nothing waits) blocks; answered. */
bool commands_take(struct request *r, const cJSON *array, bool in_transaction);
/* The same for a command that is put together already. */
bool commands_check(struct request *r, bool in_transaction);
/* May it do more than read keys? */
bool commands_write(struct request *r);

#endif
