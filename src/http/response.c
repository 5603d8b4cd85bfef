#include "http/http.h"
#include <stdio.h>
#include <string.h>

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

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

struct civil_date {
    int year, month, day; /* month and day from 1 */
};

/* The date that many days after 1970-01-01. */
static struct civil_date date_from_days(int days)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct civil_date date = {.year = 1970, .month = 1};
    for (; days >= 365 + is_leap_year(date.year); date.year++)
        days -= 365 + is_leap_year(date.year);
    for (;; date.month++) {
        int count = month_days[date.month - 1] + (date.month == 2 && is_leap_year(date.year));
        if (days < count)
            break;
        days -= count;
    }
    date.day = days + 1;
    return date;
}

/* The years from 1970 to 9999: four digits. */
static i64 presentable(i64 unix_seconds)
{
    i64 latest = 253402300799;
    return unix_seconds < 0 ? 0 : unix_seconds > latest ? latest : unix_seconds;
}

void http_date_format(i64 unix_seconds, char out[HTTP_DATE_BYTES])
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    i64 now = presentable(unix_seconds);
    struct civil_date date = date_from_days((int)(now / 86400));
    int second = (int)(now % 86400);
    char text[96]; /* the compiler reckons with numbers of any length */
    snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + now / 86400 % 7 * 3, date.day, months + (size_t)(date.month - 1) * 3, date.year,
             second / 3600, second / 60 % 60, second % 60);
    memcpy(out, text, HTTP_DATE_BYTES);
}

/* By hand: every line of an access log has one. Returns where the next goes. */
static char *put_digits(char *out, int value, int count, char behind)
{
    for (int i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    out[count] = behind;
    return out + count + 1;
}

void http_time_format(i64 unix_seconds, char out[HTTP_TIME_BYTES])
{
    i64 now = presentable(unix_seconds);
    struct civil_date date = date_from_days((int)(now / 86400));
    int second = (int)(now % 86400);
    out = put_digits(out, date.year, 4, '-');
    out = put_digits(out, date.month, 2, '-');
    out = put_digits(out, date.day, 2, 'T');
    out = put_digits(out, second / 3600, 2, ':');
    out = put_digits(out, second / 60 % 60, 2, ':');
    put_digits(out, second % 60, 2, 0);
}
