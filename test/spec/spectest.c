/*
 * test/spec/spectest.c -- runs one script of the specification's suite, converted to JSON, on the
 * real compiler and runtime:
 *   weir-spectest [--strict-traps] [--opt quick|best] [--tick-us N] [--list-skipped] FILE.json
 *
 * One line per failure on standard error, "P passed, F failed, S skipped" as the last line of
 * output, status 1 if anything failed. What needs a proposal this version does not run is skipped;
 * --list-skipped prints a line "LINE: TEXT" for each module that was.
 */
#include "base/check.h"
#include "test/harness.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCES_MAX 4096
#define CALL_CPU_NS   ((u64)60000000000)

/* A module or a definition that the script made. */
struct made {
    struct rt_module *module;     /* NULL: refused */
    struct rt_instance *instance; /* NULL: none, or refused */
    const char *name;             /* "$id" or NULL */
    bool is_definition;
    bool is_skipped; /* it needs more than this version runs */
};

struct runner {
    const char *path;
    char folder[PROC_PATH_MAX];
    bool lists_skipped;
    struct harness harness;
    struct harness_result ended; /* how the latest call did */
    struct proc_compile_options compile;
    struct sched_options sched_options;
    struct made made[INSTANCES_MAX];
    u32 made_count;
    struct rt_provider providers[INSTANCES_MAX];
    u32 provider_count;
    const char *missing[INSTANCES_MAX]; /* registered names of modules that were skipped */
    u32 missing_count;
    struct made *current;
    u32 passed, failed, skipped;
    json_int_t line;
    const char *type;
};

enum outcome { OUTCOME_OK, OUTCOME_TRAP, OUTCOME_ERROR, OUTCOME_SKIP };

struct result {
    enum outcome outcome;
    enum abi_trap trap;
    struct err err;
    union abi_value values[ABI_VALUES_MAX];
    u8 types[ABI_VALUES_MAX];
    u32 count;
};

