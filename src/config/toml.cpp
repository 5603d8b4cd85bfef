/* config/toml.cpp -- toml++ behind config/toml.h: its tree copied into the arena. */
#define TOML_EXCEPTIONS        0
#define TOML_ENABLE_FORMATTERS 0
#include <algorithm>
#include <cstring>
#include <string_view>
#include <toml++/toml.h>

extern "C" {
#include "config/toml.h"
}

namespace
{

struct copier {
    const char *file;
    struct arena *arena;
    struct err *err;
};

bool fail_at(const copier &to, const toml::source_position &at, const char *text)
{
    return err_set(to.err, ERR_USAGE, ERR_NO_AT, "%s:%u:%u: %s", to.file, at.line, at.column, text);
}

bool copy_value(const copier &to, const toml::node &from, struct toml_value *out);

bool copy_text(const copier &to, std::string_view text, const toml::source_position &at,
               const char **out)
{
    if (text.find('\0') != std::string_view::npos)
        return fail_at(to, at, "a text must not contain the character U+0000");
    *out = arena_text(to.arena, text.data(), text.size());
    return true;
}

bool copy_table(const copier &to, const toml::table &from, struct toml_value *out)
{
    out->count = 0;
    out->entries = arena_array(to.arena, struct toml_entry, from.size() + 1);
    if (out->entries == nullptr)
        return err_set(to.err, ERR_LIMIT, ERR_NO_AT, "%s: too many keys", to.file);
    for (const auto &[key, value] : from) {
        struct toml_entry *entry = &out->entries[out->count++];
        const toml::source_position &at = key.source().begin;
        entry->line = at.line;
        entry->column = at.column;
        if (!copy_text(to, key.str(), at, &entry->key) || !copy_value(to, value, &entry->value))
            return false;
    }
    std::sort(out->entries, out->entries + out->count,
              [](const struct toml_entry &a, const struct toml_entry &b) {
                  return a.line != b.line ? a.line < b.line : a.column < b.column;
              });
    return true;
}

bool copy_array(const copier &to, const toml::array &from, struct toml_value *out)
{
    out->count = 0;
    out->items = arena_array(to.arena, struct toml_value, from.size() + 1);
    if (out->items == nullptr)
        return err_set(to.err, ERR_LIMIT, ERR_NO_AT, "%s: too many values", to.file);
    for (const toml::node &item : from)
        if (!copy_value(to, item, &out->items[out->count++]))
            return false;
    return true;
}

bool copy_value(const copier &to, const toml::node &from, struct toml_value *out)
{
    const toml::source_position &at = from.source().begin;
    out->line = at.line;
    out->column = at.column;
    switch (from.type()) {
    case toml::node_type::table:
        out->kind = TOML_TABLE;
        return copy_table(to, *from.as_table(), out);
    case toml::node_type::array:
        out->kind = TOML_ARRAY;
        return copy_array(to, *from.as_array(), out);
    case toml::node_type::string:
        out->kind = TOML_TEXT;
        return copy_text(to, from.as_string()->get(), at, &out->text);
    case toml::node_type::integer:
        out->kind = TOML_INTEGER;
        out->integer = from.as_integer()->get();
        return true;
    case toml::node_type::boolean:
        out->kind = TOML_BOOLEAN;
        out->integer = from.as_boolean()->get();
        return true;
    case toml::node_type::floating_point: out->kind = TOML_FLOAT; return true;
    default: out->kind = TOML_TIME; return true;
    }
}

} // namespace

extern "C" bool toml_parse(const char *text, size_t len, const char *file, struct arena *arena,
                           struct toml_value *out, struct err *err)
{
    const copier to = {file, arena, err};
    toml::parse_result result = toml::parse(std::string_view(text, len));
    if (!result)
        return fail_at(to, result.error().source().begin,
                       std::string(result.error().description()).c_str());
    *out = toml_value{};
    return copy_value(to, result.table(), out);
}
