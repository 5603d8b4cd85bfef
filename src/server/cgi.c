/*
 * server/cgi.c -- what a program is told of its request: the meta-variables of CGI 1.1.
 * spec: RFC 3875 section 4.1
 */
#include "server/internal.h"
#include <string.h>

/* Fields of a request that become no HTTP_ variable: those with a variable of their own, those of
 * the connection, and Proxy, which programs would take for their own setting HTTP_PROXY. */
static const char *const left_out[] = {
    "content-length", "content-type",      "connection", "expect", "keep-alive", "proxy", "te",
    "trailer",        "transfer-encoding", "upgrade",
};

static void add(struct buf *out, const char *name, size_t name_len, const char *value, size_t len)
{
    u8 *to = buf_reserve(out, name_len + len + 1);
    if (to == NULL)
        return;
    memcpy(to, name, name_len);
    if (len > 0)
        memcpy(to + name_len, value, len);
    to[name_len + len] = 0;
    buf_commit(out, name_len + len + 1);
}
#define ADD(out, name, value, len) add(out, name "=", sizeof(name), value, len)
#define ADD_TEXT(out, name, value) ADD(out, name, value, strlen(value))

static bool name_is(struct http_text a, struct http_text b)
{
    return a.len == b.len && strncasecmp(a.bytes, b.bytes, a.len) == 0;
}

/* A name with "_" could pass for another one with "-". */
static bool is_told(struct http_text name)
{
    for (size_t i = 0; i < COUNT_OF(left_out); i++)
        if (name.len == strlen(left_out[i]) && strncasecmp(name.bytes, left_out[i], name.len) == 0)
            return false;
    return memchr(name.bytes, '_', name.len) == NULL;
}

/* "HTTP_ACCEPT_LANGUAGE=" */
static void add_name(struct buf *out, struct http_text name)
{
    buf_add_text(out, "HTTP_");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.bytes[i];
        buf_add_byte(out, c == '-' ? '_' : c >= 'a' && c <= 'z' ? (u8)(c - 'a' + 'A') : (u8)c);
    }
    buf_add_byte(out, '=');
}

/* Fields of one name make one variable, at the place of the first. spec: RFC 9110 section 5.3 */
static void add_fields(struct buf *out, const struct http_request *request, const void *head)
{
    bool done[HTTP_MAX_FIELDS] = {false};
    for (u32 i = 0; i < request->field_count; i++) {
        struct http_text name = http_span_text(head, request->fields[i].name);
        if (done[i] || !is_told(name))
            continue;
        add_name(out, name);
        const char *between = name_is(name, (struct http_text){"cookie", 6}) ? "; " : ", ";
        for (u32 k = i; k < request->field_count; k++) {
            if (!name_is(name, http_span_text(head, request->fields[k].name)))
                continue;
            struct http_text value = http_span_text(head, request->fields[k].value);
            buf_add_text(out, k == i ? "" : between);
            buf_add(out, value.bytes, value.len);
            done[k] = true;
        }
        buf_add_byte(out, 0);
    }
}

/* Name and port by which the client called the server. */
static void add_server(struct buf *out, struct http_text host)
{
    size_t name_len = host.len;
    const char *colon = memrchr(host.bytes == NULL ? "" : host.bytes, ':', host.len);
    const char *bracket = memrchr(host.bytes == NULL ? "" : host.bytes, ']', host.len);
    if (colon != NULL && (bracket == NULL || colon > bracket))
        name_len = (size_t)(colon - host.bytes);
    bool has_port = name_len + 1 < host.len;
    ADD(out, "SERVER_NAME", name_len == 0 ? "localhost" : host.bytes,
        name_len == 0 ? strlen("localhost") : name_len);
    ADD(out, "SERVER_PORT", has_port ? host.bytes + name_len + 1 : "80",
        has_port ? host.len - name_len - 1 : 2);
}

static bool add_path(struct buf *out, struct http_text path, struct err *err)
{
    char decoded[HTTP_MAX_REQUEST_LINE];
    size_t len = path.len <= sizeof decoded ? http_percent_decode(path, decoded) : 0;
    if (path.len > sizeof decoded || memchr(decoded, 0, len) != NULL)
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "the path holds a NUL character");
    ADD(out, "PATH_INFO", decoded, len);
    return true;
}

bool server_cgi_variables(struct buf *out, const struct server_cgi_request *from, struct err *err)
{
    const struct http_request *request = from->request;
    struct http_text query = http_span_text(from->head, request->query);
    struct http_text type = http_request_field(request, from->head, HTTP_FIELD_CONTENT_TYPE);
    ADD_TEXT(out, "GATEWAY_INTERFACE", "CGI/1.1");
    ADD_TEXT(out, "SERVER_SOFTWARE", "weir/" WEIR_VERSION);
    ADD_TEXT(out, "SERVER_PROTOCOL", request->minor == 0 ? "HTTP/1.0" : "HTTP/1.1");
    add_server(out, http_request_field(request, from->head, HTTP_FIELD_HOST));
    ADD_TEXT(out, "REQUEST_METHOD", http_method_text(request->method));
    ADD(out, "SCRIPT_NAME", from->script_name.bytes, from->script_name.len);
    if (!add_path(out, from->path, err))
        return false;
    ADD(out, "QUERY_STRING", query.bytes, query.len);
    ADD_TEXT(out, "REMOTE_ADDR", from->client == NULL ? "" : from->client);
    ADD_TEXT(out, "WEIR_REQUEST_ID", from->id);
    if (request->has_length) {
        buf_add_text(out, "CONTENT_LENGTH=");
        buf_add_u64(out, request->content_length);
        buf_add_byte(out, 0);
    }
    if (type.bytes != NULL)
        ADD(out, "CONTENT_TYPE", type.bytes, type.len);
    add_fields(out, request, from->head);
    return buf_ok(out) || err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for the request's head");
}
