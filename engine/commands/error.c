#include "commands/error.h"

static const struct error_info errors[ERROR_COUNT] = {
#define X(code, prefix, status, slug, retry, word, text) {prefix, status, slug, retry, word, text},
    ERROR_TABLE(X)
#undef X
};

const struct error_info *error_info(enum error_code code)
{
    return &errors[code];
}
