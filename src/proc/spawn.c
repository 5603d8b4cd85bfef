#include "proc/spawn.h"
#include "base/check.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* dup2 over a number that is still a source would lose it: first move all sources out of the way,
 * above every target. returns owned descriptors in moved[]. */
static bool move_sources(const int *fds, size_t count, int *moved, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] < 0)
            continue;
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PROC_FD_FIRST + PROC_FDS_MAX);
        if (moved[i] < 0)
            return err_sys(err, "cannot pass a descriptor to a new process");
    }
    return true;
}

static bool set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, const int *moved,
                   size_t count)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int bad = posix_spawnattr_setsigmask(attr, &none) | posix_spawnattr_setsigdefault(attr, &all) |
              posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) |
              posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    for (size_t i = 0; i < count; i++)
        bad |= moved[i] < 0
                   ? posix_spawn_file_actions_addclose(actions, PROC_FD_FIRST + (int)i)
                   : posix_spawn_file_actions_adddup2(actions, moved[i], PROC_FD_FIRST + (int)i);
    bad |= posix_spawn_file_actions_addclosefrom_np(actions, PROC_FD_FIRST + (int)count);
    return bad == 0;
}

bool proc_spawn(const char *path, char *const argv[], const int *fds, size_t fd_count, pid_t *out,
                struct err *err)
{
    CHECK(fd_count <= PROC_FDS_MAX);
    bool ok = false;
    int moved[PROC_FDS_MAX];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    for (size_t i = 0; i < PROC_FDS_MAX; i++)
        moved[i] = -1;
    CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attr) == 0);
    if (!move_sources(fds, fd_count, moved, err))
        goto out;
    if (!set_up(&actions, &attr, moved, fd_count)) {
        err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot prepare a new process");
        goto out;
    }
    errno =
        posix_spawn(out, path == NULL ? "/proc/self/exe" : path, &actions, &attr, argv, environ);
    if (errno != 0)
        err_sys(err, "cannot start %s", path == NULL ? argv[0] : path);
    else
        ok = true;
out:
    for (size_t i = 0; i < PROC_FDS_MAX; i++)
        fd_close(&moved[i]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return ok;
}

void proc_leave_terminal(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

int proc_fd_inherited(size_t index)
{
    int fd = PROC_FD_FIRST + (int)index;
    return fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

bool proc_sibling_path(const char *name, char *out, size_t out_len, struct err *err)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return err_sys(err, "cannot find the running program");
    self[len] = 0;
    char *slash = strrchr(self, '/');
    CHECK(slash != NULL);
    *slash = 0;
    int need = snprintf(out, out_len, "%s/%s", self, name);
    if (need < 0 || (size_t)need >= out_len)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the path of %s is too long", name);
    if (access(out, X_OK) != 0)
        return err_sys(err, "cannot run %s", out);
    return true;
}

void proc_status_text(int status, char *out, size_t out_len)
{
    if (WIFSIGNALED(status))
        snprintf(out, out_len, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, out_len, "exit status %d", WEXITSTATUS(status));
}
