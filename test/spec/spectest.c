/*
 * test/spec/spectest.c -- runs one script of the specification's suite, converted to JSON, on the
 * real compiler and runtime: weir-spectest [--strict-traps] [--opt quick|best] FILE.json
 *
 * One line per failure on standard error, "P passed, F failed, S skipped" as the last line of
 * output, status 1 if anything failed. What needs a proposal this version does not run is skipped.
 */
#include "base/check.h"
#include "proc/compile.h"
#include "sched/sched.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCES_MAX 4096
#define CALL_CPU_NS   ((u64)60000000000)

/* A module the script made: instance NULL and skipped when it needs more than this version. */
struct made {
    struct rt_instance *instance;
    struct rt_module *module;
    const char *name; /* "$id" or NULL */
};

struct runner {
    const char *path;
    char folder[PROC_PATH_MAX];
    struct proc_cache cache;
    struct proc_compile_options compile;
    struct rt_engine *engine;
    struct loop *loop;
    struct sched *sched;
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
    bool done;
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

static enum outcome classify(const struct runner *r, const struct err *err)
{
    if (err->code == ERR_UNSUPPORTED || (err->code == ERR_LINK && lacks_skipped(r, err)))
        return OUTCOME_SKIP;
    return err->code == ERR_TRAP ? OUTCOME_TRAP : OUTCOME_ERROR;
}

static bool load(struct runner *r, const char *file, struct rt_module **out, struct err *err)
{
    char path[2 * PROC_PATH_MAX];
    struct proc_artifact artifact;
    snprintf(path, sizeof path, "%s/%s", r->folder, file);
    return proc_compile_file(&r->cache, path, &r->compile, NULL, NULL, &artifact, err) &&
           rt_module_load(out, r->engine, artifact.code_path, artifact.module_path,
                          &r->cache.mac_key, err);
}

static void take_result(void *arg, const struct sched_result *ended)
{
    struct result *result = arg;
    result->done = true;
    if (ended->trap != NULL) {
        result->outcome = OUTCOME_TRAP;
        result->trap = ended->trap->kind;
        err_set(&result->err, ERR_TRAP, ERR_NO_AT, "%s", ended->trap->message);
        return;
    }
    result->outcome = OUTCOME_OK;
    for (u32 i = 0; i < result->count; i++)
        result->values[i] = ended->results[i];
}

static void call(struct runner *r, struct rt_instance *instance, u32 func,
                 const union abi_value *args, struct result *result)
{
    struct sched_task *task;
    const struct sched_call call = {.instance = instance,
                                    .func = func,
                                    .args = args,
                                    .cpu_ns = CALL_CPU_NS,
                                    .done = take_result,
                                    .arg = result};
    if (!sched_start(r->sched, &call, &task, &result->err)) {
        result->outcome = OUTCOME_ERROR;
        return;
    }
    while (!result->done)
        sched_turn(r->sched, UINT64_MAX);
}

/* Compiles, loads, instantiates; the start function runs now, as scripts expect. */
static enum outcome make(struct runner *r, const json_t *command, struct result *result)
{
    CHECK(r->made_count < INSTANCES_MAX);
    struct made *made = &r->made[r->made_count++];
    *made = (struct made){.name = text_of(command, "name")};
    r->current = made;
    if (!load(r, text_of(command, "filename"), &made->module, &result->err) ||
        !rt_instance_create(&made->instance, made->module, r->providers, r->provider_count,
                            &result->err))
        return classify(r, &result->err);
    call(r, made->instance, RT_FUNC_NONE, NULL, result);
    return result->outcome;
}

static struct made *find(struct runner *r, const char *name)
{
    for (u32 i = r->made_count; name != NULL && i-- > 0;)
        if (r->made[i].name != NULL && strcmp(r->made[i].name, name) == 0)
            return &r->made[i];
    return name == NULL ? r->current : NULL;
}

/* ---- values ---- */

static u8 type_of(const char *name)
{
    static const struct {
        const char *name;
        u8 type;
    } types[] = {{"i32", RT_I32}, {"i64", RT_I64}, {"f32", RT_F32}, {"f64", RT_F64}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    return 0;
}

static bool read_args(const json_t *list, union abi_value *out)
{
    size_t i;
    json_t *arg;
    json_array_foreach(list, i, arg)
    {
        if (type_of(text_of(arg, "type")) == 0)
            return false;
        out[i].u64 = strtoull(text_of(arg, "value"), NULL, 10);
    }
    return true;
}

static bool value_matches(const json_t *want, u8 type, union abi_value got)
{
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
    struct made *made = find(r, text_of(action, "module"));
    union abi_value args[ABI_VALUES_MAX];
    memset(args, 0, sizeof args);
    if (made == NULL || made->instance == NULL)
        return OUTCOME_SKIP;
    const struct rt_export *export = rt_module_export_find(made->module, field, len);
    if (export == NULL) {
        err_set(&result->err, ERR_NOT_FOUND, ERR_NO_AT, "no export %s", field);
        return OUTCOME_ERROR;
    }
    if (strcmp(text_of(action, "type"), "get") == 0) {
        result->count = 1;
        result->types[0] = RT_I32; /* the engine does not tell; the script says what it is */
        return rt_global_read(made->instance, field, &result->values[0]) ? OUTCOME_OK
                                                                         : OUTCOME_ERROR;
    }
    if (!read_args(json_object_get(action, "args"), args))
        return OUTCOME_SKIP;
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
        return value_matches(want, type_of(text_of(want, "type")), result->values[0]);
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

static void judge(struct runner *r, const json_t *command, enum outcome outcome,
                  const struct result *result)
{
    bool refused_by_name =
        strcmp(r->type, "assert_invalid") == 0 || strcmp(r->type, "assert_malformed") == 0;
    if (is_passed(r, outcome, result, command))
        r->passed++;
    else if (outcome == OUTCOME_SKIP && refused_by_name)
        r->passed++; /* refused before instantiation, which is what counts */
    else if (outcome == OUTCOME_SKIP)
        r->skipped++;
    else
        report(r, outcome == OUTCOME_OK ? "unexpected result" : result->err.text);
}

static void register_current(struct runner *r, const json_t *command)
{
    struct made *made = find(r, text_of(command, "name"));
    CHECK(r->provider_count < INSTANCES_MAX && r->missing_count < INSTANCES_MAX);
    if (made == NULL || made->instance == NULL) {
        r->missing[r->missing_count++] = text_of(command, "as");
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

static void execute(struct runner *r, const json_t *command)
{
    struct result *result = check_alloc(sizeof *result);
    r->type = text_of(command, "type");
    r->line = json_integer_value(json_object_get(command, "line"));
    const char *module_type = text_of(command, "module_type");
    bool is_text = module_type != NULL && strcmp(module_type, "text") == 0;
    if (strcmp(r->type, "module") == 0) {
        enum outcome outcome = make(r, command, result);
        if (outcome != OUTCOME_OK && outcome != OUTCOME_SKIP)
            report(r, result->err.text);
    } else if (strcmp(r->type, "register") == 0) {
        register_current(r, command);
    } else if (strcmp(r->type, "action") == 0) {
        enum outcome outcome = act(r, json_object_get(command, "action"), result);
        if (outcome != OUTCOME_OK && outcome != OUTCOME_SKIP)
            report(r, result->err.text);
    } else if (json_object_get(command, "action") != NULL) {
        enum outcome outcome = act(r, json_object_get(command, "action"), result);
        judge(r, command, outcome, result);
    } else if (text_of(command, "filename") != NULL && !is_text &&
               strncmp(r->type, "assert_", 7) == 0) {
        enum outcome outcome = make_apart(r, command, result);
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

static bool open_runner(struct runner *r, const char *cache_path, struct err *err)
{
    const struct rt_options engine = {0};
    const struct sched_options sched = {0};
    if (!proc_cache_open(&r->cache, cache_path, err) ||
        !rt_engine_create(&r->engine, &engine, err) || !loop_create(&r->loop, err) ||
        !sched_create(&r->sched, r->engine, r->loop, &sched, err))
        return false;
    rt_engine_add_host(r->engine, spectest_funcs, COUNT_OF(spectest_funcs));
    return true;
}

/* What is not a function of the module "spectest" comes from spectest.wasm, beside the cache. */
static bool provide_spectest(struct runner *r, const char *path, struct err *err)
{
    struct proc_artifact artifact;
    struct made *made = &r->made[r->made_count++];
    if (!proc_compile_file(&r->cache, path, &r->compile, NULL, NULL, &artifact, err) ||
        !rt_module_load(&made->module, r->engine, artifact.code_path, artifact.module_path,
                        &r->cache.mac_key, err) ||
        !rt_instance_create(&made->instance, made->module, NULL, 0, err))
        return false;
    r->providers[r->provider_count++] =
        (struct rt_provider){.module = "spectest", .instance = made->instance};
    return true;
}

static void read_options(struct runner *r, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--strict-traps") == 0)
            r->compile.strict_traps = true;
        else if (strcmp(argv[i], "--opt") == 0 && i + 1 < argc)
            r->compile.tier = strcmp(argv[++i], "best") == 0 ? PROC_TIER_BEST : PROC_TIER_QUICK;
        else
            r->path = argv[i];
    }
}

static void close_runner(struct runner *r)
{
    for (u32 i = r->made_count; i-- > 0;) {
        rt_instance_destroy(&r->made[i].instance);
        rt_module_release(&r->made[i].module);
    }
    sched_destroy(&r->sched);
    loop_destroy(&r->loop);
    rt_engine_destroy(&r->engine);
    proc_cache_close(&r->cache);
}

int main(int argc, char **argv)
{
    struct runner *r = check_alloc(sizeof *r);
    struct err err = {0};
    json_error_t json_error;
    read_options(r, argc, argv);
    json_t *script = r->path == NULL ? NULL : json_load_file(r->path, JSON_ALLOW_NUL, &json_error);
    const char *spectest = getenv("WEIR_SPECTEST_WASM");
    if (script == NULL || spectest == NULL) {
        fprintf(stderr, "usage: WEIR_SPECTEST_WASM=spectest.wasm weir-spectest [--strict-traps] "
                        "[--opt quick|best] FILE.json\n");
        return 2;
    }
    snprintf(r->folder, sizeof r->folder, "%.*s", (int)(strrchr(r->path, '/') - r->path), r->path);
    if (!open_runner(r, getenv("WEIR_CACHE"), &err) || !provide_spectest(r, spectest, &err)) {
        fprintf(stderr, "weir-spectest: %s\n", err.text);
        return 2;
    }
    size_t i;
    json_t *command;
    json_array_foreach(json_object_get(script, "commands"), i, command) execute(r, command);
    printf("%u passed, %u failed, %u skipped\n", r->passed, r->failed, r->skipped);
    int status = r->failed > 0;
    close_runner(r);
    json_decref(script);
    free(r);
    return status;
}
