/*
 * bench_typed [ROUNDS] -- how fast lists of numbers are read and written, in a guest that only
 * hands its argument back. One line a case: name, MB/s of text (or bytes) in, MB/s out; the best of
 * the rounds, in processor time.
 */
#include "base/check.h"
#include "base/file.h"
#include "typed/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT        1000000u
#define MEMORY_BYTES (64 * MIB)
#define FIRST_ADDR   1024u

/* The runtime's part, without a machine: one memory, an allocator, an echo. */
struct rt_instance {
    u8 *memory;
    u32 next;
    u64 read_ns; /* when the function was called: the arguments were complete */
};

u8 *rt_memory_view(struct rt_instance *instance, u64 addr, u64 len)
{
    return addr > MEMORY_BYTES || len > MEMORY_BYTES - addr ? NULL : instance->memory + addr;
}

void rt_driver_poll(struct rt_instance *instance)
{
    (void)instance;
}

/* Function 0 allocates, 1 returns its list through the hidden first parameter. */
void rt_driver_call(struct rt_instance *instance, u32 func, union abi_value *values)
{
    if (func == 1) {
        instance->read_ns = clock_thread_cpu_ns();
        memcpy(instance->memory + values[0].u32, &values[1].u32, 4);
        memcpy(instance->memory + values[0].u32 + 4, &values[2].u32, 4);
        return;
    }
    u32 len = values[0].u32;
    values[0].u64 = instance->next;
    instance->next += (u32)round_up(len, 16);
}

/* ---- what is measured ---- */

static u64 next_random(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill(const struct typed_type *element, u8 *out)
{
    u64 seed = 88172645463325252u;
    for (u32 i = 0; i < COUNT; i++, out += element->size) {
        u64 bits = next_random(&seed);
        f64 wide = (f64)(bits >> 11) / 9007199254740992.0;
        f32 single = (f32)(bits >> 40) / 16777216.0f;
        i32 whole = (i32)(bits % 2000001) - 1000000;
        if (element->kind == TYPED_F64)
            memcpy(out, &wide, sizeof wide);
        else if (element->kind == TYPED_F32)
            memcpy(out, &single, sizeof single);
        else
            memcpy(out, element->size == 1 ? (void *)&bits : (void *)&whole, element->size);
    }
}

struct bench {
    struct rt_instance instance;
    struct rt_export exported;
    struct typed_type list;
    struct typed_field param;
    struct typed_func func;
    struct buf raw, json, out;
};

static void prepare(struct bench *b, enum typed_kind kind)
{
    const struct typed_type *element = typed_type_simple(kind);
    *b = (struct bench){.exported = {.name = {"echo", 4}, .index = 1},
                        .list = {.kind = TYPED_LIST},
                        .param = {.name = {"a", 1}, .type = &b->list}};
    b->instance.memory = check_alloc(MEMORY_BYTES);
    typed_list_lay_out(&b->list, element);
    b->func = (struct typed_func){.exported = &b->exported,
                                  .params = {.kind = TYPED_RECORD},
                                  .result = &b->list,
                                  .returns = TYPED_RETURN_HIDDEN,
                                  .needs_driver = true};
    typed_record_lay_out(&b->func.params, &b->param, 1);
    buf_init(&b->raw, 64 * MIB);
    buf_init(&b->json, 64 * MIB);
    buf_init(&b->out, 64 * MIB);
    fill(element, buf_reserve(&b->raw, (size_t)COUNT * element->size));
    buf_commit(&b->raw, (size_t)COUNT * element->size);
}

/* One call; MB/s of the body and of the answer. */
static void call(struct bench *b, bool is_raw, bool wants_raw, f64 *in_rate, f64 *out_rate)
{
    const struct buf *body = is_raw ? &b->raw : &b->json;
    struct typed_call call = {.func = &b->func,
                              .body = body->bytes,
                              .body_len = body->len,
                              .is_raw = is_raw,
                              .wants_raw = wants_raw,
                              .out = &b->out};
    buf_clear(&b->out);
    b->instance.next = FIRST_ADDR;
    u64 start_ns = clock_thread_cpu_ns();
    typed_call_run(&b->instance, &call);
    u64 end_ns = clock_thread_cpu_ns();
    CHECK(call.err.code == ERR_NONE);
    f64 in = (f64)body->len * 1e3 / (f64)(b->instance.read_ns - start_ns);
    f64 out = (f64)b->out.len * 1e3 / (f64)(end_ns - b->instance.read_ns);
    *in_rate = in > *in_rate ? in : *in_rate;
    *out_rate = out > *out_rate ? out : *out_rate;
}

static void measure(enum typed_kind kind, u32 rounds)
{
    struct bench b;
    f64 in = 0, out = 0, raw_in = 0, raw_out = 0;
    prepare(&b, kind);
    call(&b, true, false, &in, &out);
    buf_add_byte(&b.json, '[');
    buf_add(&b.json, b.out.bytes, b.out.len);
    buf_add_byte(&b.json, ']');
    in = out = 0;
    for (u32 i = 0; i < rounds; i++) {
        call(&b, false, false, &in, &out);
        call(&b, true, true, &raw_in, &raw_out);
    }
    printf("%s %.1f %.0f %.0f %.0f %.0f\n", typed_kind_text(b.list.element),
           (f64)b.json.len / COUNT, in, out, raw_in, raw_out);
    buf_fini(&b.raw);
    buf_fini(&b.json);
    buf_fini(&b.out);
    free(b.instance.memory);
}

int main(int argc, char **argv)
{
    u32 rounds = argc > 1 ? (u32)atoi(argv[1]) : 10;
    static const enum typed_kind kinds[] = {TYPED_F64, TYPED_F32, TYPED_S32, TYPED_U8};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        measure(kinds[i], rounds);
    return 0;
}