static void report(struct runner *r, const char *text)
{
    r->failed++;
    fprintf(stderr, "%s:%lld: %s: %s\n", r->path, (long long)r->line, r->type, text);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- modules ---- */

/* Does a link error name a module that was skipped? */
static bool lacks_skipped(const struct runner *r, const struct err *err)
{
    for (u32 i = 0; i < r->missing_count; i++) {
        size_t len = strlen(r->missing[i]);
        if (strncmp(err->text, "import ", 7) == 0 &&
            strncmp(err->text + 7, r->missing[i], len) == 0 && err->text[7 + len] == '.')
            return true;
    }
    return false;
}

/* Why a module could not be made. */
static enum outcome classify(const struct runner *r, struct made *made, const struct err *err)
{
    made->is_skipped =
        err->code == ERR_UNSUPPORTED || (err->code == ERR_LINK && lacks_skipped(r, err));
    if (made->is_skipped)
        return OUTCOME_SKIP;
    return err->code == ERR_TRAP ? OUTCOME_TRAP : OUTCOME_ERROR;
}

static bool load(struct runner *r, const char *file, struct rt_module **out, struct err *err)
{
    char path[2 * PROC_PATH_MAX];
    bool is_whole = file[0] == '/';
    snprintf(path, sizeof path, "%s%s%s", is_whole ? "" : r->folder, is_whole ? "" : "/", file);
    return harness_load(&r->harness, path, &r->compile, out, err);
}

static void call(struct runner *r, struct rt_instance *instance, u32 func,
                 const union abi_value *args, struct result *result)
{
    struct harness_result *ended = &r->ended;
    if (!harness_call(&r->harness, instance, func, result->count, args, CALL_CPU_NS, ended,
                      &result->err)) {
        result->outcome = OUTCOME_ERROR;
    } else if (ended->is_trap) {
        result->outcome = OUTCOME_TRAP;
        result->trap = ended->trap;
        err_set(&result->err, ERR_TRAP, ERR_NO_AT, "%s", ended->message);
    } else {
        result->outcome = OUTCOME_OK;
        memcpy(result->values, ended->values, result->count * sizeof result->values[0]);
    }
}

static struct made *add_made(struct runner *r, const char *name)
{
    CHECK(r->made_count < INSTANCES_MAX);
    struct made *made = &r->made[r->made_count++];
    *made = (struct made){.name = name};
    return made;
}

/* Instantiates; the start function runs now, as scripts expect. */
static enum outcome instantiate(struct runner *r, struct made *made, struct result *result)
{
    if (!rt_instance_create(&made->instance, made->module, r->providers, r->provider_count,
                            &result->err))
        return classify(r, made, &result->err);
    call(r, made->instance, RT_FUNC_NONE, NULL, result);
    return result->outcome;
}

/* Compiles and loads; NULL, with the outcome, if that cannot be. */
static enum outcome define(struct runner *r, const json_t *command, struct made *made,
                           struct result *result)
{
    if (load(r, text_of(command, "filename"), &made->module, &result->err))
        return OUTCOME_OK;
    return classify(r, made, &result->err);
}

static enum outcome make(struct runner *r, const json_t *command, struct result *result)
{
    struct made *made = r->current = add_made(r, text_of(command, "name"));
    enum outcome outcome = define(r, command, made, result);
    return outcome == OUTCOME_OK ? instantiate(r, made, result) : outcome;
}

static enum outcome make_definition(struct runner *r, const json_t *command, struct result *result)
{
    struct made *made = add_made(r, text_of(command, "name"));
    made->is_definition = true;
    return define(r, command, made, result);
}

/* The latest of this name; name NULL: the latest definition, or the current instance. */
static struct made *find(struct runner *r, const char *name, bool is_definition)
{
    if (name == NULL && !is_definition)
        return r->current;
    for (u32 i = r->made_count; i-- > 0;) {
        struct made *made = &r->made[i];
        if (made->is_definition == is_definition &&
            (name == NULL || (made->name != NULL && strcmp(made->name, name) == 0)))
            return made;
    }
    return NULL;
}

static enum outcome make_instance(struct runner *r, const json_t *command, struct result *result)
{
    const struct made *definition = find(r, text_of(command, "module"), true);
    struct made *made = r->current = add_made(r, text_of(command, "instance"));
    if (definition == NULL || definition->module == NULL) {
        made->is_skipped = definition != NULL && definition->is_skipped;
        err_set(&result->err, ERR_NOT_FOUND, ERR_NO_AT, "no such definition");
        return made->is_skipped ? OUTCOME_SKIP : OUTCOME_ERROR;
    }
    made->module = rt_module_retain(definition->module);
    return instantiate(r, made, result);
}

/* ---- values ---- */

static u8 type_of(const char *name)
{
    static const u8 types[] = {RT_I32, RT_I64, RT_F32, RT_F64, RT_FUNCREF, RT_EXTERNREF};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcmp(rt_valtype_text(types[i]), name) == 0)
            return types[i];
    return 0;
}

static bool is_ref(u8 type)
{
    return type == RT_FUNCREF || type == RT_EXTERNREF;
}

/* Host reference n; 0 is null. */
static u64 ref_of(const char *text)
{
    return strcmp(text, "null") == 0 ? 0 : strtoull(text, NULL, 10) + 1;
}

static bool read_args(const json_t *list, union abi_value *out)
{
    size_t i;
    json_t *arg;
    json_array_foreach(list, i, arg)
    {
        u8 type = type_of(text_of(arg, "type"));
        const char *text = text_of(arg, "value");
        if (type == 0 || text == NULL || (type == RT_FUNCREF && strcmp(text, "null") != 0))
            return false;
        out[i].u64 = is_ref(type) ? ref_of(text) : strtoull(text, NULL, 10);
    }
    return true;
}

/* No value: any reference of that type but null. */
static bool ref_matches(const json_t *want, u8 type, u64 got)
{
    const char *text = text_of(want, "value"), *name = text_of(want, "type");
    if (strcmp(name, "refnull") == 0)
        return got == 0;
    return type_of(name) == type && (text == NULL ? got != 0 : got == ref_of(text));
}

