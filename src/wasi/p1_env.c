/*
 * wasi/p1_env.c -- arguments, environment, clocks, random numbers, the end of the program.
 */
#include "base/file.h"
#include "wasi/internal.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SIGNAL_COUNT 31u

/* ---- lists of texts ---- */

struct texts {
    const char *const *items;
    u32 count;
};

static struct texts args_of(const struct rt_instance *instance)
{
    const struct wasi_guest *guest = wasi_guest_of(instance);
    return guest == NULL ? (struct texts){0}
                         : (struct texts){guest->options.args, guest->options.arg_count};
}

static struct texts env_of(const struct rt_instance *instance)
{
    const struct wasi_guest *guest = wasi_guest_of(instance);
    return guest == NULL ? (struct texts){0}
                         : (struct texts){guest->options.env, guest->options.env_count};
}

static u32 sizes(struct rt_instance *instance, struct texts texts, u32 count_addr, u32 len_addr)
{
    u32 len = 0; /* bounded by wasi_guest_create */
    for (u32 i = 0; i < texts.count; i++)
        len += (u32)strlen(texts.items[i]) + 1;
    bool ok = wasi_store_u32(instance, count_addr, texts.count) &&
              wasi_store_u32(instance, len_addr, len);
    return ok ? WASI_SUCCESS : WASI_FAULT;
}

static u32 get(struct rt_instance *instance, struct texts texts, u32 list_addr, u32 text_addr)
{
    for (u32 i = 0; i < texts.count; i++) {
        size_t len = strlen(texts.items[i]) + 1;
        if (!wasi_store_u32(instance, list_addr, text_addr) ||
            !wasi_store(instance, text_addr, texts.items[i], len))
            return WASI_FAULT;
        list_addr += (u32)sizeof(u32);
        text_addr += (u32)len;
    }
    return WASI_SUCCESS;
}

u32 wasi_p1_args_sizes_get(struct rt_instance *instance, u32 argc, u32 argv_buf_len)
{
    return sizes(instance, args_of(instance), argc, argv_buf_len);
}

u32 wasi_p1_args_get(struct rt_instance *instance, u32 argv, u32 argv_buf)
{
    return get(instance, args_of(instance), argv, argv_buf);
}

u32 wasi_p1_environ_sizes_get(struct rt_instance *instance, u32 count, u32 buf_len)
{
    return sizes(instance, env_of(instance), count, buf_len);
}

u32 wasi_p1_environ_get(struct rt_instance *instance, u32 environ, u32 environ_buf)
{
    return get(instance, env_of(instance), environ, environ_buf);
}

/* ---- clocks and random numbers ---- */

/* The clocks of the process are those of the guest's task: another's time is not its business. */
static bool clock_read(const struct rt_instance *instance, u32 id, u64 *out)
{
    struct timespec now;
    switch (id) {
    case WASI_CLOCK_REALTIME:
        clock_gettime(CLOCK_REALTIME, &now);
        *out = (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
        return true;
    case WASI_CLOCK_MONOTONIC: *out = clock_monotonic_ns(); return true;
    case WASI_CLOCK_PROCESS:
    case WASI_CLOCK_THREAD: *out = sched_task_cpu_ns(sched_task_of(instance)); return true;
    default: return false;
    }
}

u32 wasi_p1_clock_time_get(struct rt_instance *instance, u32 id, u64 precision, u32 time)
{
    u64 now;
    (void)precision;
    if (!clock_read(instance, id, &now))
        return WASI_INVAL;
    return wasi_store_u64(instance, time, now) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_clock_res_get(struct rt_instance *instance, u32 id, u32 resolution)
{
    u64 now;
    if (!clock_read(instance, id, &now))
        return WASI_INVAL;
    return wasi_store_u64(instance, resolution, 1) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_random_get(struct rt_instance *instance, u32 buf, u32 buf_len)
{
    if (wasi_bytes(instance, buf, buf_len) == NULL)
        return WASI_FAULT;
    for (u32 done = 0; done < buf_len;) {
        size_t piece = min_u64(buf_len - done, WASI_PIECE_MAX);
        ssize_t len = getrandom(wasi_bytes(instance, buf + done, piece), piece, 0);
        if (len < 0 && errno != EINTR)
            return wasi_errno_of(errno);
        done += len < 0 ? 0 : (u32)len;
        if (done < buf_len)
            wasi_yield(instance);
    }
    return WASI_SUCCESS;
}

/* ---- the end ---- */

static NO_RETURN void end_guest(struct rt_instance *instance, u32 code)
{
    struct wasi_guest *guest = wasi_guest_of(instance);
    if (guest != NULL) {
        guest->has_exited = true;
        guest->exit_code = code;
    }
    rt_host_end(instance, ABI_TRAP_EXIT);
}

void wasi_p1_proc_exit(struct rt_instance *instance, u32 code)
{
    end_guest(instance, code);
}

/* A guest has no handlers: a signal is ignored, or ends it as a shell reports it. */
u32 wasi_p1_proc_raise(struct rt_instance *instance, u32 signal)
{
    static const u8 ignored[] = {0, 16, 17, 22, 27}; /* none, chld, cont, urg, winch */
    if (signal >= SIGNAL_COUNT)
        return WASI_INVAL;
    for (size_t i = 0; i < sizeof ignored; i++)
        if (signal == ignored[i])
            return WASI_SUCCESS;
    end_guest(instance, 128 + signal);
}

u32 wasi_p1_sched_yield(struct rt_instance *instance)
{
    wasi_yield(instance);
    return WASI_SUCCESS;
}
