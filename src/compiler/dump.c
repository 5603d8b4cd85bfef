/*
 * compiler/dump.c -- every stage of a compile, printable. The prints are the golden tests.
 */
#include "base/file.h"
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DUMP_BYTES_MAX ((size_t)2 << 30)
#define ARENA_BYTES    ((size_t)4 << 30)

struct dump {
    const char *stage, *cpu, *path;
};

typedef bool stage_fn(const struct dump *dump, const struct wasm_module *m, struct buf *out,
                      struct err *err);

static bool print_plain(const struct dump *dump, const struct wasm_module *m, struct buf *out,
                        struct err *err)
{
    (void)err;
    if (strcmp(dump->stage, "--sections") == 0)
        wasm_print_sections(m, out);
    else if (strcmp(dump->stage, "--types") == 0)
        wasm_print_types(m, out);
    else
        wasm_print_code(m, out);
    return true;
}

static bool print_generated(const struct dump *dump, const struct wasm_module *m, struct buf *out,
                            struct err *err)
{
    struct cg *cg = NULL;
    enum cg_stage stage = strcmp(dump->stage, "--ir") == 0        ? CG_STAGE_IR
                          : strcmp(dump->stage, "--ir=best") == 0 ? CG_STAGE_OPTIMIZED
                                                                  : CG_STAGE_ASM;
    const struct cg_options options = {.opt = CG_OPT_BEST};
    bool ok = cg_create(&cg, dump->cpu, err) && cg_dump(cg, m, options, stage, out, err);
    cg_destroy(&cg);
    return ok;
}

static const struct {
    const char *stage;
    stage_fn *print;
    bool needs_valid;
} stages[] = {
    {"--sections", print_plain, false},   {"--types", print_plain, false},
    {"--code", print_plain, true},        {"--ir", print_generated, true},
    {"--ir=best", print_generated, true}, {"--asm", print_generated, true},
};

static bool parse(int argc, char **argv, struct dump *dump, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc)
            dump->cpu = argv[++i];
        else if (strncmp(argv[i], "--", 2) == 0 && dump->stage == NULL)
            dump->stage = argv[i];
        else if (dump->path == NULL)
            dump->path = argv[i];
        else
            return err_set(err, ERR_USAGE, ERR_NO_AT, "surplus argument %s", argv[i]);
    }
    if (dump->stage == NULL || dump->path == NULL)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "usage: weirc dump --sections|--types|--code|--ir|--ir=best|--asm FILE");
    return true;
}

static bool print_stage(const struct dump *dump, const struct file_view *file, struct arena *arena,
                        struct buf *out, struct err *err)
{
    struct wasm_module *m;
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        if (strcmp(stages[i].stage, dump->stage) != 0)
            continue;
        return wasm_module_decode(file->bytes, file->len, arena, &m, err) &&
               (!stages[i].needs_valid || wasm_module_validate(m, arena, err)) &&
               stages[i].print(dump, m, out, err);
    }
    return err_set(err, ERR_USAGE, ERR_NO_AT, "there is no stage %s", dump->stage);
}

static int fail(const struct dump *dump, const struct err *err)
{
    fprintf(stderr, "weirc: %s%s%s", dump->path == NULL ? "" : dump->path,
            dump->path == NULL ? "" : ": ", err->text);
    if (err->at != ERR_NO_AT)
        fprintf(stderr, " (at offset 0x%" PRIx64 ")", err->at);
    fputc('\n', stderr);
    return err_code_exit(err->code);
}

int compiler_dump(int argc, char **argv)
{
    struct dump dump = {0};
    struct file_view file = {0};
    struct arena arena;
    struct buf out;
    struct err err = {0};
    if (!parse(argc, argv, &dump, &err))
        return fail(&(struct dump){0}, &err);
    arena_init(&arena, ARENA_BYTES);
    buf_init(&out, DUMP_BYTES_MAX);
    bool ok = file_map(dump.path, WASM_MAX_MODULE_BYTES, "module", &file, &err) &&
              print_stage(&dump, &file, &arena, &out, &err);
    if (ok && !buf_ok(&out))
        ok = err_set(&err, ERR_LIMIT, ERR_NO_AT, "the dump has more than 2 GiB");
    if (ok && !fd_write_all(STDOUT_FILENO, out.bytes, out.len))
        ok = err_sys(&err, "cannot write the dump");
    buf_fini(&out);
    arena_fini(&arena);
    file_unmap(&file);
    return ok ? 0 : fail(&dump, &err);
}
