#include "server/describe.h"
#include "base/check.h"
#include "base/text.h"
#include "server/internal.h"

#define SIGNATURE_BYTES (64 * KIB)

u32 server_describe(struct rt_module *module, struct arena *arena, const struct server_offer **out)
{
    struct served_module served = {.name = "", .module = module};
    struct endpoint_table table;
    struct buf text;
    struct rt_text none = {NULL, 0};
    CHECK(typed_module_make(&served.typed, module, none, "", arena, NULL));
    server_endpoints_make(&table, &served, 1, arena);
    struct server_offer *offers = arena_array(arena, struct server_offer, table.count);
    CHECK(offers != NULL || table.count == 0);
    buf_init(&text, SIGNATURE_BYTES);
    for (u32 i = 0; i < table.count; i++) {
        buf_clear(&text);
        typed_func_write(table.endpoints[i].func, &text);
        text_make_plain(text.bytes, text.len);
        offers[i].path = table.endpoints[i].path;
        offers[i].signature = buf_ok(&text) ? arena_text(arena, text.bytes, text.len) : "...";
    }
    buf_fini(&text);
    *out = offers;
    return table.count;
}
