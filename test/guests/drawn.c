/* Its constructors draw a secret: it had better not be the same for all requests. */
#define EXPORT(name) __attribute__((export_name(#name)))
#define WASI(name)   __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

WASI(random_get) int random_get(void *bytes, unsigned len);

static long long drawn;

EXPORT(_initialize) void initialise(void)
{
    random_get(&drawn, sizeof drawn);
}

EXPORT(secret) long long secret(void)
{
    return drawn & ((1ll << 53) - 1);
}