static bool value_matches(const json_t *want, u8 type, union abi_value got)
{
    if (is_ref(type))
        return ref_matches(want, type, got.ref);
    const char *text = text_of(want, "value");
    u64 bits = type == RT_I32 || type == RT_F32 ? got.u32 : got.u64;
    if (text == NULL || type_of(text_of(want, "type")) != type)
        return false;
    u64 exponent = type == RT_F32 ? 0x7f800000u : 0x7ff0000000000000u;
    u64 quiet = type == RT_F32 ? 0x400000u : 0x8000000000000u;
    u64 fraction = type == RT_F32 ? 0x7fffffu : 0xfffffffffffffu;
    bool is_nan = (bits & exponent) == exponent;
    if (strcmp(text, "nan:canonical") == 0)
        return is_nan && (bits & fraction) == quiet;
    if (strcmp(text, "nan:arithmetic") == 0)
        return is_nan && (bits & quiet) != 0;
    return strtoull(text, NULL, 10) == bits;
}

static bool results_match(const json_t *expected, const struct result *result)
{
    if (json_array_size(expected) != result->count)
        return false;
    for (u32 i = 0; i < result->count; i++)
        if (!value_matches(json_array_get(expected, i), result->types[i], result->values[i]))
            return false;
    return true;
}

/* ---- commands ---- */

static enum outcome act(struct runner *r, const json_t *action, struct result *result)
{
    const char *field = text_of(action, "field");
    size_t len = json_string_length(json_object_get(action, "field"));
    const struct made *made = find(r, text_of(action, "module"), false);
    union abi_value args[ABI_VALUES_MAX];
    memset(args, 0, sizeof args);
    if (made != NULL && made->is_skipped)
        return OUTCOME_SKIP;
    if (made == NULL || made->instance == NULL) {
        err_set(&result->err, ERR_NOT_FOUND, ERR_NO_AT, "no instance");
        return OUTCOME_ERROR;
    }
    const struct rt_export *export = rt_module_export_find(made->module, field, len);
    if (export == NULL) {
        err_set(&result->err, ERR_NOT_FOUND, ERR_NO_AT, "no export %s", field);
        return OUTCOME_ERROR;
    }
    if (strcmp(text_of(action, "type"), "get") == 0) {
        result->count = 1; /* its type is what the script expects */
        return rt_global_read(made->instance, field, &result->values[0]) ? OUTCOME_OK
                                                                         : OUTCOME_ERROR;
    }
    if (!read_args(json_object_get(action, "args"), args)) {
        err_set(&result->err, ERR_USAGE, ERR_NO_AT, "an argument of unknown type");
        return OUTCOME_ERROR;
    }
    result->count = export->type->result_count;
    memcpy(result->types, export->type->results, result->count);
    call(r, made->instance, export->index, args, result);
    return result->outcome;
}

static bool is_passed(const struct runner *r, enum outcome outcome, const struct result *result,
                      const json_t *command)
{
    const json_t *action = json_object_get(command, "action");
    bool is_get = action != NULL && strcmp(text_of(action, "type"), "get") == 0;
    if (is_get && outcome == OUTCOME_OK) {
        const json_t *want = json_array_get(json_object_get(command, "expected"), 0);
        u8 type = type_of(text_of(want, "type"));
        return value_matches(want, type == 0 ? RT_EXTERNREF : type, result->values[0]);
    }
    if (strcmp(r->type, "assert_return") == 0)
        return outcome == OUTCOME_OK && results_match(json_object_get(command, "expected"), result);
    if (strcmp(r->type, "assert_trap") == 0)
        return outcome == OUTCOME_TRAP && result->trap != ABI_TRAP_STACK_EXHAUSTED &&
               result->trap != ABI_TRAP_CPU_LIMIT;
    if (strcmp(r->type, "assert_exhaustion") == 0)
        return outcome == OUTCOME_TRAP && result->trap == ABI_TRAP_STACK_EXHAUSTED;
    if (strcmp(r->type, "assert_uninstantiable") == 0)
        return outcome == OUTCOME_TRAP;
    if (strcmp(r->type, "assert_unlinkable") == 0)
        return outcome == OUTCOME_ERROR && result->err.code == ERR_LINK;
    return outcome == OUTCOME_ERROR &&
           (result->err.code == ERR_MALFORMED || result->err.code == ERR_INVALID ||
            result->err.code == ERR_LIMIT);
}

