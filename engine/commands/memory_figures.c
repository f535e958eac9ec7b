#include "commands/memory_figures.h"

#include "commands/session.h"
#include "internal.h"
#include "persist/aof.h"

static void add_session(struct session *s, void *ctx)
{
    *(size_t *)ctx += session_bytes(s);
}

struct memory_figures memory_figures(struct engine *e)
{
    struct memory_figures f = {.used = mem_used_bytes(),
                               .peak = mem_peak_bytes(),
                               .resident = mem_resident_bytes(),
                               .allocator = mem_figures(),
                               .startup = e->startup_bytes,
                               .tables = keyspace_stats(e->ks).table_bytes};
    struct aof *log = atomic_load(&e->journal.aof);
    session_each(e, add_session, &f.clients);
    f.log_buffer = log ? aof_buffered_bytes(log) : 0;
    f.overhead = f.startup + f.clients + f.tables + f.log_buffer;
    f.dataset = f.used > f.overhead ? f.used - f.overhead : 0;
    for (unsigned db = 0; db < DB_COUNT; db++)
        f.keys += keyspace_size(e->ks, db);
    return f;
}
