/*
 * cli/inspect.c -- `weir inspect`: what a module is and what would be served of it.
 */
#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/internal.h"
#include "server/describe.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODULE_BYTES_MAX ((u64)256 << 20)
#define OUTPUT_BYTES     (64 * MIB)
#define NS_PER_MS        1000000

/* Everything that is said of a module. */
struct facts {
    const char *path;
    enum cli_kind kind;
    char digest[DIGEST_HEX], code_key[DIGEST_HEX];
    u64 file_bytes, code_file_bytes, module_file_bytes;
    const char *tier;
    bool is_strict;
    struct rt_module_info module;
    struct server_offers offers;
    const char *signature_file; /* NULL: there is none */
    struct rt_module *imports_of;
    u32 missing; /* imports that nothing offers */
    struct server_initialisation initialised;
    struct err fails;                   /* its initialisation: why */
    const struct config_limits *limits; /* of a call */
};

static u64 file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (u64)st.st_size : 0;
}

static bool read_digest(struct facts *facts, struct err *err)
{
    struct file_view file;
    struct digest_state state;
    struct digest digest;
    if (!file_map(facts->path, MODULE_BYTES_MAX, "module", &file, err))
        return false;
    digest_init(&state, NULL);
    digest_add(&state, file.bytes, file.len);
    digest_end(&state, &digest);
    digest_hex(&digest, facts->digest);
    facts->file_bytes = file.len;
    file_unmap(&file);
    return true;
}

static bool is_offered(struct rt_module *module, u32 index)
{
    struct err why = {0};
    return rt_module_check_import(module, index, &why);
}

static bool gather(struct facts *facts, struct cli_look *look, const char *path, struct err *err)
{
    *facts = (struct facts){
        .path = path,
        .kind = cli_look_kind(look),
        .code_file_bytes = file_size(look->artifact.code_path),
        .module_file_bytes = file_size(look->artifact.module_path),
        .tier = look->options->compile.tier == PROC_TIER_QUICK ? "quick" : "best",
        .imports_of = look->module,
        .limits = &look->options->limits,
    };
    rt_module_describe(look->module, &facts->module);
    facts->is_strict = look->options->compile.strict_traps || facts->module.imports_memory;
    digest_hex(&facts->module.code_key, facts->code_key);
    for (u32 i = 0; i < rt_module_import_count(look->module); i++)
        facts->missing += !is_offered(look->module, i);
    if (facts->missing == 0 && !cli_look_initialise(look, &facts->initialised, &facts->fails))
        CHECK(facts->fails.code != ERR_NONE);
    if (look->signature.text.bytes != NULL)
        facts->signature_file = look->signature.file;
    return server_describe(look->module, look->signature.text, look->signature.file, &look->arena,
                           &facts->offers, err) &&
           read_digest(facts, err);
}

/* ---- for people ---- */

/* A text of the module, made plain. */
static void add_plain(struct buf *out, struct rt_text text)
{
    size_t from = out->len;
    buf_add(out, text.bytes, text.len);
    if (buf_ok(out))
        text_make_plain(out->bytes + from, out->len - from);
}

static void add_memory(const struct facts *f, struct buf *out)
{
    const struct rt_module_info *m = &f->module;
    u64 limit_pages = f->limits->memory_bytes / ABI_PAGE_BYTES;
    if (m->memory_count == 0) {
        buf_add_text(out, "memory      none\n");
        return;
    }
    buf_add_format(out, "memory      %" PRIu64 " page%s of 64 KiB%s, at most %" PRIu64 "%s",
                   m->memory_min, m->memory_min == 1 ? "" : "s",
                   m->imports_memory ? ", imported" : "", min_u64(m->memory_max, limit_pages),
                   m->memory_max > limit_pages ? " (--memory-mib)" : "");
    if (m->memory_count > 1)
        buf_add_format(out, "; %u memories", m->memory_count);
    buf_add_format(out, "; image of %" PRIu64 " bytes\n", m->image_bytes);
}

static void add_table(const struct facts *f, struct buf *out)
{
    const struct rt_module_info *m = &f->module;
    if (m->table_count == 0) {
        buf_add_text(out, "table       none\n");
        return;
    }
    buf_add_format(out, "table       %" PRIu64 " element%s", m->table_min,
                   m->table_min == 1 ? "" : "s");
    if (m->table_max != UINT64_MAX)
        buf_add_format(out, ", at most %" PRIu64, m->table_max);
    if (m->table_count > 1)
        buf_add_format(out, "; %u tables", m->table_count);
    buf_add_byte(out, '\n');
}

