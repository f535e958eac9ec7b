#include "tests/fuzz/drawn.h"

#include <string.h>

static void add(struct call *c, struct bytes s)
{
    if (c->argc < ARGUMENTS_MAX)
        c->argv[c->argc++] = s;
}

static void add_int(struct call *c, int64_t v)
{
    if (c->used + NUM_INT_MAX > sizeof c->room)
        return;
    char *to = c->room + c->used;
    size_t n = num_format_int(to, v);
    c->used += n;
    add(c, bytes_of(to, n));
}

static void add_word(struct call *c, struct input *in)
{
    static const char *const words[] = {"0",
                                        "1",
                                        "-1",
                                        "2",
                                        "3",
                                        "5",
                                        "10",
                                        "-10",
                                        "100",
                                        "1000",
                                        "65535",
                                        "a",
                                        "b",
                                        "c",
                                        "d",
                                        "e",
                                        "f",
                                        "*",
                                        "-",
                                        "+",
                                        "$",
                                        "[a",
                                        "(b",
                                        "(1",
                                        "-inf",
                                        "+inf",
                                        "1.5",
                                        "-0",
                                        "1e5",
                                        "nan",
                                        "",
                                        "x*",
                                        "[^a]*",
                                        "u8",
                                        "i16",
                                        "#1",
                                        "m",
                                        "km",
                                        "GET",
                                        "SET",
                                        "@all",
                                        "1-1",
                                        "1-*",
                                        "0-0",
                                        "5-5",
                                        ">",
                                        "LEFT",
                                        "MAX",
                                        "PX",
                                        "12.5",
                                        "85",
                                        "-0.01",
                                        "0x10",
                                        "a\r\nb",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "18446744073709551615",
                                        "9223372036854775806"};
    static char longer[1000];
    uint8_t kind = input_byte(in);
    if (kind < 160) {
        add(c, bytes_str(words[kind % (sizeof words / sizeof *words)]));
    } else if (kind < 240) {
        add(c, input_bytes(in, 1 + kind % 6));
    } else {
        memset(longer, 'x', sizeof longer);
        add(c, bytes_of(longer, 60u * (kind - 239u)));
    }
}

static void add_key(struct call *c, struct input *in)
{
    static const char *const keys[] = {"k1", "k2", "k3", "k4", "k5", "k6", "k7", "a"};
    add(c, bytes_str(keys[input_byte(in) % 8]));
}

static void add_value(struct call *c, struct bytes name, struct input *in)
{
    if (name.n >= 3 && !memcmp(name.p, "num", 3)) {
        c->count = 1 + input_byte(in) % 3;
        add_int(c, c->count);
    } else if (memmem(name.p, name.n, "key", 3) || bytes_is(name, "source") ||
               bytes_is(name, "destination")) {
        add_key(c, in);
    } else {
        add_word(c, in);
    }
}

static void draw_once(struct call *c, const struct argument *a, struct input *in)
{
    if (a->token.n)
        add(c, a->token);
    switch (a->type) {
    case ARG_VALUE:
        add_value(c, a->name, in);
        break;
    case ARG_TOKEN:
        break;
    case ARG_ONEOF:
        if (a->nparts)
            draw(c, a->parts[input_byte(in) % a->nparts], in);
        break;
    case ARG_BLOCK:
        for (size_t i = 0; i < a->nparts; i++)
            draw(c, a->parts[i], in);
        break;
    }
}

void draw(struct call *c, const struct argument *a, struct input *in)
{
    if (a->optional && input_byte(in) % 2)
        return;
    uint8_t choice = input_byte(in);
    if (choice >= 240) { /* break the grammar: another word, or nothing */
        if (choice & 1)
            add_word(c, in);
        return;
    }
    unsigned times = 1;
    if (a->multiple) {
        times = c->count ? c->count : 1 + choice % 4;
        c->count = 0;
    }
    for (unsigned i = 0; i < times; i++)
        draw_once(c, a, in);
}

void draw_name(struct call *c, const struct command *cmd)
{
    struct bytes name = bytes_str(cmd->row->name);
    const char *bar = memchr(name.p, '|', name.n);
    if (bar) {
        add(c, bytes_of(name.p, (size_t)(bar - name.p)));
        name = bytes_of(bar + 1, name.n - (size_t)(bar + 1 - name.p));
    }
    add(c, name);
}
