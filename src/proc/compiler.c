/*
 * proc/compiler.c -- the process that compiles: its start, its folder, its end.
 */
#include "base/check.h"
#include "base/file.h"
#include "proc/internal.h"
#include "proc/spawn.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

void proc_compiler_init(struct proc_compiler *compiler, struct proc_cache *cache)
{
    *compiler = (struct proc_compiler){.cache = cache, .socket = -1};
}

void proc_compiler_create(struct proc_compiler **out, struct proc_cache *cache)
{
    *out = check_alloc(sizeof **out);
    proc_compiler_init(*out, cache);
    (*out)->is_batch = true;
}

void proc_compiler_destroy(struct proc_compiler **compiler)
{
    if (*compiler == NULL)
        return;
    proc_compiler_stop(*compiler, 0);
    free(*compiler);
    *compiler = NULL;
}

static bool start(struct proc_compiler *compiler, char *program, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_sys(err, "cannot make a socket for the compiler");
    compiler->socket = pair[0];
    char *argv[] = {"weirc", compiler->is_batch ? "--batch" : "--job", NULL};
    bool ok = proc_spawn(program, argv, &pair[1], 1, &compiler->process, err);
    fd_close(&pair[1]);
    return ok;
}

bool proc_compiler_start(struct proc_compiler *compiler, char *program, u64 cpu_s, u64 memory_bytes,
                         struct err *err)
{
    if (compiler->process != 0 && compiler->cpu_s == cpu_s &&
        compiler->memory_bytes == memory_bytes)
        return true;
    proc_compiler_stop(compiler, 0);
    compiler->cpu_s = cpu_s;
    compiler->memory_bytes = memory_bytes;
    compiler->jobs = 0;
    return proc_cache_job_create(compiler->cache, compiler->folder, err) &&
           start(compiler, program, err);
}

int proc_compiler_stop(struct proc_compiler *compiler, int wait_ms)
{
    int status = 0;
    if (compiler->process > 0) {
        struct pollfd end = {.fd = pidfd_open(compiler->process, 0), .events = POLLIN};
        if (end.fd >= 0 && wait_ms > 0)
            poll(&end, 1, wait_ms);
        fd_close(&end.fd);
        kill(compiler->process, SIGKILL);
        waitpid(compiler->process, &status, 0);
        compiler->process = 0;
    }
    fd_close(&compiler->socket);
    if (compiler->folder[0] != 0)
        proc_cache_job_remove(compiler->folder);
    compiler->folder[0] = 0;
    return status;
}
