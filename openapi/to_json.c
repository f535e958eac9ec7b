/* to_json FILE: writes a YAML document as JSON, for the build.
 *
 * What the documents here use of YAML 1.2: one document of mappings, sequences and scalars. Plain
 * scalars are null, true, false and numbers where JSON has them so, else strings; quoted ones are
 * strings. Anchors, aliases, tags and keys that are no scalars end it with status 1. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 100

/* An open mapping or sequence. */
struct level {
    bool mapping;
    size_t nodes; /* so far; keys and values both count */
};

static struct level levels[DEPTH_MAX];
static int depth;

static void fail(const char *text, size_t line)
{
    fprintf(stderr, "to_json: line %zu: %s\n", line + 1, text);
    exit(1);
}

/* What stands before the next node. */
static void separate(const yaml_event_t *event, bool container)
{
    if (depth == 0)
        return;
    struct level *l = &levels[depth - 1];
    bool value = l->mapping && l->nodes % 2 == 1;
    if (l->mapping && !value && container)
        fail("a key must be a scalar", event->start_mark.line);
    if (value)
        putchar(':');
    else if (l->nodes)
        putchar(',');
    l->nodes++;
}

static void open_level(const yaml_event_t *event, bool mapping)
{
    separate(event, true);
    if (depth == DEPTH_MAX)
        fail("nested too deeply", event->start_mark.line);
    levels[depth++] = (struct level){mapping, 0};
    putchar(mapping ? '{' : '[');
}

static void close_level(void)
{
    putchar(levels[--depth].mapping ? '}' : ']');
}

static void put_string(const char *s, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c == '\n')
            fputs("\\n", stdout);
        else if (c < ' ')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* A number as JSON writes it: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(const char *s)
{
    s += *s == '-';
    size_t whole = strspn(s, "0123456789");
    if (whole == 0 || (whole > 1 && *s == '0'))
        return false;
    s += whole;
    if (*s == '.') {
        size_t part = strspn(++s, "0123456789");
        if (part == 0)
            return false;
        s += part;
    }
    if (*s == 'e' || *s == 'E') {
        s += s[1] == '+' || s[1] == '-' ? 2 : 1;
        size_t exponent = strspn(s, "0123456789");
        if (exponent == 0)
            return false;
        s += exponent;
    }
    return *s == 0;
}

static bool is_word(const char *s)
{
    return strcmp(s, "null") == 0 || strcmp(s, "true") == 0 || strcmp(s, "false") == 0;
}

static void put_scalar(const yaml_event_t *event)
{
    const char *s = (const char *)event->data.scalar.value;
    bool key = depth && levels[depth - 1].mapping && levels[depth - 1].nodes % 2 == 0;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (event->data.scalar.anchor || event->data.scalar.tag)
        fail("anchors and tags are not taken", event->start_mark.line);
    separate(event, false);
    if (plain && !key && *s == 0)
        fputs("null", stdout);
    else if (plain && !key && (is_word(s) || is_number(s)))
        fputs(s, stdout);
    else
        put_string(s, event->data.scalar.length);
}

static void put_event(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        open_level(event, event->type == YAML_MAPPING_START_EVENT);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        close_level();
        break;
    case YAML_SCALAR_EVENT:
        put_scalar(event);
        break;
    case YAML_ALIAS_EVENT:
        fail("aliases are not taken", event->start_mark.line);
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    yaml_parser_t parser;
    yaml_event_t event;
    FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
    bool more = true;
    if (!in || !yaml_parser_initialize(&parser)) {
        fprintf(stderr, "usage: to_json FILE\n");
        return 2;
    }
    yaml_parser_set_input_file(&parser, in);
    while (more) {
        if (!yaml_parser_parse(&parser, &event))
            fail(parser.problem, parser.problem_mark.line);
        put_event(&event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    putchar('\n');
    yaml_parser_delete(&parser);
    fclose(in);
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
