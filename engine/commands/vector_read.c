/* Vector sets: what is in them. */
#include "base/mem.h"
#include "base/rng.h"
#include "commands/vector_args.h"

static void cmd_vcard(struct exec *x)
{
    struct vectorset *v;
    if (vector_read(x, &v))
        reply_int(x->reply, v ? (int64_t)vectorset_count(v) : 0);
}

static void cmd_vdim(struct exec *x)
{
    struct vectorset *v;
    if (!vector_read(x, &v))
        return;
    if (v)
        reply_int(x->reply, v->graph->dim);
    else
        reply_errorf(x->reply, ERROR_NO_SUCH_KEY, "key does not exist");
}

/* The node of argument 2; HNSW_NONE where it or the key is missing. False: the error has been answered. */
static bool read_element(struct exec *x, struct vectorset **v, uint32_t *id)
{
    if (!vector_read(x, v))
        return false;
    *id = *v ? vectorset_find(*v, x->argv[2]) : HNSW_NONE;
    return true;
}

static void cmd_vismember(struct exec *x)
{
    struct vectorset *v;
    uint32_t id;
    if (read_element(x, &v, &id))
        reply_bool(x->reply, id != HNSW_NONE);
}

static void cmd_vgetattr(struct exec *x)
{
    struct vectorset *v;
    uint32_t id;
    if (!read_element(x, &v, &id))
        return;
    struct bytes none = {0}, attributes = id == HNSW_NONE
                                              ? none
                                              : vector_element_attributes(vectorset_element(v, id));
    if (attributes.n)
        reply_bulk(x->reply, attributes);
    else
        reply_null(x->reply);
}

/* ---- VEMB ------------------------------------------------------------------------------------ */

/* The stored bytes in Redis's form: int8 signed, bits in whole words of 8 bytes. */
static struct bytes raw_vector(struct exec *x, const struct hnsw *h, uint32_t id)
{
    size_t n = hnsw_stored_bytes(h), whole = h->form == HNSW_BITS ? (n + 7) / 8 * 8 : n;
    uint8_t *raw = exec_alloc(x, whole);
    memset(raw, 0, whole);
    memcpy(raw, hnsw_stored(h, id), n);
    for (size_t i = 0; h->form == HNSW_INT8 && i < n; i++)
        raw[i] ^= 0x80;
    return bytes_of(raw, whole);
}

static void reply_raw(struct exec *x, const struct hnsw *h, uint32_t id)
{
    reply_array(x->reply, h->form == HNSW_INT8 ? 4 : 3);
    reply_simple(x->reply, vectorset_form_name(h->form));
    reply_bulk(x->reply, raw_vector(x, h, id));
    reply_double(x->reply, (double)hnsw_norm(h, id));
    if (h->form == HNSW_INT8)
        reply_double(x->reply, (double)(hnsw_scale(h, id) * 127));
}

static void cmd_vemb(struct exec *x)
{
    struct vectorset *v;
    uint32_t id;
    bool raw = x->argc == 4 && exec_is(x, 3, "RAW");
    if (x->argc > 3 && !raw) {
        vector_refuse(x, "invalid option");
        return;
    }
    if (!read_element(x, &v, &id))
        return;
    if (id == HNSW_NONE) {
        reply_null(x->reply);
        return;
    }
    if (raw) {
        reply_raw(x, v->graph, id);
        return;
    }
    float *values = exec_alloc(x, v->graph->dim * sizeof *values);
    hnsw_values(v->graph, id, values);
    reply_array(x->reply, v->graph->dim);
    for (uint32_t i = 0; i < v->graph->dim; i++)
        reply_double(x->reply, (double)values[i]);
}

/* ---- VLINKS, VINFO --------------------------------------------------------------------------- */

