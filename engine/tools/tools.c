#include "tools/tools.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "types/registry.h"

static const struct tool {
    const char *name;
    int (*run)(int argc, char **argv);
} tools[] = {{"check", tool_check}, {"import", tool_import}};

int tools_run(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof tools / sizeof *tools; i++) {
        if (strcmp(argv[1], tools[i].name) != 0)
            continue;
        mem_thread_register();
        types_register();
        signal(SIGPIPE, SIG_IGN);
        return tools[i].run(argc - 1, argv + 1);
    }
    return TOOL_NONE;
}