/* A module with the reason, what follows from that without. */
static void list_skipped(const struct runner *r, const struct result *result)
{
    if (r->lists_skipped && result->err.code == ERR_UNSUPPORTED)
        printf("%lld: %s\n", (long long)r->line, result->err.text);
}

static void judge(struct runner *r, const json_t *command, enum outcome outcome,
                  const struct result *result)
{
    bool refused_by_name =
        strcmp(r->type, "assert_invalid") == 0 || strcmp(r->type, "assert_malformed") == 0;
    if (is_passed(r, outcome, result, command))
        r->passed++;
    else if (outcome == OUTCOME_SKIP && refused_by_name)
        r->passed++; /* refused before instantiation, which is what counts */
    else if (outcome == OUTCOME_SKIP) {
        r->skipped++;
        list_skipped(r, result);
    } else
        report(r, outcome == OUTCOME_OK ? "unexpected result" : result->err.text);
}

static void register_current(struct runner *r, const json_t *command)
{
    const struct made *made = find(r, text_of(command, "name"), false);
    CHECK(r->provider_count < INSTANCES_MAX && r->missing_count < INSTANCES_MAX);
    if (made != NULL && made->is_skipped) {
        r->missing[r->missing_count++] = text_of(command, "as");
        return;
    }
    if (made == NULL || made->instance == NULL) {
        report(r, "no instance");
        return;
    }
    /* a later registration of the same name wins */
    const char *name = text_of(command, "as");
    u32 at = 0;
    while (at < r->provider_count && strcmp(r->providers[at].module, name) != 0)
        at++;
    r->providers[at] = (struct rt_provider){.module = name, .instance = made->instance};
    if (at == r->provider_count)
        r->provider_count++;
}

/* An assertion's module must not become the current one. */
static enum outcome make_apart(struct runner *r, const json_t *command, struct result *result)
{
    struct made *before = r->current;
    enum outcome outcome = make(r, command, result);
    r->current = before;
    return outcome;
}

/* Runs what is no assertion; false: there is no such command. */
static bool execute_plain(struct runner *r, const json_t *command, enum outcome *outcome,
                          struct result *result)
{
    *outcome = OUTCOME_OK;
    if (strcmp(r->type, "module") == 0)
        *outcome = make(r, command, result);
    else if (strcmp(r->type, "module_definition") == 0)
        *outcome = make_definition(r, command, result);
    else if (strcmp(r->type, "module_instance") == 0)
        *outcome = make_instance(r, command, result);
    else if (strcmp(r->type, "register") == 0)
        register_current(r, command);
    else if (strcmp(r->type, "action") == 0)
        *outcome = act(r, json_object_get(command, "action"), result);
    else
        return false;
    return true;
}

static void execute(struct runner *r, const json_t *command)
{
    struct result *result = check_alloc(sizeof *result);
    enum outcome outcome;
    r->type = text_of(command, "type");
    r->line = json_integer_value(json_object_get(command, "line"));
    const json_t *action = json_object_get(command, "action");
    const char *module_type = text_of(command, "module_type");
    bool is_text = module_type != NULL && strcmp(module_type, "text") == 0;
    if (execute_plain(r, command, &outcome, result)) {
        if (outcome == OUTCOME_SKIP)
            list_skipped(r, result);
        else if (outcome != OUTCOME_OK)
            report(r, result->err.text);
    } else if (strncmp(r->type, "assert_", 7) != 0) {
        report(r, "no such command");
    } else if (action != NULL) {
        outcome = act(r, action, result);
        judge(r, command, outcome, result);
    } else if (text_of(command, "filename") != NULL && !is_text) {
        outcome = make_apart(r, command, result);
        judge(r, command, outcome, result);
    }
    free(result);
}

/* ---- the program ---- */