static void reply_links(struct exec *x, const struct vectorset *v, uint32_t id, unsigned level,
                        const struct hnsw_query *q)
{
    const uint32_t *ids;
    size_t n = hnsw_links(v->graph, id, level, &ids);
    if (q)
        reply_map(x->reply, n);
    else
        reply_array(x->reply, n);
    for (size_t i = 0; i < n; i++) {
        reply_bulk(x->reply, vector_element_name(vectorset_element(v, ids[i])));
        if (q)
            reply_double(x->reply, 1 - (double)hnsw_distance(v->graph, q, ids[i]) / 2);
    }
}

static void cmd_vlinks(struct exec *x)
{
    struct vectorset *v;
    uint32_t id;
    struct hnsw_query q;
    if (x->argc > 4 || (x->argc == 4 && !exec_is(x, 3, "WITHSCORES"))) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for 'vlinks' command");
        return;
    }
    if (!read_element(x, &v, &id))
        return;
    if (id == HNSW_NONE) {
        reply_null(x->reply);
        return;
    }
    hnsw_query_of_node(&q, v->graph, id);
    reply_array(x->reply, hnsw_level(v->graph, id) + 1);
    for (unsigned level = hnsw_level(v->graph, id) + 1; level-- > 0;)
        reply_links(x, v, id, level, x->argc == 4 ? &q : NULL);
    hnsw_query_release(&q);
}

static void info_int(struct exec *x, const char *name, uint64_t value)
{
    reply_simple(x->reply, name);
    reply_int(x->reply, (int64_t)value);
}

static void cmd_vinfo(struct exec *x)
{
    struct vectorset *v;
    if (!vector_read(x, &v))
        return;
    if (!v) {
        reply_null_array(x->reply);
        return;
    }
    reply_map(x->reply, 9);
    reply_simple(x->reply, "quant-type");
    reply_simple(x->reply, vectorset_form_name(v->graph->form));
    info_int(x, "hnsw-m", v->graph->m);
    info_int(x, "vector-dim", v->graph->dim);
    info_int(x, "projection-input-dim", v->input_dim);
    info_int(x, "size", vectorset_count(v));
    info_int(x, "max-level", v->graph->top);
    info_int(x, "attributes-count", v->with_attributes);
    info_int(x, "vset-uid", v->uid);
    info_int(x, "hnsw-max-node-uid", v->added);
}

/* ---- VRANDMEMBER ----------------------------------------------------------------------------- */

static void reply_at(struct exec *x, const struct vectorset *v, size_t n)
{
    reply_bulk(x->reply, vector_element_name(vectorset_element(v, vectorset_at(v, n))));
}

/* `count` different places below n, each choice as likely as another (Vitter's selection sampling, Knuth's algorithm S):
 * O(n), without memory. */
static void reply_different(struct exec *x, const struct vectorset *v, size_t count)
{
    size_t n = vectorset_count(v);
    for (size_t i = 0; i < n && count; i++) {
        if (rng_below(n - i) < count) {
            reply_at(x, v, i);
            count--;
        }
    }
}

static void cmd_vrandmember(struct exec *x)
{
    struct vectorset *v;
    int64_t count = 1;
    if (x->argc == 3 && !num_parse_int(x->argv[2], &count)) {
        vector_refuse(x, "COUNT value is not an integer");
        return;
    }
    if (x->argc == 3 && count < -(INT64_MAX / 2)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "value is out of range");
        return;
    }
    if (!vector_read(x, &v))
        return;
    if (x->argc == 2) {
        if (v)
            reply_at(x, v, rng_below(vectorset_count(v)));
        else
            reply_null(x->reply);
        return;
    }
    size_t n = v ? vectorset_count(v) : 0, want = (size_t)(count < 0 ? -count : count);
    if (n == 0 || (count > 0 && want > n))
        want = n;
    reply_array(x->reply, want);
    if (count > 0 && n)
        reply_different(x, v, want);
    for (size_t i = 0; count < 0 && i < want; i++)
        reply_at(x, v, rng_below(n));
}

/* ---- VRANGE ---------------------------------------------------------------------------------- */

