/* Log files: commands and notes, without running them. */
#include <inttypes.h>
#include <stdio.h>

#include "persist/aof_record.h"
#include "tools/check.h"

struct log_walk {
    struct aof_reader r;
    uint64_t commands, transactions, notes;
    bool in_transaction;
    size_t transaction_at;
};

static void count_command(struct log_walk *w)
{
    w->commands++;
    if (bytes_is(w->r.argv[0], "MULTI")) {
        w->in_transaction = true;
        w->transaction_at = w->r.at;
    } else if (bytes_is(w->r.argv[0], "EXEC")) {
        w->transactions += w->in_transaction;
        w->in_transaction = false;
    }
}

static bool torn(const struct log_walk *w, bool last)
{
    size_t at = w->in_transaction ? w->transaction_at : w->r.at;
    printf("  DAMAGED: ends within a %s that begins at byte %zu of %zu\n",
           w->in_transaction ? "transaction" : "command", at, w->r.n);
    if (last)
        puts("  it is the log's end: with aof-load-truncated yes that is cut off at the start");
    return false;
}

static bool walk(struct log_walk *w, bool last)
{
    for (;;) {
        switch (aof_read(&w->r)) {
        case AOF_COMMAND:
            count_command(w);
            break;
        case AOF_NOTE:
            w->notes++;
            break;
        case AOF_END:
            return !w->in_transaction || torn(w, last);
        case AOF_TORN:
            return torn(w, last);
        default:
            printf("  DAMAGED: %s at byte %zu of %zu\n", w->r.wrong, w->r.at, w->r.n);
            return false;
        }
    }
}

bool check_log(const void *p, size_t n, size_t from, bool last)
{
    struct log_walk w = {.commands = 0};
    aof_reader_init(&w.r, p, n);
    w.r.next = from;
    printf("  log of writes, %zu bytes\n", n - from);
    bool ok = n == from || walk(&w, last);
    printf("  %" PRIu64 " commands, %" PRIu64 " transactions\n", w.commands, w.transactions);
    aof_reader_release(&w.r);
    return ok;
}
