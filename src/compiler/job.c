/*
 * compiler/job.c -- the compiler's side of proc/message.h.
 */
#include "base/check.h"
#include "base/file.h"
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include "proc/jail.h"
#include "proc/message.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULE_ARENA_BYTES ((size_t)4 << 30)

struct job {
    u32 number;
    struct cg_options options;
    u64 cpu_s, memory_bytes;
    char folder[PATH_MAX];
};

struct server {
    int socket;
    bool is_jailed;
    struct cg *cg; /* made with the first job that needs code */
};

/* "job N quick|best lax|strict CPU_S MEMORY_BYTES\nDIR" */
static bool parse_job(const char *text, struct job *job, struct err *err)
{
    char tier[8], traps[8];
    int used = 0;
    bool ok = sscanf(text, "job %" SCNu32 " %7s %7s %" SCNu64 " %" SCNu64 "%n", &job->number, tier,
                     traps, &job->cpu_s, &job->memory_bytes, &used) == 5 &&
              text[used] == '\n' && text[used + 1] == '/' &&
              strlen(text + used + 1) < sizeof job->folder;
    bool is_best = ok && strcmp(tier, "best") == 0, is_strict = ok && strcmp(traps, "strict") == 0;
    if (!ok || (!is_best && strcmp(tier, "quick") != 0) ||
        (!is_strict && strcmp(traps, "lax") != 0))
        return err_set(err, ERR_INTERNAL, ERR_NO_AT, "what came is no job");
    job->options =
        (struct cg_options){.opt = is_best ? CG_OPT_BEST : CG_OPT_QUICK, .strict_traps = is_strict};
    snprintf(job->folder, sizeof job->folder, "%s", text + used + 1);
    return true;
}

static bool path_of(const struct job *job, const char *suffix, char out[PATH_MAX], struct err *err)
{
    int need = snprintf(out, PATH_MAX, "%s/%u.%s", job->folder, job->number, suffix);
    return (need > 0 && need < PATH_MAX) ||
           err_set(err, ERR_LIMIT, ERR_NO_AT, "the job's folder has too long a name");
}

/* Tells the parent the key; *needed: it has no such code file yet. */
static bool ask_for_code(struct server *s, const struct digest *key, bool *needed, struct err *err)
{
    char hex[DIGEST_HEX], answer[PROC_MESSAGE_MAX];
    int fd;
    digest_hex(key, hex);
    if (!proc_message_send(s->socket, -1, "key %s", hex) ||
        proc_message_receive(s->socket, answer, &fd, -1) <= 0)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "the parent has gone");
    fd_close(&fd);
    *needed = strcmp(answer, "have") != 0;
    return true;
}

/* The pipeline: decode, validate, key, code, module file. */
static bool compile(struct server *s, const struct job *job, const struct file_view *file,
                    struct arena *arena, struct err *err)
{
    struct wasm_module *m;
    struct digest key;
    char code_path[PATH_MAX], module_path[PATH_MAX];
    bool needed;
    if (!path_of(job, "code", code_path, err) || !path_of(job, "module", module_path, err) ||
        !wasm_module_decode(file->bytes, file->len, arena, &m, err) ||
        !wasm_module_validate(m, arena, err))
        return false;
    if (s->cg == NULL && !cg_create(&s->cg, NULL, err))
        return false;
    cg_code_key(s->cg, m, job->options, &key);
    if (!ask_for_code(s, &key, &needed, err))
        return false;
    if (needed && !cg_code_write(s->cg, m, job->options, code_path, err))
        return false;
    return cg_module_write(m, &key, module_path, err);
}

/* The jail first: the module's bytes are not looked at outside it. */
static bool run_job(struct server *s, const struct job *job, int module_fd, struct err *err)
{
    struct file_view file = {0};
    struct arena arena;
    if (!s->is_jailed) {
        if (!proc_jail_compiler(job->folder, job->cpu_s, job->memory_bytes, err))
            return false;
        s->is_jailed = true;
    }
    if (!file_map_fd(module_fd, WASM_MAX_MODULE_BYTES, "module", &file, err))
        return false;
    arena_init(&arena, MODULE_ARENA_BYTES);
    bool ok = compile(s, job, &file, &arena, err);
    arena_fini(&arena);
    file_unmap(&file);
    return ok;
}

static bool answer(const struct server *s, bool ok, const struct err *err)
{
    if (ok)
        return proc_message_send(s->socket, -1, "done");
    char at[32] = "-";
    if (err->at != ERR_NO_AT)
        snprintf(at, sizeof at, "%" PRIu64, err->at);
    return proc_message_send(s->socket, -1, "error %s %s %s", err_code_text(err->code), at,
                             err->text);
}

int compiler_serve(int socket, bool many)
{
    struct server s = {.socket = socket};
    char text[PROC_MESSAGE_MAX];
    int module_fd;
    bool alive = true;
    do {
        struct job job;
        struct err err = {0};
        if (proc_message_receive(socket, text, &module_fd, -1) <= 0)
            break;
        bool ok = parse_job(text, &job, &err) && run_job(&s, &job, module_fd, &err);
        fd_close(&module_fd);
        alive = answer(&s, ok, &err);
    } while (many && alive);
    cg_destroy(&s.cg);
    return alive ? 0 : 1;
}
