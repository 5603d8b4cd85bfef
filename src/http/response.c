#include "http/http.h"

static const struct {
    int status;
    const char *text;
} statuses[] = {
#define STATUS(status, text) {status, text},
#include "http/status.def"
#undef STATUS
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "";
}

static void add_field(struct buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_add_text(out, name);
    buf_add_text(out, ": ");
    buf_add_text(out, value);
    buf_add_text(out, "\r\n");
}

static const char *connection_option(const struct http_response *response)
{
    if (!response->keep_alive)
        return "close";
    return response->minor == 0 ? "keep-alive" : NULL;
}

static void add_framing(struct buf *out, const struct http_response *response)
{
    if (response->framing == HTTP_CHUNKED)
        add_field(out, "Transfer-Encoding", "chunked");
    if (response->framing != HTTP_LENGTH)
        return;
    buf_add_text(out, "Content-Length: ");
    buf_add_u64(out, response->content_length);
    buf_add_text(out, "\r\n");
}

static void add_program_field(struct buf *out, const void *head, const struct http_field *field)
{
    struct http_text name = http_span_text(head, field->name);
    struct http_text value = http_span_text(head, field->value);
    buf_add(out, name.bytes, name.len);
    buf_add_text(out, ": ");
    buf_add(out, value.bytes, value.len);
    buf_add_text(out, "\r\n");
}

void http_chunk_add(struct buf *out, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    buf_add_format(out, "%zx\r\n", len);
    buf_add(out, bytes, len);
    buf_add_text(out, "\r\n");
}

void http_response_add(struct buf *out, const struct http_response *response)
{
    buf_add_text(out, "HTTP/1.1 ");
    buf_add_u64(out, (u64)response->status);
    buf_add_byte(out, ' ');
    buf_add_text(out, http_status_text(response->status));
    buf_add_text(out, "\r\n");
    add_field(out, "Date", response->date);
    add_field(out, "Content-Type", response->content_type);
    add_framing(out, response);
    for (u32 i = 0; i < response->field_count; i++)
        add_program_field(out, response->head, &response->fields[i]);
    add_field(out, "Allow", response->allow);
    add_field(out, "Vary", response->vary);
    if (response->retry_after_s > 0) {
        buf_add_text(out, "Retry-After: ");
        buf_add_u64(out, response->retry_after_s);
        buf_add_text(out, "\r\n");
    }
    if (response->has_age) {
        buf_add_text(out, "Age: ");
        buf_add_u64(out, response->age_s);
        buf_add_text(out, "\r\n");
    }
    add_field(out, "Cache-Status", response->cache_status);
    add_field(out, "weir-fallback", response->fallback);
    add_field(out, "Connection", connection_option(response));
    add_field(out, "weir-request-id", response->request_id);
    buf_add_text(out, "\r\n");
}
