/*
 * Bodies for functions of every type, in a guest that hands its argument back: the answer must be a
 * body again that has the same answer. The first byte chooses type and convention; raw bytes are
 * among them.
 */
#include "base/check.h"
#include "test/unit/typed/fake.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

static const char *const types[] = {
    "list<f32>", "list<f64>",           "list<s64>", "all", "list<list<string>>",
    "string",    "list<option<mixed>>", "u64",       "i",   "list<u8>"};

static const char declarations[] =
    "enum color { red, green, blue }\n"
    "record i { a: s8, b: u8, c: s16, d: u16, e: s32, f: u32, g: bool, h: char, k: f32 }\n"
    "record mixed { c: color, name: string, tags: list<string>, o: option<u8> }\n"
    "record all { m: mixed, t: tuple<u8, i, list<bool>>, n: option<list<color>> }\n";

struct fuzzed {
    struct arena arena;
    struct typed_func func;
    struct rt_export exported;
    struct rt_instance instance;
};

static void prepare(struct fuzzed *f, u8 choice)
{
    static fake_fn *const funcs[] = {fake_malloc, fake_echo, fake_realloc};
    struct typed_signature signature;
    char text[800];
    int len = snprintf(text, sizeof text, "%sf: func(a: %s);", declarations,
                       types[choice % COUNT_OF(types)]);
    arena_init(&f->arena, MIB);
    char *kept = arena_text(&f->arena, text, (size_t)len);
    CHECK(typed_signature_parse(&signature, (struct rt_text){kept, (u32)len}, "", &f->arena, NULL));
    f->exported = (struct rt_export){.name = TEXT("echo"), .index = 1};
    f->func = (struct typed_func){.exported = &f->exported,
                                  .params = {.kind = TYPED_RECORD},
                                  .result = signature.funcs[0].params[0].type,
                                  .needs_driver = true,
                                  .uses_realloc = choice >= 128,
                                  .allocator = choice >= 128 ? 2 : 0,
                                  .pass = (enum typed_pass)(choice / 10 % 3),
                                  .returns = (enum typed_return)(choice / 30 % 3)};
    typed_record_lay_out(&f->func.params, signature.funcs[0].params, 1);
    fake_init(&f->instance, funcs);
    f->instance.func = &f->func;
}

/* One call in a fresh instance; true if it gave an answer. */
static bool call(u8 choice, const void *body, size_t len, bool is_raw, struct buf *out)
{
    struct fuzzed f;
    prepare(&f, choice);
    struct typed_call call = {.func = &f.func,
                              .body = body,
                              .body_len = len,
                              .is_raw = is_raw && typed_takes_raw(&f.func),
                              .out = out};
    typed_call_run(&f.instance, &call);
    enum err_code code = call.err.code;
    CHECK(code == ERR_NONE || code == ERR_JSON || code == ERR_ARGUMENT || code == ERR_LIMIT);
    fake_fini(&f.instance);
    arena_fini(&f.arena);
    return code == ERR_NONE;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    struct buf first, body, second;
    if (len == 0)
        return 0;
    buf_init(&first, MIB);
    buf_init(&body, MIB);
    buf_init(&second, MIB);
    if (call(bytes[0], bytes + 1, len - 1, len % 5 == 0, &first)) {
        buf_add_byte(&body, '[');
        buf_add(&body, first.bytes, first.len);
        buf_add_byte(&body, ']');
        CHECK(call(bytes[0], body.bytes, body.len, false, &second));
        CHECK(first.len == second.len && memcmp(first.bytes, second.bytes, first.len) == 0);
    }
    buf_fini(&first);
    buf_fini(&body);
    buf_fini(&second);
    return 0;
}
