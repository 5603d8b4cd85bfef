/*
 * compiler/job.c -- the job server: proc/message.h from the compiler's side.
 *
 * The process gives up everything but the job's folder before it looks at the first byte of a
 * module, and starts LLVM only for a module that is valid and not compiled yet.
 */
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include "proc/jail.h"
#include "proc/message.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PATH_BYTES 4096

struct job {
    unsigned number;
    struct cg_options options;
    u64 cpu_s, memory_bytes;
    char folder[PATH_BYTES];
};

struct server {
    int socket;
    bool is_jailed;
    struct cg *cg; /* NULL until the first valid module */
};

/* "job N quick|best lax|strict CPU_S MEMORY_BYTES\nDIR" */
static bool parse_job(const char *text, struct job *out, struct err *err)
{
    char opt[8], traps[8];
    int used = 0;
    *out = (struct job){0};
    int count = sscanf(text, "job %u %7s %7s %" SCNu64 " %" SCNu64 "%n", &out->number, opt, traps,
                       &out->cpu_s, &out->memory_bytes, &used);
    bool is_known = count == 5 && (strcmp(opt, "quick") == 0 || strcmp(opt, "best") == 0) &&
                    (strcmp(traps, "lax") == 0 || strcmp(traps, "strict") == 0);
    if (!is_known || text[used] != '\n' || text[used + 1] != '/')
        return err_set(err, ERR_USAGE, ERR_NO_AT, "not a job: %.60s", text);
    size_t len = strlen(text + used + 1);
    if (len >= sizeof out->folder)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the job folder's path is too long");
    memcpy(out->folder, text + used + 1, len + 1);
    out->options.opt = opt[0] == 'b' ? CG_OPT_BEST : CG_OPT_QUICK;
    out->options.strict_traps = traps[0] == 's';
    return true;
}

static bool output_path(const struct job *job, const char *suffix, char *out, struct err *err)
{
    int need = snprintf(out, PATH_BYTES, "%s/%u.%s", job->folder, job->number, suffix);
    return (need > 0 && need < PATH_BYTES) ||
           err_set(err, ERR_LIMIT, ERR_NO_AT, "the job folder's path is too long");
}

static bool say(struct server *server, const char *text, struct err *err)
{
    return proc_message_send(server->socket, -1, "%s", text) ||
           err_set(err, ERR_SYSTEM, ERR_NO_AT, "nobody listens");
}

/* Tells the code key; *need: the parent has no such code file yet. */
static bool agree_on_key(struct server *server, const struct digest *key, bool *need,
                         struct err *err)
{
    char hex[DIGEST_HEX], text[PROC_MESSAGE_MAX];
    digest_hex(key, hex);
    if (!proc_message_send(server->socket, -1, "key %s", hex))
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "nobody listens");
    int fd;
    long len = proc_message_receive(server->socket, text, &fd, -1);
    fd_close(&fd);
    *need = len > 0 && strcmp(text, "need") == 0;
    return *need || (len > 0 && strcmp(text, "have") == 0) ||
           err_set(err, ERR_SYSTEM, ERR_NO_AT, "no answer to the key");
}

/* A parent that has gone is noticed at the next answer. */
static void say_progress(void *arg, u32 done, u32 total)
{
    const struct server *server = arg;
    bool ok = proc_message_send(server->socket, -1, "progress %u %u", done, total);
    (void)ok;
}

static bool compile(struct server *server, const struct job *job, const struct wasm_module *wasm,
                    struct err *err)
{
    struct digest key;
    bool need = false;
    char path[PATH_BYTES];
    if (server->cg == NULL && !cg_create(&server->cg, NULL, err))
        return false;
    cg_on_progress(server->cg, say_progress, server);
    cg_code_key(server->cg, wasm, job->options, &key);
    if (!agree_on_key(server, &key, &need, err))
        return false;
    if (need && !(output_path(job, "code", path, err) &&
                  cg_code_write(server->cg, wasm, job->options, path, err)))
        return false;
    return output_path(job, "module", path, err) && cg_module_write(wasm, &key, path, err) &&
           say(server, "done", err);
}

/* fd: the module. */
static bool run_job(struct server *server, const char *text, int fd, struct err *err)
{
    struct job job;
    if (!parse_job(text, &job, err))
        return false;
    if (fd < 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "a job without a module");
    if (!server->is_jailed) {
        if (!proc_jail_compiler(job.folder, job.cpu_s, job.memory_bytes, err))
            return false;
        server->is_jailed = true;
    }
    struct compiler_module module;
    bool ok =
        compiler_module_init(&module, fd, true, err) && compile(server, &job, module.wasm, err);
    compiler_module_fini(&module);
    return ok;
}

static void say_error(struct server *server, const struct err *err)
{
    char at[24] = "-";
    if (err->at != ERR_NO_AT)
        snprintf(at, sizeof at, "%" PRIu64, err->at);
    if (!proc_message_send(server->socket, -1, "error %s %s %s", err_code_text(err->code), at,
                           err->text))
        fprintf(stderr, "weirc: %s\n", err->text);
}

/* Nothing can be sent from here: the parent knows the status. */
static void end_without_memory(void)
{
    _exit(PROC_EXIT_MEMORY);
}

int compiler_serve(int socket, bool many)
{
    struct server server = {.socket = socket};
    int status = 0;
    cg_on_out_of_memory(end_without_memory);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no compile for a parent that has gone */
    do {
        char text[PROC_MESSAGE_MAX];
        int fd;
        struct err err = {0};
        long len = proc_message_receive(socket, text, &fd, -1);
        if (len == 0)
            break;
        if (len < 0) {
            err_set(&err, ERR_SYSTEM, ERR_NO_AT, "cannot read a job");
            many = false;
        }
        if (len < 0 || !run_job(&server, text, fd, &err)) {
            say_error(&server, &err);
            status = err_code_exit(err.code);
        }
        fd_close(&fd);
    } while (many);
    cg_destroy(&server.cg);
    return status;
}
