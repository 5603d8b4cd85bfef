#include "server/worker_args.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/spawn.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MODULES_MAX 10000

static char *copy(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text));
}

char **worker_args_make(struct arena *arena, u32 index, const char *announce,
                        enum server_log_format log_format, const struct server_limits *limits,
                        const struct server_module *modules, u32 module_count)
{
    char number[16], limit[96];
    size_t count = 7 + SERVER_LIMITS + (size_t)module_count * 3, at = 0;
    char **argv = arena_array(arena, char *, count);
    CHECK(argv != NULL);
    snprintf(number, sizeof number, "%u", index);
    argv[at++] = "weir";
    argv[at++] = "worker";
    argv[at++] = copy(arena, number);
    argv[at++] = copy(arena, announce == NULL ? "-" : announce);
    argv[at++] = copy(arena, server_log_format_text(log_format));
    for (u32 i = 0; i < SERVER_LIMITS; i++) {
        server_limits_write(limits, i, limit, sizeof limit);
        argv[at++] = copy(arena, limit);
    }
    argv[at++] = "--";
    for (u32 i = 0; i < module_count; i++) {
        argv[at++] = copy(arena, modules[i].name);
        argv[at++] = copy(arena, modules[i].code_path);
        argv[at++] = copy(arena, modules[i].module_path);
    }
    CHECK(at < count);
    return argv;
}

int worker_key_file(const struct digest *key, struct err *err)
{
    int fd = memfd_create("weir-key", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, key->bytes, DIGEST_BYTES, 0) != DIGEST_BYTES) {
        err_sys(err, "cannot pass the artifact key");
        fd_close(&fd);
    }
    return fd;
}

static bool read_limits(int *at, int argc, char **argv, struct server_limits *limits,
                        struct err *err)
{
    *limits = server_limits_default();
    for (; *at < argc && strcmp(argv[*at], "--") != 0; (*at)++) {
        char *equals = strchr(argv[*at], '=');
        if (equals == NULL)
            return err_set(err, ERR_USAGE, ERR_NO_AT, "worker argument %s", argv[*at]);
        *equals = 0;
        if (!server_limits_set(limits, argv[*at], equals + 1, err))
            return false;
    }
    return *at < argc || err_set(err, ERR_USAGE, ERR_NO_AT, "a worker needs modules");
}

static bool read_descriptors(u64 index, struct server_worker_config *config, struct err *err)
{
    config->listener_fd = PROC_FD_FIRST + WORKER_FD_LISTENER;
    config->ready_fd = PROC_FD_FIRST + WORKER_FD_READY;
    if (fcntl(config->ready_fd, F_GETFD) < 0)
        config->ready_fd = -1;
    config->log_fd = PROC_FD_FIRST + WORKER_FD_LOG;
    if (fcntl(config->log_fd, F_GETFD) < 0)
        config->log_fd = -1;
    int key_fd = PROC_FD_FIRST + WORKER_FD_KEY, board_fd = PROC_FD_FIRST + WORKER_FD_BOARD;
    if (pread(key_fd, config->mac_key.bytes, DIGEST_BYTES, 0) != DIGEST_BYTES)
        return err_sys(err, "a worker is started by `weir serve`, not by hand");
    struct scoreboard *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, board_fd, 0);
    if (board == MAP_FAILED)
        return err_sys(err, "cannot map the scoreboard");
    CHECK(board->version == SCOREBOARD_VERSION && index < SCOREBOARD_WORKERS_MAX);
    if (board->supervisor_pid != (u64)getppid())
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "the supervisor has gone");
    config->board = &board->workers[index];
    fd_close(&key_fd);
    fd_close(&board_fd);
    return true;
}

bool worker_args_read(int argc, char **argv, struct arena *arena,
                      struct server_worker_config *config, struct err *err)
{
    *config = (struct server_worker_config){.listener_fd = -1, .ready_fd = -1, .log_fd = -1};
    if (argc < 5)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "a worker is started by `weir serve`, not by hand");
    int at = 5;
    if (!server_log_format_read(argv[4], &config->log_format, err) ||
        !read_limits(&at, argc, argv, &config->limits, err))
        return false;
    int rest = argc - at - 1;
    if (rest < 3 || rest % 3 != 0 || rest / 3 > MODULES_MAX)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "a worker needs modules");
    struct server_module *modules = arena_array(arena, struct server_module, (size_t)rest / 3);
    CHECK(modules != NULL);
    for (int i = 0; i < rest / 3; i++) {
        char **triple = argv + at + 1 + 3 * i;
        modules[i] = (struct server_module){triple[0], triple[1], triple[2]};
    }
    config->modules = modules;
    config->module_count = (u32)rest / 3;
    config->announce = strcmp(argv[3], "-") == 0 ? NULL : argv[3];
    return read_descriptors(strtoull(argv[2], NULL, 10), config, err);
}