static void add_import(struct rt_module *module, u32 index, struct buf *out)
{
    struct rt_import_info import;
    rt_module_import_describe(module, index, &import);
    buf_add_text(out, "  ");
    add_plain(out, import.module);
    buf_add_byte(out, '.');
    add_plain(out, import.field);
    buf_add_format(out, " %s   %s", import.type,
                   is_offered(module, index) ? "offered" : "not offered");
    if (import.caller != RT_FUNC_NONE) {
        buf_add_format(out, ", called by func[%u]%s", import.caller,
                       import.caller_name.len > 0 ? " " : "");
        add_plain(out, import.caller_name);
    }
    buf_add_byte(out, '\n');
}

static void add_initialised(const struct facts *f, struct buf *out)
{
    buf_add_text(out, "initialised ");
    if (f->fails.code != ERR_NONE)
        buf_add_format(out, "it cannot be: %s", f->fails.text);
    else if (f->missing > 0)
        buf_add_text(out, "it cannot be: imports are not offered");
    else
        server_initialisation_write(&f->initialised, out);
    buf_add_byte(out, '\n');
}

static void write_text(const struct facts *f, struct buf *out)
{
    u32 import_count = rt_module_import_count(f->imports_of);
    buf_add_format(out, "file        %s, %" PRIu64 " bytes\n", f->path, f->file_bytes);
    text_make_plain(out->bytes, out->len - 1);
    buf_add_format(out, "digest      %s\n", f->digest);
    buf_add_format(out, "kind        %s\n", cli_kind_text(f->kind));
    buf_add_format(out, "functions   %u, globals %u%s\n", f->module.func_count,
                   f->module.global_count, f->module.has_start ? ", a start function" : "");
    add_memory(f, out);
    add_table(f, out);
    add_initialised(f, out);
    buf_add_format(out,
                   "limits      %" PRIu64 " ms of processor time a call, %" PRIu64 " ms in all\n",
                   f->limits->cpu_ns / NS_PER_MS, f->limits->wall_ns / NS_PER_MS);
    buf_add_format(out, "code        %s%s, %" PRIu64 " bytes of machine code\n", f->tier,
                   f->is_strict ? ", strict traps" : "", f->module.text_bytes);
    buf_add_format(out, "code key    %s\n", f->code_key);
    buf_add_format(out, "compiled    %" PRIu64 " bytes code file, %" PRIu64 " bytes module file\n",
                   f->code_file_bytes, f->module_file_bytes);
    buf_add_format(out, "imports     %u", import_count);
    if (f->missing > 0)
        buf_add_format(out, ", %u not offered: it cannot be served", f->missing);
    buf_add_byte(out, '\n');
    for (u32 i = 0; i < import_count; i++)
        add_import(f->imports_of, i, out);
    if (f->signature_file != NULL)
        buf_add_format(out, "signatures  %s\n", f->signature_file);
    if (f->offers.is_program)
        buf_add_text(out, "endpoints   every path: the program runs once for a request\n");
    else
        buf_add_format(out, "endpoints   %u\n", f->offers.count);
    for (u32 i = 0; i < f->offers.count; i++)
        buf_add_format(out, "  POST %s   %s\n", f->offers.items[i].path,
                       f->offers.items[i].signature);
}

/* ---- for programs ---- */

static void add_string(struct buf *out, const char *start, const char *text)
{
    buf_add_text(out, start);
    buf_add_json_string(out, text, strlen(text));
}

/* null: there is no such limit. */
static void add_limit(struct buf *out, const char *start, u64 value)
{
    buf_add_text(out, start);
    if (value == UINT64_MAX)
        buf_add_text(out, "null");
    else
        buf_add_u64(out, value);
}

static void add_json_import(struct rt_module *module, u32 index, struct buf *out)
{
    static const char *const kinds[] = {"function", "table", "memory", "global"};
    struct rt_import_info import;
    rt_module_import_describe(module, index, &import);
    buf_add_text(out, index == 0 ? "{\"module\":" : ",{\"module\":");
    buf_add_json_string(out, import.module.bytes, import.module.len);
    buf_add_text(out, ",\"name\":");
    buf_add_json_string(out, import.field.bytes, import.field.len);
    add_string(out, ",\"kind\":", kinds[import.kind]);
    add_string(out, ",\"type\":", import.type);
    buf_add_text(out, is_offered(module, index) ? ",\"offered\":true" : ",\"offered\":false");
    if (import.caller != RT_FUNC_NONE) {
        buf_add_format(out, ",\"caller\":{\"index\":%u,\"name\":", import.caller);
        buf_add_json_string(out, import.caller_name.bytes, import.caller_name.len);
        buf_add_byte(out, '}');
    }
    buf_add_byte(out, '}');
}