static void print_nothing(void)
{
}

static const struct rt_host_func spectest_funcs[] = {
    {"spectest", "print", "_", "", 0, print_nothing},
    {"spectest", "print_i32", "i_", "v", 0, print_nothing},
    {"spectest", "print_i64", "I_", "v", 0, print_nothing},
    {"spectest", "print_f32", "f_", "v", 0, print_nothing},
    {"spectest", "print_f64", "F_", "v", 0, print_nothing},
    {"spectest", "print_i32_f32", "if_", "a b", 0, print_nothing},
    {"spectest", "print_f64_f64", "FF_", "a b", 0, print_nothing},
};

static bool open_runner(struct runner *r, struct err *err)
{
    if (!harness_open(&r->harness, NULL, NULL, &r->sched_options, err))
        return false;
    proc_compiler_create(&r->compile.compiler, &r->harness.cache);
    rt_engine_add_host(r->harness.engine, spectest_funcs, COUNT_OF(spectest_funcs));
    return true;
}

/* What is not a function of the module "spectest" comes from spectest.wat. */
static bool provide_spectest(struct runner *r, struct err *err)
{
    struct made *made = add_made(r, NULL);
    if (!load(r, SPECTEST_WASM, &made->module, err) ||
        !rt_instance_create(&made->instance, made->module, NULL, 0, err))
        return false;
    r->providers[r->provider_count++] =
        (struct rt_provider){.module = "spectest", .instance = made->instance};
    return true;
}

static bool read_options(struct runner *r, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--strict-traps") == 0)
            r->compile.strict_traps = true;
        else if (strcmp(argv[i], "--list-skipped") == 0)
            r->lists_skipped = true;
        else if (strcmp(argv[i], "--opt") == 0 && i + 1 < argc)
            r->compile.tier = strcmp(argv[++i], "best") == 0 ? PROC_TIER_BEST : PROC_TIER_QUICK;
        else if (strcmp(argv[i], "--tick-us") == 0 && i + 1 < argc)
            r->sched_options.tick_ns = strtoull(argv[++i], NULL, 10) * 1000;
        else if (r->path == NULL && argv[i][0] != '-')
            r->path = argv[i];
        else
            return false;
    }
    return r->path != NULL;
}

/* Scripts lie beside their modules. */
static void find_folder(struct runner *r)
{
    const char *slash = strrchr(r->path, '/');
    int len = slash == NULL ? 1 : (int)(slash - r->path);
    snprintf(r->folder, sizeof r->folder, "%.*s", len, slash == NULL ? "." : r->path);
}

static void close_runner(struct runner *r)
{
    for (u32 i = r->made_count; i-- > 0;) {
        rt_instance_destroy(&r->made[i].instance);
        rt_module_release(&r->made[i].module);
    }
    proc_compiler_destroy(&r->compile.compiler);
    harness_close(&r->harness);
}

int main(int argc, char **argv)
{
    struct runner *r = check_alloc(sizeof *r);
    struct err err = {0};
    json_error_t json_error;
    json_t *script = NULL, *command;
    size_t i;
    int status = 2;
    if (!read_options(r, argc, argv)) {
        fprintf(stderr, "usage: weir-spectest [--strict-traps] [--opt quick|best] "
                        "[--tick-us N] [--list-skipped] FILE.json\n");
        goto out;
    }
    script = json_load_file(r->path, JSON_ALLOW_NUL, &json_error);
    if (script == NULL) {
        fprintf(stderr, "weir-spectest: %s:%d: %s\n", r->path, json_error.line, json_error.text);
        goto out;
    }
    find_folder(r);
    if (!open_runner(r, &err) || !provide_spectest(r, &err)) {
        fprintf(stderr, "weir-spectest: %s\n", err.text);
        goto out;
    }
    json_array_foreach(json_object_get(script, "commands"), i, command) execute(r, command);
    printf("%u passed, %u failed, %u skipped\n", r->passed, r->failed, r->skipped);
    status = r->failed > 0;
out:
    close_runner(r);
    json_decref(script);
    free(r);
    return status;
}
