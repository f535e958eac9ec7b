#include "tools/start.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#define OWN_DESCRIPTORS 64

void start_raise_limits(const struct config *c)
{
    struct rlimit lim;
    rlim_t wanted = (rlim_t)config_int(c, CONFIG_MAXCLIENTS) + OWN_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur >= wanted)
        return;
    lim.rlim_cur = lim.rlim_max < wanted ? lim.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur < wanted)
        log_warning("maxclients: the system allows %llu open files only",
                    (unsigned long long)lim.rlim_cur);
}

bool start_enter_directory(const struct config *c, struct buf *error)
{
    struct buf path;
    buf_init(&path);
    config_string(c, CONFIG_DIR, &path);
    buf_add_char(&path, '\0');
    bool ok = chdir(path.p) == 0;
    if (!ok)
        buf_printf(error, "dir: cannot change to %s: %s", path.p, strerror(errno));
    buf_release(&path);
    return ok;
}
