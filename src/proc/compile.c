#include "proc/compile.h"
#include "base/check.h"
#include "base/file.h"
#include "base/reader.h"
#include "proc/internal.h"
#include "proc/message.h"
#include "proc/spawn.h"
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_BYTES_MAX ((u64)256 << 20)
#define CPU_S_DEFAULT    600
#define PROGRESS_NS      ((u64)500000000)
#define MEMORY_DEFAULT   ((u64)8 << 30)
#define MARGIN_MS        500 /* beyond the time limit: for the compiler to meet its own first */
#define ROOM_FACTOR      8 /* bytes of disk that a compile may take, for each byte of the module */
#define ROOM_BYTES       (4 * MIB)
#define LAST_MS          1000 /* for a compiler that ended the conversation to end itself */

/* One compile from start to end. */
struct job {
    struct proc_cache *cache;
    const char *path; /* as the caller gave it, for messages */
    const struct proc_compile_options *options;
    struct proc_compiler *compiler;
    u64 cpu_s, memory_bytes, wall_s, started_ns, deadline_ns;
    proc_progress_fn *progress;
    u32 done, total; /* functions, as the compiler says */
    u64 report_ns;   /* when progress is due again */
    void *user;
    int module_fd;
    char program[PROC_PATH_MAX];
    struct digest code_key;
    bool has_key;
    bool is_over;  /* the compiler said how it ended: it may take another job */
    bool has_died; /* the compiler's process ended by itself */
    struct proc_artifact artifact;
};

/* ---- the module's bytes ---- */

static bool copy_hashed(int from, int to, const char *path, struct digest_state *state,
                        struct err *err)
{
    static const size_t chunk = 256 * 1024;
    u8 *bytes = malloc(chunk);
    if (bytes == NULL)
        return err_sys(err, "%s", path);
    u64 total = 0;
    ssize_t len;
    bool ok = true;
    while (ok && (len = read(from, bytes, chunk)) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            ok = err_sys(err, "cannot read %s", path);
            break;
        }
        total += (u64)len;
        if (total > MODULE_BYTES_MAX)
            ok = err_set(err, ERR_LIMIT, ERR_NO_AT, "%s has more than %llu bytes", path,
                         (unsigned long long)MODULE_BYTES_MAX);
        else if (!fd_write_all(to, bytes, (size_t)len))
            ok = err_sys(err, "cannot keep the bytes of %s", path);
        digest_add(state, bytes, (size_t)len);
    }
    free(bytes);
    return ok;
}

