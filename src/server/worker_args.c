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
    size_t count = 7 + SERVER_LIMITS + (size_t)module_count * 4, at = 0;
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
        snprintf(number, sizeof number, "%u", modules[i].signature.len);
        argv[at++] = copy(arena, modules[i].signature.bytes == NULL ? "-" : number);
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

int worker_signatures_file(const struct server_module *modules, u32 module_count, struct err *err)
{
    int fd = memfd_create("weir-signatures", MFD_CLOEXEC);
    bool ok = fd >= 0;
    for (u32 i = 0; ok && i < module_count; i++)
        ok = fd_write_all(fd, modules[i].signature.bytes, modules[i].signature.len);
    if (!ok) {
        err_sys(err, "cannot pass the signatures");
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
    config->lifeline_fd = PROC_FD_FIRST + WORKER_FD_LIFELINE;
    if (fcntl(config->lifeline_fd, F_GETFD) < 0)
        config->lifeline_fd = -1;
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

/* Modules' signatures are pieces of one file, in their order. */
static bool read_signatures(struct server_module *modules, u32 count, struct err *err)
{
    struct file_view view;
    size_t at = 0;
    int fd = PROC_FD_FIRST + WORKER_FD_SIGNATURES;
    if (!file_map_fd(fd, UINT32_MAX, "signatures", &view, err))
        return false;
    for (u32 i = 0; i < count; i++) {
        struct rt_text *text = &modules[i].signature;
        CHECK(text->len <= view.len - at);
        if (text->bytes != NULL && text->len > 0)
            text->bytes = (const char *)view.bytes + at;
        at += text->len;
    }
    fd_close(&fd);
    return true;
}

static bool read_modules(int count, char **args, struct arena *arena,
                         struct server_worker_config *config, struct err *err)
{
    if (count < 4 || count % 4 != 0 || count / 4 > MODULES_MAX)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "a worker needs modules");
    struct server_module *modules = arena_array(arena, struct server_module, (size_t)count / 4);
    CHECK(modules != NULL);
    for (int i = 0; i < count / 4; i++, args += 4) {
        modules[i] = (struct server_module){args[0], args[1], args[2], {NULL, 0}};
        if (strcmp(args[3], "-") != 0)
            modules[i].signature = (struct rt_text){"", (u32)strtoul(args[3], NULL, 10)};
    }
    config->modules = modules;
    config->module_count = (u32)count / 4;
    return read_signatures(modules, config->module_count, err);
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
    if (!read_modules(argc - at - 1, argv + at + 1, arena, config, err))
        return false;
    int grants_fd = PROC_FD_FIRST + WORKER_FD_GRANTS;
    if (!server_grants_read(grants_fd, arena, &config->grants, err))
        return false;
    fd_close(&grants_fd);
    config->announce = strcmp(argv[3], "-") == 0 ? NULL : argv[3];
    return read_descriptors(strtoull(argv[2], NULL, 10), config, err);
}
