/*
 * test/fuzz/fuzz_http.c -- a connection's bytes, read whole and in pieces, must mean the same.
 * Input: one byte with the number of cuts (0 to 7), the cuts, the connection. A date that it is is
 * read too.
 */
#include "test/http1/drive.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    if (len < 1)
        return 0;
    size_t cut_count = data[0] % 8;
    if (len < 1 + cut_count)
        return 0;
    const u8 *bytes = data + 1 + cut_count;
    size_t left = len - 1 - cut_count;
    struct drive_outcome whole = drive_stream(bytes, left, NULL, 0);
    struct drive_outcome cut = drive_stream(bytes, left, data + 1, cut_count);
    CHECK(drive_equal(&whole, &cut));
    i64 date;
    if (http_date_parse((struct http_text){(const char *)bytes, left}, 0, &date))
        CHECK(date > -(i64)100000000000 && date < (i64)1000000000000);
    return 0;
}
