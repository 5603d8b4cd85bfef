#include "base/check.h"
#include "config/internal.h"
#include <stdio.h>
#include <string.h>

struct unit {
    enum config_shape shape; /* the smallest one that has it: KIB stands for MIB too */
    const char *text;
    u64 scale; /* milliseconds or KiB */
};

/* The largest comes first. */
static const struct unit units[] = {
    {CONFIG_MS, "h", 3600000}, {CONFIG_MS, "min", 60000},    {CONFIG_MS, "s", 1000},
    {CONFIG_MS, "ms", 1},      {CONFIG_KIB, "GiB", 1 << 20}, {CONFIG_KIB, "MiB", 1 << 10},
    {CONFIG_KIB, "KiB", 1},
};

static bool is_of(const struct unit *unit, enum config_shape shape)
{
    return unit->shape == (shape == CONFIG_MIB ? CONFIG_KIB : shape);
}

/* Units of `units` in one of the shape's own. */
static u64 own_scale(enum config_shape shape)
{
    return shape == CONFIG_MIB ? 1 << 10 : 1;
}

bool config_value_read(const char *text, enum config_shape shape, u64 *out)
{
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + strspn(text + digits, " ");
    u64 number = 0;
    if (digits == 0 || digits > 12)
        return false;
    for (size_t i = 0; i < digits; i++)
        number = 10 * number + (u64)(text[i] - '0');
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!is_of(&units[i], shape) || strcmp(units[i].text, unit) != 0)
            continue;
        u64 value = number * units[i].scale; /* below 10^12 * 2^22 */
        *out = value / own_scale(shape);
        return value % own_scale(shape) == 0;
    }
    return false;
}

void config_value_write(u64 value, enum config_shape shape, char *out, size_t len)
{
    if (shape == CONFIG_COUNT) {
        snprintf(out, len, "%llu", (unsigned long long)value);
        return;
    }
    u64 small = value * own_scale(shape);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!is_of(&units[i], shape) || small % units[i].scale != 0)
            continue;
        snprintf(out, len, "\"%llu %s\"", (unsigned long long)(small / units[i].scale),
                 units[i].text);
        return;
    }
    UNREACHABLE();
}

void config_units_write(enum config_shape shape, char *out, size_t len)
{
    size_t used = 0;
    for (size_t i = COUNT_OF(units); i-- > 0 && used < len;) {
        if (!is_of(&units[i], shape) || units[i].scale < own_scale(shape))
            continue;
        bool is_last = i == 0 || !is_of(&units[i - 1], shape);
        used += (size_t)snprintf(out + used, len - used, "%s%s",
                                 used == 0 ? ""
                                 : is_last ? " or "
                                           : ", ",
                                 units[i].text);
    }
}
