/* compiler/dump.c -- `weirc dump`: every stage of a compile as text on standard output. */
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (4 * GIB)

/* What to print: either by a printer of the module, or a stage of code generation. */
struct dump_kind {
    const char *option;
    void (*print)(const struct wasm_module *m, struct buf *out);
    bool needs_valid;
    enum cg_stage stage;
    enum cg_opt opt;
};
static const struct dump_kind kinds[] = {
    {"--sections", wasm_print_sections, false, 0, 0},
    {"--types", wasm_print_types, false, 0, 0},
    {"--code", wasm_print_code, true, 0, 0},
    {"--ir", NULL, true, CG_STAGE_IR, CG_OPT_BEST},
    {"--ir=quick", NULL, true, CG_STAGE_OPTIMIZED, CG_OPT_QUICK},
    {"--ir=best", NULL, true, CG_STAGE_OPTIMIZED, CG_OPT_BEST},
    {"--asm", NULL, true, CG_STAGE_ASM, CG_OPT_BEST},
    {"--asm=quick", NULL, true, CG_STAGE_ASM, CG_OPT_QUICK},
    {"--asm=best", NULL, true, CG_STAGE_ASM, CG_OPT_BEST},
};

struct dump_options {
    const struct dump_kind *kind;
    const char *cpu, *path;
    bool strict_traps;
};

static const struct dump_kind *find_kind(const char *option)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].option, option) == 0)
            return &kinds[i];
    return NULL;
}

static bool parse_options(int argc, char **argv, struct dump_options *out, struct err *err)
{
    *out = (struct dump_options){0};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc)
            out->cpu = argv[++i];
        else if (strcmp(argv[i], "--strict-traps") == 0)
            out->strict_traps = true;
        else if (find_kind(argv[i]) != NULL)
            out->kind = find_kind(argv[i]);
        else if (argv[i][0] != '-' && out->path == NULL)
            out->path = argv[i];
        else
            return err_set(err, ERR_USAGE, ERR_NO_AT, "unknown argument %s", argv[i]);
    }
    if (out->kind == NULL || out->path == NULL)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "usage: weirc dump --sections|--types|--code|--ir[=quick|best]|"
                       "--asm[=quick|best] [--cpu NAME] [--strict-traps] FILE");
    return true;
}

static bool dump_code(const struct dump_options *options, const struct wasm_module *wasm,
                      struct buf *out, struct err *err)
{
    struct cg *cg;
    if (!cg_create(&cg, options->cpu, err))
        return false;
    struct cg_options how = {.opt = options->kind->opt, .strict_traps = options->strict_traps};
    bool ok = cg_dump(cg, wasm, how, options->kind->stage, out, err);
    cg_destroy(&cg);
    return ok;
}

static bool dump(const struct dump_options *options, struct buf *out, struct err *err)
{
    int fd = open(options->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_sys(err, "cannot open it");
    struct compiler_module module;
    bool ok = compiler_module_init(&module, fd, options->kind->needs_valid, err);
    if (ok && options->kind->print != NULL)
        options->kind->print(module.wasm, out);
    else if (ok)
        ok = dump_code(options, module.wasm, out, err);
    compiler_module_fini(&module);
    fd_close(&fd);
    if (ok && !buf_ok(out))
        ok = err_set(err, ERR_LIMIT, ERR_NO_AT, "the text is too long");
    if (ok && !fd_write_all(STDOUT_FILENO, out->bytes, out->len))
        ok = err_sys(err, "cannot write");
    return ok;
}

static void complain(const struct err *err, const char *path)
{
    fprintf(stderr, "weirc: ");
    if (path != NULL)
        fprintf(stderr, "%s: ", path);
    fprintf(stderr, "%s", err->text);
    if (err->at != ERR_NO_AT)
        fprintf(stderr, " (at offset 0x%" PRIx64 ")", err->at);
    fprintf(stderr, "\n");
}

int compiler_dump(int argc, char **argv)
{
    struct dump_options options;
    struct err err = {0};
    struct buf out;
    buf_init(&out, TEXT_MAX);
    bool ok = parse_options(argc, argv, &options, &err) && dump(&options, &out, &err);
    buf_fini(&out);
    if (!ok)
        complain(&err, err.code == ERR_USAGE ? NULL : options.path);
    return err_code_exit(err.code);
}
