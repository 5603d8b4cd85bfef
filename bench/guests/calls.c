/* calls.c -- calls one host function over and over. */
__attribute__((import_module("env"), import_name("next"))) unsigned next(unsigned a, unsigned b);

__attribute__((export_name("calls"))) unsigned calls(unsigned count, unsigned b)
{
    for (unsigned i = 0; i < count; i++)
        b = next(1, b);
    return b;
}