/* What is hashed is what is compiled: the file may change meanwhile, the sealed copy cannot. */
static bool seal_module(struct job *job, struct digest_state *state, struct err *err)
{
    int from = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return err_sys(err, "cannot open %s", job->path);
    struct stat st;
    bool ok = false;
    if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode)) {
        err_set(err, ERR_MALFORMED, ERR_NO_AT, "%s is not a regular file", job->path);
        goto out;
    }
    job->module_fd = memfd_create("weir-module", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (job->module_fd < 0) {
        err_sys(err, "cannot make a memory file");
        goto out;
    }
    if (!copy_hashed(from, job->module_fd, job->path, state, err))
        goto out;
    if (fcntl(job->module_fd, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        err_sys(err, "cannot seal a memory file");
    else
        ok = true;
out:
    fd_close(&from);
    return ok;
}

/* ---- keys ---- */

/* Everything that makes the same bytes compile to another artifact: this program's version and
 * ABI, the compiler's file, the CPU, the options. */
static bool add_identity(struct job *job, struct digest_state *state, struct err *err)
{
    struct stat st;
    if (stat(job->program, &st) != 0)
        return err_sys(err, "cannot look at %s", job->program);
    struct {
        u64 abi, size, modified_s, modified_ns, inode, tier, strict;
        u32 cpu[3][4];
    } facts;
    memset(&facts, 0, sizeof facts);
    facts.abi = ABI_VERSION;
    facts.size = (u64)st.st_size;
    facts.modified_s = (u64)st.st_mtim.tv_sec;
    facts.modified_ns = (u64)st.st_mtim.tv_nsec;
    facts.inode = (u64)st.st_ino;
    facts.tier = job->options->tier;
    facts.strict = job->options->strict_traps;
    for (unsigned leaf = 0; leaf < 2; leaf++) /* vendor; family, model and features */
        __get_cpuid(leaf, &facts.cpu[leaf][0], &facts.cpu[leaf][1], &facts.cpu[leaf][2],
                    &facts.cpu[leaf][3]);
    facts.cpu[1][1] = 0; /* carries the number of the core asked */
    __get_cpuid_count(7, 0, &facts.cpu[2][0], &facts.cpu[2][1], &facts.cpu[2][2], &facts.cpu[2][3]);
    digest_add_piece(state, WEIR_VERSION, strlen(WEIR_VERSION));
    digest_add_piece(state, &facts, sizeof facts);
    return true;
}

static bool code_path_of(struct job *job, const struct digest *key, struct err *err)
{
    return proc_cache_file_path(job->cache, key, "code", job->artifact.code_path, err);
}

/* The module file names its code file by key. */
static bool read_code_key(const char *module_path, struct digest *out)
{
    u8 bytes[sizeof(u64) + sizeof(u32) + DIGEST_BYTES]; /* magic, ABI version, key */
    int fd = open(module_path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fd_read_all(fd, bytes, sizeof bytes);
    fd_close(&fd);
    struct reader r = reader_make(bytes, ok ? sizeof bytes : 0, NULL);
    if (read_u64_le(&r) != ABI_MODULE_MAGIC || read_u32_le(&r) != ABI_VERSION)
        return false;
    memcpy(out->bytes, bytes + r.at, DIGEST_BYTES);
    return true;
}

static bool find_in_cache(struct job *job)
{
    struct digest key;
    job->artifact.was_cached = proc_cache_has(job->cache, job->artifact.module_path) &&
                               read_code_key(job->artifact.module_path, &key) &&
                               code_path_of(job, &key, NULL) &&
                               proc_cache_has(job->cache, job->artifact.code_path);
    return job->artifact.was_cached;
}

/* ---- the conversation ---- */

static bool lost(struct job *job, struct err *err, const char *why)
{
    job->has_died = true;
    return err_set(err, ERR_COMPILE, ERR_NO_AT, "%s", why);
}

static bool send_job(struct job *job, struct err *err)
{
    const struct proc_compile_options *options = job->options;
    const struct proc_compiler *compiler = job->compiler;
    return proc_message_send(compiler->socket, job->module_fd,
                             "job %u %s %s %" PRIu64 " %" PRIu64 "\n%s", compiler->jobs,
                             options->tier == PROC_TIER_BEST ? "best" : "quick",
                             options->strict_traps ? "strict" : "lax", compiler->cpu_s,
                             compiler->memory_bytes, compiler->folder) ||
           lost(job, err, "the compiler does not listen");
}

static bool parse_hex(const char *text, struct digest *out)
{
    if (strlen(text) != 2 * DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0}, *end;
        if (strspn(pair, "0123456789abcdef") != 2)
            return false;
        out->bytes[i] = (u8)strtoul(pair, &end, 16);
    }
    return true;
}

static bool babbled(struct err *err, const char *text)
{
    return err_set(err, ERR_COMPILE, ERR_NO_AT, "the compiler sent what is no message: %.60s",
                   text);
}

static bool answer_key(struct job *job, const char *hex, struct err *err)
{
    if (job->has_key || !parse_hex(hex, &job->code_key))
        return babbled(err, hex);
    job->has_key = true;
    if (!code_path_of(job, &job->code_key, err))
        return false;
    bool have = proc_cache_has(job->cache, job->artifact.code_path);
    if (!proc_message_send(job->compiler->socket, -1, "%s", have ? "have" : "need"))
        return lost(job, err, "the compiler does not listen");
    if (have)
        job->artifact.was_cached = true;
    return true;
}

/* "error CODE OFFSET TEXT": what is wrong with the module, in the compiler's words. */
static bool take_error(struct job *job, const char *text, struct err *err)
{
    char code[64], at[32];
    int used = 0;
    if (sscanf(text, "%63s %31s %n", code, at, &used) != 2 || used == 0)
        return babbled(err, text);
    job->is_over = true;
    u64 offset = at[0] == '-' ? ERR_NO_AT : strtoull(at, NULL, 10);
    return err_set(err, err_code_from_text(code), offset, "%s", text + used);
}

/* "progress DONE TOTAL" */
static bool take_progress(struct job *job, const char *text, struct err *err)
{
    u32 done, total;
    int used = 0;
    if (!job->has_key || strspn(text, "0123456789 ") != strlen(text) ||
        sscanf(text, "%u %u%n", &done, &total, &used) != 2 || text[used] != 0 || done > total)
        return babbled(err, text);
    job->done = done;
    job->total = total;
    return true;
}

/* One message; *done when the job is finished well. */
static bool take_message(struct job *job, const char *text, bool *done, struct err *err)
{
    if (strncmp(text, "key ", 4) == 0)
        return answer_key(job, text + 4, err);
    if (strncmp(text, "progress ", 9) == 0)
        return take_progress(job, text + 9, err);
    if (strncmp(text, "error ", 6) == 0)
        return take_error(job, text + 6, err);
    *done = job->is_over = job->has_key && strcmp(text, "done") == 0;
    return *done || babbled(err, text);
}

/* Why a compiler stopped talking. */
static bool explain_end(struct job *job, struct err *err)
{
    char text[64];
    int status = proc_compiler_stop(job->compiler, LAST_MS);
    job->has_died = true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return err_set(err, ERR_COMPILE, ERR_NO_AT,
                       "the compiler used its %" PRIu64 " s of CPU time; try --opt quick",
                       job->cpu_s);
    if (WIFEXITED(status) && WEXITSTATUS(status) == PROC_EXIT_MEMORY)
        return err_set(err, ERR_COMPILE, ERR_NO_AT,
                       "the compiler needed more than its %" PRIu64
                       " MiB of memory; try --opt quick",
                       job->memory_bytes / MIB);
    proc_status_text(status, text, sizeof text);
    return err_set(err, ERR_COMPILE, ERR_NO_AT, "the compiler ended early: %s", text);
}

static void report_progress(struct job *job)
{
    u64 now = clock_monotonic_ns(), elapsed_ns = now - job->started_ns;
    job->report_ns = now + PROGRESS_NS;
    job->progress(job->user, &(struct proc_progress){.module_path = job->path,
                                                     .elapsed_ms = elapsed_ns / 1000000,
                                                     .done = job->done,
                                                     .total = job->total});
}

/* The next message, with progress in the meantime; results as of proc_message_receive, -2 when the
 * job's time is over. */
static long receive(struct job *job, char text[PROC_MESSAGE_MAX])
{
    for (;;) {
        u64 now = clock_monotonic_ns();
        if (now >= job->deadline_ns)
            return -2;
        u64 left_ms = (job->deadline_ns - now) / 1000000 + 1;
        if (job->progress != NULL && now >= job->report_ns)
            report_progress(job);
        u64 report_ms = job->progress == NULL ? INT_MAX : (job->report_ns - now) / 1000000 + 1;
        u64 wait_ms = min_u64(left_ms, report_ms);
        int fd;
        long len = proc_message_receive(job->compiler->socket, text, &fd, (int)wait_ms);
        fd_close(&fd);
        if (len != -2)
            return len;
    }
}

static bool converse(struct job *job, struct err *err)
{
    char text[PROC_MESSAGE_MAX];
    bool done = false;
    while (!done) {
        long len = receive(job, text);
        if (len == 0)
            return explain_end(job, err);
        if (len == -2)
            return err_set(err, ERR_COMPILE, ERR_NO_AT,
                           "the compiler did not finish within %" PRIu64 " s", job->wall_s);
        if (len < 0)
            return errno == ECONNRESET ? explain_end(job, err) : babbled(err, "(too long)");
        if (!take_message(job, text, &done, err))
            return false;
    }
    return true;
}

static bool publish_file(struct job *job, const char *suffix, const char *to, struct err *err)
{
    char from[PROC_PATH_MAX];
    const struct proc_compiler *compiler = job->compiler;
    int need = snprintf(from, sizeof from, "%s/%u.%s", compiler->folder, compiler->jobs, suffix);
    if (need < 0 || need >= PROC_PATH_MAX)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the path %s is too long", compiler->folder);
    return proc_cache_publish(job->cache, from, to, err);
}

static bool publish(struct job *job, struct err *err)
{
    return (job->artifact.was_cached || publish_file(job, "code", job->artifact.code_path, err)) &&
           publish_file(job, "module", job->artifact.module_path, err);
}

/* One try with a compiler, which is kept for the next job only if it did this one. */
static bool attempt(struct job *job, struct err *err)
{
    struct proc_compiler *compiler = job->compiler;
    job->has_key = job->is_over = job->has_died = false;
    job->done = job->total = 0;
    job->started_ns = clock_monotonic_ns();
    job->report_ns = job->started_ns + PROGRESS_NS;
    job->deadline_ns = job->started_ns + (job->wall_s * 1000 + MARGIN_MS) * 1000000;
    bool ok = proc_compiler_start(compiler, job->program, job->cpu_s, job->memory_bytes, err) &&
              send_job(job, err) && converse(job, err) && publish(job, err);
    compiler->jobs++;
    if (!job->is_over || (!ok && err->code == ERR_COMPILE))
        proc_compiler_stop(compiler, 0);
    return ok;
}

static bool run_compiler(struct job *job, struct err *err)
{
    const struct proc_compile_options *options = job->options;
    struct proc_compiler own;
    struct err why = {0};
    job->compiler = options->compiler;
    if (job->compiler == NULL) {
        proc_compiler_init(&own, job->cache);
        job->compiler = &own;
    }
    CHECK(job->compiler->cache == job->cache);
    job->cpu_s = options->cpu_s > 0 ? options->cpu_s : CPU_S_DEFAULT;
    job->memory_bytes = options->memory_bytes > 0 ? options->memory_bytes : MEMORY_DEFAULT;
    job->wall_s = 4 * job->cpu_s; /* it shares its cores */
    bool ok = attempt(job, &why);
    /* The limits are those of a process, and an earlier module may have left it unwell. */
    if (!ok && job->has_died && job->compiler->jobs > 1) {
        why = (struct err){0};
        ok = attempt(job, &why);
    }
    if (job->compiler == &own)
        proc_compiler_stop(&own, 0);
    return ok || err_set(err, why.code, why.at, "%s: %s", job->path, why.text);
}

/* Only one process compiles a module; the others wait for it and find the result. One byte of the
 * lock file stands for each module, chosen by its key; the lock dies with its holder. */
static int lock_module(const struct job *job, const struct digest *key)
{
    char path[PROC_PATH_MAX];
    int need = snprintf(path, sizeof path, "%s/lock", job->cache->path);
    int fd = need > 0 && need < PROC_PATH_MAX
                 ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;
    u64 byte;
    memcpy(&byte, key->bytes, sizeof byte);
    struct flock lock = {.l_type = F_WRLCK, .l_start = (off_t)(byte & INT64_MAX) / 2, .l_len = 1};
    while (fd >= 0 && fcntl(fd, F_OFD_SETLKW, &lock) != 0)
        if (errno != EINTR)
            fd_close(&fd);
    return fd;
}

/* A full or read-only disk makes no compile fail: the result is then not kept. */
static bool find_room(struct job *job, const struct digest *key, struct err *err)
{
    struct stat st;
    if (fstat(job->module_fd, &st) != 0)
        return err_sys(err, "cannot look at a memory file");
    if (proc_cache_has_room(job->cache, ROOM_FACTOR * (u64)st.st_size + ROOM_BYTES))
        return true;
    if (job->options->compiler != NULL)
        proc_compiler_stop(job->options->compiler, 0);
    return proc_cache_leave(job->cache, "the disk is full or read-only", err) &&
           proc_cache_file_path(job->cache, key, "module", job->artifact.module_path, err);
}

static bool compile(struct job *job, const struct digest *key, struct err *err)
{
    if (!find_room(job, key, err))
        return false;
    int lock = lock_module(job, key);
    bool ok = find_in_cache(job) || run_compiler(job, err);
    fd_close(&lock);
    return ok;
}

bool proc_compile_file(struct proc_cache *cache, const char *path,
                       const struct proc_compile_options *options, proc_progress_fn *progress,
                       void *user, struct proc_artifact *out, struct err *err)
{
    struct job job = {.cache = cache,
                      .path = path,
                      .options = options,
                      .progress = progress,
                      .user = user,
                      .module_fd = -1};
    struct digest_state state;
    struct digest key;
    bool ok = false;
    digest_init(&state, NULL);
    if (!proc_sibling_path("weirc", job.program, sizeof job.program, err) ||
        !add_identity(&job, &state, err) || !seal_module(&job, &state, err))
        goto out;
    digest_end(&state, &key);
    if (!proc_cache_file_path(cache, &key, "module", job.artifact.module_path, err))
        goto out;
    ok = find_in_cache(&job) || compile(&job, &key, err);
    if (ok)
        *out = job.artifact;
out:
    fd_close(&job.module_fd);
    return ok;
}
