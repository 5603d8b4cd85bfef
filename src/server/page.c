#include "server/internal.h"
#include "base/text.h"
#include <string.h>

#define CURL_LINES_MAX 20
#define NOTHING_TO_CALL                                                                            \
    "  no function of these modules can be called: none of numbers, and no FILE.sig"

/* ---- for programs ---- */

static void add_json_type(const struct typed_type *type, struct buf *text, struct buf *out)
{
    buf_clear(text);
    typed_type_write(type, text);
    buf_add_json_string(out, text->bytes, text->len);
}

/* Several results of a function without a signature are a tuple, but to its caller several. */
static void add_json_results(const struct typed_func *func, struct buf *text, struct buf *out)
{
    const struct typed_type *result = func->result;
    bool are_several = result != NULL && !func->has_signature && result->kind == TYPED_TUPLE;
    for (u32 i = 0; are_several && i < result->field_count; i++) {
        buf_add_text(out, i == 0 ? "" : ",");
        add_json_type(result->fields[i].type, text, out);
    }
    if (result != NULL && !are_several)
        add_json_type(result, text, out);
}

static void add_json_endpoint(const struct endpoint *endpoint, struct buf *text, struct buf *out)
{
    const struct typed_func *func = endpoint->func;
    buf_add_text(out, "{\"path\":");
    buf_add_json_string(out, endpoint->path, strlen(endpoint->path));
    buf_add_text(out, ",\"method\":\"POST\",\"params\":[");
    for (u32 i = 0; i < func->params.field_count; i++) {
        const struct typed_field *param = &func->params.fields[i];
        buf_add_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        buf_add_json_string(out, param->name.bytes, param->name.len);
        buf_add_text(out, ",\"type\":");
        add_json_type(param->type, text, out);
        buf_add_byte(out, '}');
    }
    buf_add_text(out, "],\"results\":[");
    add_json_results(func, text, out);
    buf_add_text(out, "],\"example\":");
    typed_example_write(func, out);
    buf_add_byte(out, '}');
}

void server_index_json(const struct endpoint_table *table, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->limit_bytes);
    buf_add_text(out, "{\"endpoints\":[");
    for (u32 i = 0; i < table->count; i++) {
        buf_add_text(out, i == 0 ? "\n" : ",\n");
        add_json_endpoint(&table->endpoints[i], &text, out);
    }
    for (u32 i = 0; i < table->route_count; i++)
        if (table->routes[i].module->program != NULL)
            buf_add_format(out, "%s\n{\"path\":\"%s\",\"program\":true}",
                           out->bytes[out->len - 1] == '[' ? "" : ",", table->routes[i].plan->path);
    buf_add_text(out, "]}\n");
    buf_fini(&text);
}

static u32 count_programs(const struct endpoint_table *table)
{
    u32 count = 0;
    for (u32 i = 0; i < table->route_count; i++)
        count += table->routes[i].module->program != NULL;
    return count;
}

/* ---- for a terminal ---- */

/* A module chooses its names: no line breaks out of the comment, no escape reaches the terminal. */
static void add_plain_signature(const struct typed_func *func, struct buf *out)
{
    size_t from = out->len;
    typed_func_write(func, out);
    text_make_plain(out->bytes + from, out->len - from);
}

void server_index_curl(const struct endpoint_table *table, const char *url, struct buf *out)
{
    for (u32 i = 0; i < table->count && i < CURL_LINES_MAX; i++) {
        const struct endpoint *endpoint = &table->endpoints[i];
        buf_add_text(out, "  curl -d '");
        typed_example_write(endpoint->func, out);
        buf_add_format(out, "' %s%s   # ", url, endpoint->path);
        add_plain_signature(endpoint->func, out);
        buf_add_byte(out, '\n');
    }
    if (table->count > CURL_LINES_MAX)
        buf_add_format(out, "  and %u more: curl %s/\n", table->count - CURL_LINES_MAX, url);
    for (u32 i = 0; i < table->route_count; i++)
        if (table->routes[i].module->program != NULL)
            buf_add_format(out, "  curl -d 'some input' %s%s   # runs the program %s\n", url,
                           table->routes[i].plan->path, table->routes[i].module->name);
    if (table->count == 0 && count_programs(table) == 0)
        buf_add_text(out, NOTHING_TO_CALL "\n");
}

/* ---- for people ---- */

