/* ATR.HPAGE key SCAN cursor [MATCH pattern] [COUNT count]
 * ATR.HPAGE key FIELDS numfields field [field ...]
 *
 * Fields with values and times to live in one atomic step: null where the key is missing, else a
 * map of fields   field, value, milliseconds left to live (null: no deadline), field, ...: those
 * that are there cursor   what to go on with, as HSCAN's; "0" at the end, and with FIELDS */
#include "commands/cursor.h"
#include "commands/hash_fields_arg.h"

#define DEFAULT_COUNT 10

struct page {
    struct exec *x;
    struct bytes match; /* p NULL: every field */
    int64_t count;
    uint64_t cursor;
    size_t n; /* replied */
};

static void reply_item(const struct hash_item *item, void *ctx)
{
    struct page *p = ctx;
    struct reply *r = p->x->reply;
    if (p->match.p && !bytes_glob(p->match, item->field, false))
        return;
    reply_bulk(r, item->field);
    reply_bulk(r, item->value);
    if (item->expire_at_ms)
        reply_int(r, (int64_t)(item->expire_at_ms - p->x->now_ms));
    else
        reply_null(r);
    p->n++;
}

static bool parse_scan(struct exec *x, struct page *p)
{
    struct option o[] = {{.word = "MATCH", .takes = 1}, {.word = "COUNT", .takes = 1}, {0}};
    if (x->argc < 4 || !cursor_parse(x->argv[3], &p->cursor)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid cursor");
        return false;
    }
    if (!exec_options(x, 4, o) || (o[1].at && !exec_int_in(x, o[1].at + 1, 1, INT64_MAX,
                                                           "count must be positive", &p->count)))
        return false;
    if (o[0].at)
        p->match = x->argv[o[0].at + 1];
    return true;
}

static void reply_named(struct page *p, const struct hash *h, const struct fields_arg *f)
{
    struct hash_item item;
    for (int i = f->first; i < f->first + f->n; i++) {
        if (hash_get(h, p->x->argv[i], p->x->now_ms, &item)) {
            item.field = p->x->argv[i];
            reply_item(&item, p);
        }
    }
}

static void cmd_atr_hpage(struct exec *x)
{
    struct page p = {.x = x, .count = DEFAULT_COUNT};
    struct fields_arg f = {0};
    const struct hash *h;
    char text[NUM_INT_MAX];
    bool scan = exec_is(x, 2, "SCAN");
    if (!(scan ? parse_scan(x, &p) : fields_arg_parse(x, 2, FIELDS_ARG_POSITIVE, &f)) ||
        !hash_key_read(x, &h))
        return;
    if (!h) {
        reply_null(x->reply);
        return;
    }
    reply_map(x->reply, 2);
    reply_text(x->reply, "fields");
    size_t mark = reply_begin(x->reply);
    if (scan)
        p.cursor = hash_scan(h, p.cursor, (size_t)p.count, x->now_ms, reply_item, &p);
    else
        reply_named(&p, h, &f);
    reply_end(x->reply, mark, REPLY_ARRAY, 3 * p.n);
    reply_text(x->reply, "cursor");
    reply_bulk(x->reply, bytes_of(text, num_format_uint(text, p.cursor)));
}

const struct command_row hash_page_commands[] = {
    {"atr.hpage", cmd_atr_hpage, -4, "readonly", "hash", "@1:0/1:RO+ACCESS", "0.1.0", "hash",
     "key (SCAN cursor [MATCH pattern] [COUNT count] | FIELDS numfields field ...)",
     "Returns fields of a hash with their values and times to live."},
    {0},
};
