#include "server/internal.h"
#include "base/text.h"
#include <string.h>

#define CURL_LINES_MAX 20

/* ---- for programs ---- */

static void add_json_params(const struct rt_export *func, struct buf *out)
{
    struct buf name;
    buf_init(&name, 1 << 20);
    for (u32 i = 0; i < func->type->param_count; i++) {
        buf_clear(&name);
        typed_param_name(func, i, &name);
        buf_add_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        buf_add_json_string(out, name.bytes, name.len);
        buf_add_format(out, ",\"type\":\"%s\"}", rt_valtype_text(func->type->params[i]));
    }
    buf_fini(&name);
}

static void add_json_endpoint(const struct endpoint *endpoint, struct buf *out)
{
    const struct rt_func_type *type = endpoint->func->type;
    buf_add_text(out, "{\"path\":");
    buf_add_json_string(out, endpoint->path, strlen(endpoint->path));
    buf_add_text(out, ",\"method\":\"POST\",\"params\":[");
    add_json_params(endpoint->func, out);
    buf_add_text(out, "],\"results\":[");
    for (u32 i = 0; i < type->result_count; i++)
        buf_add_format(out, "%s\"%s\"", i == 0 ? "" : ",", rt_valtype_text(type->results[i]));
    buf_add_text(out, "],\"example\":");
    typed_example_write(type, out);
    buf_add_byte(out, '}');
}

void server_index_json(const struct endpoint_table *table, struct buf *out)
{
    buf_add_text(out, "{\"endpoints\":[");
    for (u32 i = 0; i < table->count; i++) {
        buf_add_text(out, i == 0 ? "\n" : ",\n");
        add_json_endpoint(&table->endpoints[i], out);
    }
    buf_add_text(out, "]}\n");
}

/* ---- for a terminal ---- */

/* A module chooses its names: no line breaks out of the comment, no escape reaches the terminal. */
static void add_plain_signature(const struct rt_export *func, struct buf *out)
{
    size_t from = out->len;
    typed_signature_write(func, out);
    text_make_plain(out->bytes + from, out->len - from);
}

void server_index_curl(const struct endpoint_table *table, const char *url, struct buf *out)
{
    for (u32 i = 0; i < table->count && i < CURL_LINES_MAX; i++) {
        const struct endpoint *endpoint = &table->endpoints[i];
        buf_add_text(out, "  curl -d '");
        typed_example_write(endpoint->func->type, out);
        buf_add_format(out, "' %s%s   # ", url, endpoint->path);
        add_plain_signature(endpoint->func, out);
        buf_add_byte(out, '\n');
    }
    if (table->count > CURL_LINES_MAX)
        buf_add_format(out, "  and %u more: curl %s/\n", table->count - CURL_LINES_MAX, url);
    if (table->count == 0)
        buf_add_text(out, "  no function of these modules can be called with numbers\n");
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
    "button { font: inherit; padding: .1rem .9rem; }\n"
    "output { font-family: ui-monospace, monospace; margin-left: .8rem; white-space: pre-wrap;\n"
    "         overflow-wrap: anywhere; }\n"
    "output.failed { color: #c33; }\n"
    "small { opacity: .7; }\n"
    "</style>\n</head>\n<body>\n<h1>Endpoints</h1>\n"
    "<p>Each takes a POST with the arguments as JSON: an array in this order, or an object by\n"
    "name. Each call runs in a fresh instance of the module.</p>\n";

/* Arguments go out as the person wrote them: numbers bare, words and large integers in quotes. */
static const char page_end[] =
    "<script>\n"
    "const number = /^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$/;\n"
    "function argument(input) {\n"
    "  const text = input.value.trim();\n"
    "  const bare = number.test(text) && input.dataset.type !== 'i64';\n"
    "  return bare ? text : JSON.stringify(text);\n"
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

static void add_form(const struct endpoint *endpoint, struct buf *text, struct buf *out)
{
    const struct rt_export *func = endpoint->func;
    buf_clear(text);
    typed_signature_write(func, text);
    buf_add_text(out, "<form data-path=\"");
    add_html(out, endpoint->path, strlen(endpoint->path));
    buf_add_text(out, "\">\n<h2>");
    add_html(out, text->bytes, text->len);
    buf_add_text(out, "</h2>\n");
    for (u32 i = 0; i < func->type->param_count; i++) {
        const char *type = rt_valtype_text(func->type->params[i]);
        buf_clear(text);
        typed_param_name(func, i, text);
        buf_add_text(out, "<label>");
        add_html(out, text->bytes, text->len);
        buf_add_format(out, "<input data-type=\"%s\" value=\"%u\" required> <small>%s</small>",
                       type, i + 1, type);
        buf_add_text(out, "</label>\n");
    }
    buf_add_text(out, "<button>Call</button><output></output>\n</form>\n");
}

void server_index_html(const struct endpoint_table *table, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->limit_bytes);
    buf_add_text(out, page_begin);
    for (u32 i = 0; i < table->count; i++)
        add_form(&table->endpoints[i], &text, out);
    if (table->count == 0)
        buf_add_text(out, "<p>No function of these modules can be called with numbers.</p>\n");
    buf_add_text(out, page_end);
    buf_fini(&text);
}