static const char page_begin[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'\">\n"
    "<title>Weir</title>\n<style>\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto;\n"
    "       padding: 0 1rem; }\n"
    "form { border: 1px solid #8888; border-radius: 6px; padding: .8rem 1rem; margin: 1rem 0; }\n"
    "h2 { font: 600 1rem ui-monospace, monospace; margin: 0 0 .5rem; overflow-wrap: anywhere; }\n"
    "label { display: inline-block; margin: 0 .8rem .4rem 0; }\n"
    "input { font: inherit; width: 9rem; margin-left: .3rem; }\n"
    "input[data-kind=json], input[data-kind=text] { width: 20rem; }\n"
    "button { font: inherit; padding: .1rem .9rem; }\n"
    "output { font-family: ui-monospace, monospace; margin-left: .8rem; white-space: pre-wrap;\n"
    "         overflow-wrap: anywhere; }\n"
    "output.failed { color: #c33; }\n"
    "small { opacity: .7; }\n"
    "</style>\n</head>\n<body>\n<h1>Endpoints</h1>\n"
    "<p>Each takes a POST with the arguments as JSON: an array in this order, or an object by\n"
    "name. Each call runs in a fresh instance of the module. For tools:\n"
    "<code>GET /openapi.json</code>.</p>\n";

/* Arguments go out as the person wrote them: numbers bare; text, words for numbers and integers of
 * 64 bits in quotes; lists and records are written as JSON. */
static const char page_end[] =
    "<script>\n"
    "const number = /^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$/;\n"
    "function argument(input) {\n"
    "  const text = input.value.trim(), kind = input.dataset.kind;\n"
    "  if (kind === 'text') return JSON.stringify(input.value);\n"
    "  if (kind === 'json' || (kind === 'number' && number.test(text))) return text;\n"
    "  return JSON.stringify(text);\n"
    "}\n"
    "async function call(event) {\n"
    "  event.preventDefault();\n"
    "  const form = event.target, output = form.querySelector('output');\n"
    "  const body = '[' + [...form.querySelectorAll('input')].map(argument).join(',') + ']';\n"
    "  const start = performance.now();\n"
    "  output.textContent = '...';\n"
    "  try {\n"
    "    const reply = await fetch(form.dataset.path,\n"
    "      { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });\n"
    "    const text = (await reply.text()).trim();\n"
    "    const ms = (performance.now() - start).toFixed(1);\n"
    "    output.className = reply.ok ? '' : 'failed';\n"
    "    output.textContent = text + '   (' + reply.status + ', ' + ms + ' ms)';\n"
    "  } catch (error) {\n"
    "    output.className = 'failed';\n"
    "    output.textContent = String(error);\n"
    "  }\n"
    "}\n"
    "for (const form of document.forms) form.addEventListener('submit', call);\n"
    "</script>\n</body>\n</html>\n";

/* Text for an element or a quoted attribute. */
static void add_html(struct buf *out, const void *text, size_t len)
{
    const char *c = text;
    for (size_t i = 0; i < len; i++) {
        switch (c[i]) {
        case '&': buf_add_text(out, "&amp;"); break;
        case '<': buf_add_text(out, "&lt;"); break;
        case '>': buf_add_text(out, "&gt;"); break;
        case '"': buf_add_text(out, "&quot;"); break;
        default: buf_add_byte(out, (u8)c[i]); break;
        }
    }
}

/* How the page's script writes an argument. */
static const char *input_kind(const struct typed_type *type)
{
    bool is_text =
        type->kind == TYPED_STRING || type->kind == TYPED_CHAR || type->kind == TYPED_ENUM;
    if (is_text)
        return "text";
    if (!typed_is_number(type))
        return "json";
    return type->size == 8 && type->kind != TYPED_F64 ? "long" : "number";
}

static void add_input(const struct typed_field *param, u32 number, struct buf *text,
                      struct buf *out)
{
    const char *kind = input_kind(param->type);
    bool is_text = strcmp(kind, "text") == 0, is_json = strcmp(kind, "json") == 0;
    buf_add_text(out, "<label>");
    add_html(out, param->name.bytes, param->name.len);
    buf_clear(text);
    typed_type_write(param->type, text);
    buf_add_text(out, "<input data-type=\"");
    add_html(out, text->bytes, text->len);
    buf_add_format(out, "\" data-kind=\"%s\" value=\"", kind);
    size_t type_len = text->len;
    if (is_text || is_json)
        typed_type_example_write(param->type, number, text);
    else
        buf_add_u64(text, number);
    if (buf_ok(text)) /* text stands without its quotes */
        add_html(out, text->bytes + type_len + is_text, text->len - type_len - 2 * is_text);
    buf_add_text(out, "\" required> <small>");
    if (buf_ok(text))
        add_html(out, text->bytes, type_len);
    buf_add_text(out, "</small></label>\n");
}

static void add_form(const struct endpoint *endpoint, struct buf *text, struct buf *out)
{
    const struct typed_func *func = endpoint->func;
    buf_clear(text);
    typed_func_write(func, text);
    buf_add_text(out, "<form data-path=\"");
    add_html(out, endpoint->path, strlen(endpoint->path));
    buf_add_text(out, "\">\n<h2>");
    add_html(out, text->bytes, text->len);
    buf_add_text(out, "</h2>\n");
    for (u32 i = 0; i < func->params.field_count; i++)
        add_input(&func->params.fields[i], i + 1, text, out);
    buf_add_text(out, "<button>Call</button><output></output>\n</form>\n");
}

void server_index_html(const struct endpoint_table *table, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->limit_bytes);
    buf_add_text(out, page_begin);
    for (u32 i = 0; i < table->count; i++)
        add_form(&table->endpoints[i], &text, out);
    for (u32 i = 0; i < table->route_count; i++)
        if (table->routes[i].module->program != NULL)
            buf_add_format(out, "<p>The program <code>%s</code> runs once for a request.</p>\n",
                           table->routes[i].plan->path);
    if (table->count == 0 && count_programs(table) == 0)
        buf_add_text(out, "<p>" NOTHING_TO_CALL "</p>\n");
    buf_add_text(out, page_end);
    buf_fini(&text);
}
