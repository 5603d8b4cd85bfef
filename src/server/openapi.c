/*
 * server/openapi.c -- the endpoints as an OpenAPI document.
 *
 * Spec: OpenAPI 3.1.0. Types that a signature declares are schemas of the name MODULE.TYPE; neither
 * part of it needs escaping.
 */
#include "server/internal.h"
#include <stdio.h>
#include <string.h>

#define SCHEMAS      "#/components/schemas/"
#define PREFIX_BYTES 512

static void add_prefix(char out[PREFIX_BYTES], const struct served_module *module)
{
    snprintf(out, PREFIX_BYTES, SCHEMAS "%s.", module->name);
}

static void add_request(const struct typed_func *func, const char *prefix, struct buf *out)
{
    buf_add_format(out, "\"requestBody\":{\"required\":%s,\"content\":{\"application/json\":{",
                   func->params.field_count > 0 ? "true" : "false");
    buf_add_text(out, "\"schema\":");
    typed_schema_write_body(func, prefix, out);
    buf_add_text(out, ",\"example\":");
    typed_example_write(func, out);
    buf_add_byte(out, '}');
    if (typed_takes_raw(func))
        buf_add_text(out, ",\"" TYPED_RAW_TYPE "\":{}");
    buf_add_text(out, "}}");
}

static void add_responses(const struct typed_func *func, const char *prefix, struct buf *out)
{
    buf_add_text(out, "\"responses\":{\"200\":{\"description\":\"the result\",\"content\":{"
                      "\"application/json\":{\"schema\":");
    if (func->result == NULL)
        buf_add_text(out, "{\"type\":\"null\"}");
    else
        typed_schema_write(func->result, prefix, out);
    buf_add_byte(out, '}');
    if (typed_returns_raw(func))
        buf_add_text(out, ",\"" TYPED_RAW_TYPE "\":{}");
    buf_add_text(out, "}},\"default\":{\"$ref\":\"#/components/responses/error\"}}");
}

static void add_path(const struct endpoint *endpoint, struct buf *text, struct buf *out)
{
    char prefix[PREFIX_BYTES];
    add_prefix(prefix, endpoint->route->module);
    buf_add_json_string(out, endpoint->path, strlen(endpoint->path));
    buf_add_text(out, ":{\"post\":{\"operationId\":");
    buf_add_json_string(out, endpoint->path + 1, strlen(endpoint->path + 1));
    buf_add_text(out, ",\"summary\":");
    buf_clear(text);
    typed_func_write(endpoint->func, text);
    buf_add_json_string(out, text->bytes, text->len);
    buf_add_byte(out, ',');
    add_request(endpoint->func, prefix, out);
    buf_add_byte(out, ',');
    add_responses(endpoint->func, prefix, out);
    buf_add_text(out, "}}");
}

/* A name may be declared for a type that has one already: then it is there already. */
static bool is_new(const struct typed_module *module, u32 index)
{
    const struct typed_type *type = module->types[index];
    for (u32 i = 0; i < index; i++)
        if (module->types[i] == type)
            return false;
    return type->name.len > 0;
}

static void add_schemas(const struct served_module *module, struct buf *out)
{
    char prefix[PREFIX_BYTES];
    add_prefix(prefix, module);
    for (u32 i = 0; i < module->typed.type_count; i++) {
        const struct typed_type *type = module->typed.types[i];
        if (!is_new(&module->typed, i))
            continue;
        buf_add_format(out, ",\n\"%s%.*s\":", prefix + strlen(SCHEMAS), (int)type->name.len,
                       type->name.bytes);
        typed_schema_write_declared(type, prefix, out);
    }
}

static const char errors[] =
    "\"error\":{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"object\","
    "\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
    "\"request\":{\"type\":\"string\"}},\"required\":[\"code\",\"message\",\"request\"]}},"
    "\"required\":[\"error\"]}";

void server_openapi_write(const struct endpoint_table *table, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->limit_bytes);
    buf_add_text(out,
                 "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Weir\",\"version\":\"" WEIR_VERSION
                 "\"},\n\"paths\":{");
    for (u32 i = 0; i < table->count && buf_ok(out); i++) {
        buf_add_text(out, i == 0 ? "\n" : ",\n");
        add_path(&table->endpoints[i], &text, out);
    }
    buf_add_text(out, "},\n\"components\":{\"responses\":{\"error\":{\"description\":\"what went "
                      "wrong\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"" SCHEMAS
                      "error\"}}}}},\n\"schemas\":{\n");
    buf_add_text(out, errors);
    for (u32 i = 0; i < table->route_count; i++)
        if (table->routes[i].module->first_route == &table->routes[i])
            add_schemas(table->routes[i].module, out);
    buf_add_text(out, "}}}\n");
    buf_fini(&text);
}
