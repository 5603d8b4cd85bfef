#include "server/describe.h"
#include "base/check.h"
#include "base/text.h"
#include "server/internal.h"

#define SIGNATURE_BYTES (64 * KIB)

bool server_describe(struct rt_module *module, struct rt_text signature, const char *file,
                     struct arena *arena, struct server_offers *out, struct err *err)
{
    struct served_module served = {
        .name = "", .module = module, .program = rt_module_entry_find(module, "_start")};
    const struct server_route plan = {.name = "", .path = "/"};
    struct served_route route = {.plan = &plan, .module = &served};
    struct endpoint_table table;
    struct buf text;
    if (!typed_module_make(&served.typed, module, signature, file, arena, err) ||
        !server_endpoints_make(&table, &route, 1, arena, err))
        return false;
    struct server_offer *offers = arena_array(arena, struct server_offer, table.count);
    CHECK_MEMORY(offers != NULL || table.count == 0);
    buf_init(&text, SIGNATURE_BYTES);
    for (u32 i = 0; i < table.count; i++) {
        buf_clear(&text);
        typed_func_write(table.endpoints[i].func, &text);
        text_make_plain(text.bytes, text.len);
        offers[i].path = table.endpoints[i].path;
        offers[i].signature = buf_ok(&text) ? arena_text(arena, text.bytes, text.len) : "...";
    }
    buf_fini(&text);
    *out = (struct server_offers){
        .items = offers, .count = table.count, .is_program = served.program != NULL};
    return true;
}
