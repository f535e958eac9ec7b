/* What the resources of streams share: entries as JSON.
 *
 *   {"id": "5-1", "fields": {"name": "value", ...}}
 *
 * Fields are an object where their names are text, different from each other and at most
 * STREAM_FIELDS_OBJECT, else an array of [name, value] in the order in which they were added. */
#ifndef ATRIUM_HTTP_STREAMS_H
#define ATRIUM_HTTP_STREAMS_H

#include "http/call.h"

#define STREAM_FIELDS_OBJECT 256

/* "id" and "fields" of the entry that the reply's node `at` begins, an array [id, fields, ...]; into an open object.
 * Fields that are gone are null. */
void stream_put_entry(struct request *r, struct json_writer *w, size_t at);

#endif
