/* An engine within the fuzz target: commands, and what must hold after each. */
#ifndef ATRIUM_TESTS_FUZZ_SERVED_H
#define ATRIUM_TESTS_FUZZ_SERVED_H

#include "engine.h"

/* A session of that door's kind, without a connection; the engine is opened by the first. */
struct session *served_session(enum door door);

/* Runs a command; `out` is its answer, which is one well-formed RESP value or the target ends here. */
void served_run(struct session *s, const struct bytes *argv, int argc, struct buf *out);
/* The same for words with one blank between them. */
#define SERVED_WORDS_MAX 16
void served_words(struct session *s, const char *words, struct buf *out);

/* Every value of database 0 passes its type's check and has an element. */
void served_check(void);
/* Ends the session's transaction and empties the keyspace; nothing is left to free then: an entry holds
 * its object's address where the leak checker does not look, at an odd place, so what waits for the
 * reclaimer would be taken for lost. */
void served_clear(struct session *s, struct buf *out);

#endif
