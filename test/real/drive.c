/*
 * test/real/drive.c -- drives the exports of a module by hand, for modules that need no imports:
 *
 *     weir-drive [quick|best] FILE.wasm < SCRIPT
 *
 * A line of the script is `call NAME ARGUMENT...` (numbers; $ is the latest result, a name a result
 * kept by `let`), `let NAME` (keeps the latest result), `write ADDRESS FILE` (a file's bytes into
 * memory) or `read ADDRESS LENGTH` (prints memory). It ends with status 1 at the first line that
 * fails, saying why on standard error.
 */
#include "base/check.h"
#include "base/file.h"
#include "test/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_CPU_NS ((u64)60000000000)
#define NAMES_MAX   32
#define WORDS_MAX   16

struct drive {
    struct harness harness;
    struct rt_module *module;
    struct rt_instance *instance;
    u64 latest;
    struct {
        char name[32];
        u64 value;
    } names[NAMES_MAX];
    u32 name_count;
};

static u64 number(const struct drive *d, const char *word)
{
    if (strcmp(word, "$") == 0)
        return d->latest;
    for (u32 i = 0; i < d->name_count; i++)
        if (strcmp(d->names[i].name, word) == 0)
            return d->names[i].value;
    return strtoull(word, NULL, 0);
}

static bool call(struct drive *d, char **words, u32 count, struct err *err)
{
    const struct rt_export *export = rt_module_export_find(d->module, words[1], strlen(words[1]));
    if (export == NULL || export->kind != RT_EXTERN_FUNC ||
        export->type->param_count != count - 2 || export->type->result_count > 1)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "no function %s of %u parameters", words[1],
                       count - 2);
    union abi_value args[WORDS_MAX] = {0};
    for (u32 i = 2; i < count; i++)
        args[i - 2].u64 = number(d, words[i]);
    struct harness_result *result = check_alloc(sizeof *result);
    bool ok = harness_call(&d->harness, d->instance, export->index, export->type->result_count,
                           args, CALL_CPU_NS, result, err);
    if (ok && result->is_trap)
        ok = err_set(err, ERR_TRAP, ERR_NO_AT, "%s: %s", words[1], result->message);
    if (ok && result->count == 1)
        d->latest =
            export->type->results[0] == RT_I32 ? result->values[0].u32 : result->values[0].u64;
    free(result);
    return ok;
}

static bool let(struct drive *d, const char *name)
{
    CHECK(d->name_count < NAMES_MAX);
    snprintf(d->names[d->name_count].name, sizeof d->names[0].name, "%s", name);
    d->names[d->name_count++].value = d->latest;
    return true;
}

static bool write_file(struct drive *d, u64 address, const char *path, struct err *err)
{
    struct file_view view;
    if (!file_map(path, GIB, "file", &view, err))
        return false;
    u8 *target = rt_memory_view(d->instance, address, view.len);
    if (target != NULL && view.len > 0)
        memcpy(target, view.bytes, view.len);
    file_unmap(&view);
    return target != NULL || err_set(err, ERR_ARGUMENT, ERR_NO_AT, "write: outside of memory");
}

static bool read_memory(struct drive *d, u64 address, u64 len, struct err *err)
{
    const u8 *source = rt_memory_view(d->instance, address, len);
    if (source == NULL)
        return err_set(err, ERR_ARGUMENT, ERR_NO_AT, "read: outside of memory");
    fwrite(source, 1, len, stdout);
    return true;
}

static bool execute(struct drive *d, char *line, struct err *err)
{
    char *words[WORDS_MAX], *rest = line;
    u32 count = 0;
    for (char *word; count < WORDS_MAX && (word = strsep(&rest, " \n")) != NULL;)
        if (*word != 0)
            words[count++] = word;
    if (count == 0)
        return true;
    if (strcmp(words[0], "call") == 0 && count >= 2)
        return call(d, words, count, err);
    if (strcmp(words[0], "let") == 0 && count == 2)
        return let(d, words[1]);
    if (strcmp(words[0], "write") == 0 && count == 3)
        return write_file(d, number(d, words[1]), words[2], err);
    if (strcmp(words[0], "read") == 0 && count == 3)
        return read_memory(d, number(d, words[1]), number(d, words[2]), err);
    return err_set(err, ERR_USAGE, ERR_NO_AT, "unknown line: %s", words[0]);
}

int main(int argc, char **argv)
{
    struct drive d = {0};
    struct err err = {0};
    char line[4096];
    if (argc != 3) {
        fprintf(stderr, "usage: weir-drive quick|best FILE.wasm < SCRIPT\n");
        return 2;
    }
    const struct proc_compile_options options = {
        .tier = strcmp(argv[1], "best") == 0 ? PROC_TIER_BEST : PROC_TIER_QUICK};
    bool ok = harness_open(&d.harness, getenv("WEIR_CACHE"), NULL, NULL, &err) &&
              harness_load(&d.harness, argv[2], &options, &d.module, &err) &&
              rt_instance_create(&d.instance, d.module, NULL, 0, &err);
    while (ok && fgets(line, sizeof line, stdin) != NULL)
        ok = execute(&d, line, &err);
    if (!ok)
        fprintf(stderr, "weir-drive: %s\n", err.text);
    rt_instance_destroy(&d.instance);
    rt_module_release(&d.module);
    harness_close(&d.harness);
    return ok ? 0 : 1;
}