/* How many names lie before the end of the range that argument i says; false: it is none. */
static bool range_end(struct exec *x, int i, const struct vectorset *v, bool last, size_t *rank)
{
    struct bytes s = x->argv[i];
    if (s.n == 1 && (*s.p == '-' || *s.p == '+')) {
        *rank = *s.p == '-' || !v ? 0 : vectorset_count(v);
        return true;
    }
    if (s.n < 2 || (*s.p != '[' && *s.p != '('))
        return false;
    bool after = (*s.p == '[') == last;
    *rank = v ? vectorset_rank(v, bytes_of(s.p + 1, s.n - 1), after) : 0;
    return true;
}

static bool is_sign(struct bytes s, char sign)
{
    return s.n == 1 && *s.p == sign;
}

static void cmd_vrange(struct exec *x)
{
    struct vectorset *v;
    int64_t count = -1;
    size_t from, to;
    if (x->argc > 5) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for 'vrange' command");
    } else if (x->argc == 5 && !num_parse_int(x->argv[4], &count)) {
        vector_refuse(x, "invalid COUNT value");
    } else if (!range_end(x, 2, NULL, false, &from)) {
        vector_refuse(x, "invalid start range format");
    } else if (!range_end(x, 3, NULL, true, &to)) {
        vector_refuse(x, "invalid end range format");
    } else if (is_sign(x->argv[2], '+') || is_sign(x->argv[3], '-')) {
        vector_refuse(x, "'-' can only be used as first argument, '+' only as second");
    } else if (vector_read(x, &v)) {
        range_end(x, 2, v, false, &from);
        range_end(x, 3, v, true, &to);
        size_t n = to > from ? to - from : 0;
        if (count >= 0 && (size_t)count < n)
            n = (size_t)count;
        reply_array(x->reply, n);
        struct btree_pos pos = {0};
        if (n)
            pos = btree_select(&v->names, from);
        for (; n > 0; n--, btree_next(&pos))
            reply_bulk(x->reply, vector_element_name(vectorset_element(v, btree_handle(&pos))));
    }
}

const struct command_row vector_read_commands[] = {
    {"vcard", cmd_vcard, 2, "readonly,fast", VECTOR_ACL, ONE_KEY "RO", "8.0.0", VECTOR_GROUP, "key",
     "Counts the elements."},
    {"vdim", cmd_vdim, 2, "readonly,fast", VECTOR_ACL, ONE_KEY "RO", "8.0.0", VECTOR_GROUP, "key",
     "Tells the dimension of the vectors."},
    {"vemb", cmd_vemb, -3, "readonly,fast", VECTOR_ACL, ONE_KEY "RO+ACCESS", "8.0.0", VECTOR_GROUP,
     "key element [RAW]", "Answers an element's vector."},
    {"vgetattr", cmd_vgetattr, 3, "readonly,fast", VECTOR_ACL, ONE_KEY "RO+ACCESS", "8.0.0",
     VECTOR_GROUP, "key element", "Answers an element's attributes."},
    {"vinfo", cmd_vinfo, 2, "readonly,fast", VECTOR_ACL, ONE_KEY "RO", "8.0.0", VECTOR_GROUP, "key",
     "Describes the set and its graph."},
    {"vismember", cmd_vismember, 3, "readonly,fast", VECTOR_ACL, ONE_KEY "RO", "8.0.0",
     VECTOR_GROUP, "key element", "Tells whether an element is there."},
    {"vlinks", cmd_vlinks, -3, "readonly,fast", VECTOR_ACL, ONE_KEY "RO+ACCESS", "8.0.0",
     VECTOR_GROUP, "key element [WITHSCORES]", "Answers an element's links, level by level."},
    {"vrandmember", cmd_vrandmember, -2, "readonly", VECTOR_ACL, ONE_KEY "RO+ACCESS", "8.0.0",
     VECTOR_GROUP, "key [count]", "Answers elements at random."},
    {"vrange", cmd_vrange, -4, "readonly", VECTOR_ACL, ONE_KEY "RO+ACCESS", "8.4.0", VECTOR_GROUP,
     "key start end [count]", "Answers elements in the order of their names."},
    {0},
};
