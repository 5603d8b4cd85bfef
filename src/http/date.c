/*
 * http/date.c -- dates, written and read. spec: RFC 9110 section 5.6.7
 */
#include "base/check.h"
#include "http/internal.h"
#include <stdio.h>
#include <string.h>

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

struct civil_date {
    int year, month, day; /* month and day from 1 */
};

/* 1970-01-01 was a Thursday. */
static const char *const weekdays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                       "Monday",   "Tuesday", "Wednesday"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap_year(year));
}

/* The date that many days after 1970-01-01. */
static struct civil_date date_from_days(int days)
{
    struct civil_date date = {.year = 1970, .month = 1};
    for (; days >= 365 + is_leap_year(date.year); date.year++)
        days -= 365 + is_leap_year(date.year);
    for (;; date.month++) {
        int count = month_days(date.year, date.month);
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
    i64 now = presentable(unix_seconds);
    struct civil_date date = date_from_days((int)(now / 86400));
    int second = (int)(now % 86400);
    char text[96]; /* the compiler reckons with numbers of any length */
    snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             weekdays[now / 86400 % 7], date.day, months[date.month - 1], date.year, second / 3600,
             second / 60 % 60, second % 60);
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

/* ---- reading ---- */

/* What is left to read, and what has been found. */
struct date_reader {
    const char *at, *end;
    struct civil_date date;
    int second; /* of the day */
};

static bool take_char(struct date_reader *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* One of some names, or of their first letters. */
static bool take_name(struct date_reader *in, const char *const *names, int count, size_t len_max,
                      int *index)
{
    for (*index = 0; *index < count; ++*index) {
        size_t len = (size_t)min_u64(strlen(names[*index]), len_max);
        if ((size_t)(in->end - in->at) >= len && memcmp(in->at, names[*index], len) == 0) {
            in->at += len;
            return true;
        }
    }
    return false;
}

static bool take_digits(struct date_reader *in, int count, int *value)
{
    *value = 0;
    for (; count > 0; count--, in->at++) {
        if (in->at == in->end || !http_in_set((u8)*in->at, HTTP_SET_D))
            return false;
        *value = 10 * *value + (*in->at - '0');
    }
    return true;
}

/* "08:49:37"; a second may be a leap second. */
static bool take_time(struct date_reader *in)
{
    int hour, minute, second;
    bool ok = take_digits(in, 2, &hour) && take_char(in, ':') && take_digits(in, 2, &minute) &&
              take_char(in, ':') && take_digits(in, 2, &second);
    in->second = ok ? 3600 * hour + 60 * minute + second : 0;
    return ok && hour < 24 && minute < 60 && second <= 60;
}

/* A year that looks more than 50 years ahead is one of the past. */
static bool take_short_year(struct date_reader *in, i64 now)
{
    int latest = date_from_days((int)(presentable(now) / 86400)).year + 50;
    bool ok = take_digits(in, 2, &in->date.year);
    in->date.year = latest - (latest - in->date.year) % 100;
    return ok;
}

static bool take_part(struct date_reader *in, char part, i64 now)
{
    int index;
    switch (part) {
    case 'w': return take_name(in, weekdays, COUNT_OF(weekdays), 3, &index);
    case 'l': return take_name(in, weekdays, COUNT_OF(weekdays), SIZE_MAX, &index);
    case 'd': return take_digits(in, 2, &in->date.day);
    case 'e': return take_digits(in, take_char(in, ' ') ? 1 : 2, &in->date.day);
    case 'm':
        if (!take_name(in, months, COUNT_OF(months), SIZE_MAX, &index))
            return false;
        in->date.month = index + 1;
        return true;
    case 'y': return take_short_year(in, now);
    case 'Y': return take_digits(in, 4, &in->date.year);
    case 't': return take_time(in);
    default: UNREACHABLE();
    }
}

static bool take_form(struct date_reader *in, const char *form, i64 now)
{
    for (; *form != 0; form++)
        if (*form == '%' ? !take_part(in, *++form, now) : !take_char(in, *form))
            return false;
    return in->at == in->end && in->date.day >= 1 &&
           in->date.day <= month_days(in->date.year, in->date.month);
}

static i64 leap_years_until(i64 year)
{
    return year / 4 - year / 100 + year / 400;
}

/* Since 1970-01-01. */
static i64 days_until(struct civil_date date)
{
    i64 days = 365 * ((i64)date.year - 1970) + leap_years_until(date.year - 1) -
               leap_years_until(1969) + date.day - 1;
    for (int month = 1; month < date.month; month++)
        days += month_days(date.year, month);
    return days;
}

bool http_date_parse(struct http_text text, i64 now, i64 *out)
{
    /* l, w: the name of a day, in full or not; e: a day with a space for a zero. */
    static const char *const forms[] = {"%w, %d %m %Y %t GMT", "%l, %d-%m-%y %t GMT",
                                        "%w %m %e %t %Y"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct date_reader in = {.at = text.bytes, .end = text.bytes + text.len};
        if (take_form(&in, forms[i], now)) {
            *out = 86400 * days_until(in.date) + in.second;
            return true;
        }
    }
    return false;
}