static void add_json_initialised(const struct facts *f, struct buf *out)
{
    static const char *const whens[] = {[SERVER_INITIALISED_NEVER] = "never",
                                        [SERVER_INITIALISED_ONCE] = "start",
                                        [SERVER_INITIALISED_REQUEST] = "request"};
    bool fails = f->fails.code != ERR_NONE || f->missing > 0;
    add_string(out, ",\"initialised\":{\"when\":", fails ? "fails" : whens[f->initialised.when]);
    if (f->fails.code != ERR_NONE)
        add_string(out, ",\"reason\":", f->fails.text);
    else if (f->initialised.reason[0] != 0)
        add_string(out, ",\"reason\":", f->initialised.reason);
    if (!fails && f->initialised.when == SERVER_INITIALISED_ONCE)
        buf_add_format(out, ",\"snapshot_bytes\":%" PRIu64, f->initialised.bytes);
    buf_add_byte(out, '}');
}

static void write_json(const struct facts *f, struct buf *out)
{
    const struct rt_module_info *m = &f->module;
    add_string(out, "{\"file\":", f->path);
    buf_add_format(out, ",\"bytes\":%" PRIu64 ",\"digest\":\"%s\"", f->file_bytes, f->digest);
    add_string(out, ",\"kind\":", cli_kind_text(f->kind));
    buf_add_format(out, ",\"functions\":%u,\"globals\":%u,\"has_start\":%s", m->func_count,
                   m->global_count, m->has_start ? "true" : "false");
    buf_add_format(out, ",\"memories\":%u", m->memory_count);
    if (m->memory_count > 0) {
        buf_add_format(out, ",\"memory\":{\"min_pages\":%" PRIu64, m->memory_min);
        add_limit(out, ",\"max_pages\":", m->memory_max);
        buf_add_format(out, ",\"limit_bytes\":%" PRIu64 ",\"image_bytes\":%" PRIu64 "}",
                       f->limits->memory_bytes, m->image_bytes);
    }
    buf_add_format(out, ",\"tables\":%u", m->table_count);
    if (m->table_count > 0) {
        buf_add_format(out, ",\"table\":{\"min\":%" PRIu64, m->table_min);
        add_limit(out, ",\"max\":", m->table_max);
        buf_add_byte(out, '}');
    }
    add_json_initialised(f, out);
    buf_add_format(out, ",\"limits\":{\"cpu_ms\":%" PRIu64 ",\"wall_ms\":%" PRIu64 "}",
                   f->limits->cpu_ns / NS_PER_MS, f->limits->wall_ns / NS_PER_MS);
    buf_add_format(out,
                   ",\"tier\":\"%s\",\"strict_traps\":%s,\"code_key\":\"%s\""
                   ",\"machine_code_bytes\":%" PRIu64 ",\"code_file_bytes\":%" PRIu64
                   ",\"module_file_bytes\":%" PRIu64 ",\"imports\":[",
                   f->tier, f->is_strict ? "true" : "false", f->code_key, m->text_bytes,
                   f->code_file_bytes, f->module_file_bytes);
    for (u32 i = 0; i < rt_module_import_count(f->imports_of); i++)
        add_json_import(f->imports_of, i, out);
    buf_add_byte(out, ']');
    if (f->signature_file != NULL)
        add_string(out, ",\"signatures\":", f->signature_file);
    buf_add_text(out, f->offers.is_program ? ",\"serves\":\"program\",\"endpoints\":["
                                           : ",\"serves\":\"functions\",\"endpoints\":[");
    for (u32 i = 0; i < f->offers.count; i++) {
        add_string(out, i == 0 ? "{\"path\":" : ",{\"path\":", f->offers.items[i].path);
        add_string(out, ",\"signature\":", f->offers.items[i].signature);
        buf_add_byte(out, '}');
    }
    buf_add_text(out, "]}\n");
}

/* ---- the command ---- */

static int inspect(const struct cli_options *options, const char *path)
{
    struct cli_look look;
    struct facts facts;
    struct err err = {0};
    struct buf out;
    buf_init(&out, OUTPUT_BYTES);
    int status;
    if (cli_look_init(&look, options, path, &err) && gather(&facts, &look, path, &err)) {
        if (options->json)
            write_json(&facts, &out);
        else
            write_text(&facts, &out);
        status = cli_print(&out);
    } else {
        status = cli_fail(&err);
    }
    buf_fini(&out);
    cli_look_fini(&look);
    return status;
}

int cli_inspect(const struct cli_options *options)
{
    struct err err = {0};
    if (options->rest_count != 1) {
        err_set(&err, ERR_USAGE, ERR_NO_AT, "inspect what? give one file: weir inspect FILE.wasm");
        return cli_fail(&err);
    }
    return inspect(options, options->rest[0]);
}
