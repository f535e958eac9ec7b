/* Documents that are part of the program: each is a file of the tree, or one that the Makefile makes
 * of it (those are named without a folder), taken into the binary when it is built. A new one is a
 * DOCUMENT line, a row of `documents`, a route, and its file in the Makefile's DOCUMENTS. */
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

/* The file's bytes between name_start and name_end. */
#define DOCUMENT(name, path)                                                                       \
    extern const char name##_start[], name##_end[];                                                \
    __asm__(".pushsection .rodata\n.global " #name "_start\n.global " #name "_end\n" #name         \
            "_start:\n.incbin \"" path "\"\n" #name "_end:\n.popsection\n")

DOCUMENT(openapi_yaml, "openapi/openapi.yaml");
DOCUMENT(asyncapi_yaml, "openapi/asyncapi.yaml");
DOCUMENT(openapi_json, "openapi.json");
DOCUMENT(asyncapi_json, "asyncapi.json");
DOCUMENT(chat_html, "http/pages/chat.html");
DOCUMENT(atrium_js, "http/pages/atrium.js");
DOCUMENT(vectors_html, "http/pages/vectors.html");
DOCUMENT(docs_html, "http/pages/docs.html");
DOCUMENT(viewer_js, "viewer.js");
DOCUMENT(viewer_css, "viewer.css");

/* Pages are whole in themselves and talk to this server alone. */
static const char policy[] =
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'";

struct document {
    const char *pattern, *type;
    const char *start, *end;
};

static const struct document documents[] = {
    {"/openapi.yaml", "application/yaml", openapi_yaml_start, openapi_yaml_end},
    {"/asyncapi.yaml", "application/yaml", asyncapi_yaml_start, asyncapi_yaml_end},
    {"/openapi.json", "application/json", openapi_json_start, openapi_json_end},
    {"/asyncapi.json", "application/json", asyncapi_json_start, asyncapi_json_end},
    {"/chat", "text/html; charset=utf-8", chat_html_start, chat_html_end},
    {"/atrium.js", "text/javascript; charset=utf-8", atrium_js_start, atrium_js_end},
    {"/vectors", "text/html; charset=utf-8", vectors_html_start, vectors_html_end},
    {"/docs", "text/html; charset=utf-8", docs_html_start, docs_html_end},
    {"/docs/viewer.js", "text/javascript; charset=utf-8", viewer_js_start, viewer_js_end},
    {"/docs/viewer.css", "text/css; charset=utf-8", viewer_css_start, viewer_css_end},
};

static void get_document(struct request *r)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        const struct document *d = &documents[i];
        if (strcmp(d->pattern, r->route->pattern) == 0) {
            answer_header(r, "Content-Security-Policy", policy);
            answer_bytes(r, 200, d->type, bytes_of(d->start, (size_t)(d->end - d->start)));
            return;
        }
    }
    problem(r, "not-found", "there is no such document");
}

const struct route pages_routes[] = {
    {METHOD_GET, "/openapi.yaml", get_document, "getOpenapi", ROUTE_OPEN},
    {METHOD_GET, "/asyncapi.yaml", get_document, "getAsyncapi", ROUTE_OPEN},
    {METHOD_GET, "/openapi.json", get_document, "getOpenapiJson", ROUTE_OPEN},
    {METHOD_GET, "/asyncapi.json", get_document, "getAsyncapiJson", ROUTE_OPEN},
    {METHOD_GET, "/chat", get_document, "getChat", ROUTE_OPEN | ROUTE_RAW},
    {METHOD_GET, "/atrium.js", get_document, "getBrowserClient", ROUTE_OPEN | ROUTE_RAW},
    {METHOD_GET, "/vectors", get_document, "getVectorsPage", ROUTE_OPEN | ROUTE_RAW},
    {METHOD_GET, "/docs", get_document, "getDocs", ROUTE_OPEN | ROUTE_RAW},
    {METHOD_GET, "/docs/viewer.js", get_document, "getViewerScript", ROUTE_OPEN | ROUTE_RAW},
    {METHOD_GET, "/docs/viewer.css", get_document, "getViewerStyle", ROUTE_OPEN | ROUTE_RAW},
    {0},
};
