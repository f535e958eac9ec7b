/* Filter expressions of VSIM, and the attributes that they read.
 *
 * Input: a length, an expression of it, the rest is the attributes. A filter that compiles runs on anything, and gives the
 * same answer twice. */
#include "tests/fuzz/input.h"
#include "types/vector_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    size_t n = input_u16(&in) % (size + 1);
    struct bytes expression = input_bytes(&in, n), near;
    struct bytes attributes = input_bytes(&in, in.n);
    struct vector_filter *f = vector_filter_compile(expression, &near);
    if (!f) {
        MUST(near.n <= expression.n);
        return 0;
    }
    bool is = vector_filter_match(f, attributes);
    MUST(vector_filter_match(f, attributes) == is);
    vector_filter_match(f, BYTES("{\"a\":1,\"b\":\"x\",\"c\":[1,\"2\"]}"));
    vector_filter_free(f);
    return 0;
}
