/* How far a long job is: a bar on a terminal, drawn anew in its place, else a line now and then. To stderr. */
#ifndef ATRIUM_TOOLS_PROGRESS_H
#define ATRIUM_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal, drawn;
    uint64_t began_us, told_us, began_at; /* `began_at`: done before this run */
};

void progress_begin(struct progress *p, uint64_t done);
/* total 0: not known. Cheap to call often. */
void progress_tell(struct progress *p, uint64_t done, uint64_t total);
/* Ends the bar's line. */
void progress_end(struct progress *p, uint64_t done, uint64_t total);

#endif
