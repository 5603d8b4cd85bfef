/* nap.c -- a call that waits, for bench/waiting.py. */
#define EXPORT(name)  __attribute__((export_name(#name)))
#define IMPORT(field) __attribute__((import_module("env"), import_name(#field)))

IMPORT(emscripten_sleep) void emscripten_sleep(unsigned milliseconds);

static volatile int calls;

EXPORT(nap) void nap(unsigned milliseconds)
{
    calls++;
    emscripten_sleep(milliseconds);
}

EXPORT(answer) int answer(void)
{
    return 42;
}
