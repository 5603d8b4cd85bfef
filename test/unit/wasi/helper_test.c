/* The helper process: killed, restarted, spoken to in garbage, asked more than it takes at once. */
#include "test/unit/wasi/guest_run.h"
#include "wasi/message.h"
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROOT = 3 };

static struct guest_run *begin(void)
{
    struct guest_run *run = guest_run_begin();
    struct err err = {0};
    guest_run_must(wasi_helper_create(&run->helper, run->loop, guest_helper_start, NULL, &err),
                   &err);
    guest_new(run, NULL);
    guest_run_must(wasi_guest_add_dir(run->guest, run->folder, "/", &err), &err);
    return run;
}

static void make_and_stat(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 len = guest_put(i, AT_PATH, "d", 1);
    u32 error = wasi_p1_path_create_directory(i, ROOT, AT_PATH, len);
    assert_true(error == WASI_SUCCESS || error == WASI_EXIST);
    assert_int_equal(wasi_p1_path_filestat_get(i, ROOT, 0, AT_PATH, len, AT_STAT), WASI_SUCCESS);
    assert_int_equal(wasi_bytes(i, AT_STAT + 16, 1)[0], WASI_FILETYPE_DIRECTORY);
}

static void fail_with_io(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 len = guest_put(i, AT_PATH, "d", 1);
    assert_int_equal(wasi_p1_path_filestat_get(i, ROOT, 0, AT_PATH, len, AT_STAT), WASI_IO);
}

/* From here on the helper answers nothing. */
static pid_t stop_helper(const struct guest_run *run)
{
    pid_t pid = wasi_helper_pid(run->helper);
    int status;
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

/* The call on its way when the helper dies fails; the next one finds a new helper. */
static void a_killed_helper_is_started_again(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    for (u32 k = 0; k < 5; k++) {
        guest_do(run, make_and_stat);
        assert_int_equal(run->kind, ABI_TRAP_NONE);
        pid_t pid = stop_helper(run);
        guest_start(run, fail_with_io);
        for (u32 turn = 0; turn < 4; turn++)
            sched_turn(run->sched, 0);
        assert_false(run->is_done);
        assert_int_equal(kill(pid, SIGKILL), 0);
        guest_finish(run);
        assert_int_equal(run->kind, ABI_TRAP_NONE);
        assert_int_equal(wasi_helper_pid(run->helper), 0);
    }
    guest_do(run, make_and_stat);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
    errno = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left, not even dead */
    assert_int_equal(errno, ECHILD);
}

/* ---- a helper that somebody else starts ---- */

static u32 asked; /* so often */

static bool start_later(void *arg, int *fd, pid_t *pid, struct err *err)
{
    (void)arg;
    (void)err;
    *fd = -1;
    *pid = 0;
    asked++;
    return true;
}

static void wait_a_while(struct guest_run *run)
{
    for (u32 turn = 0; turn < 4; turn++)
        sched_turn(run->sched, 0);
    assert_false(run->is_done);
}

/* Calls wait for it, fail if it does not come, and ask again the next time. */
static void a_helper_may_come_later(void **state)
{
    (void)state;
    struct guest_run *run = guest_run_begin();
    struct err err = {0};
    int fd = -1;
    pid_t pid = 0;
    asked = 0;
    guest_run_must(wasi_helper_create(&run->helper, run->loop, start_later, NULL, &err), &err);
    guest_new(run, NULL);
    guest_run_must(wasi_guest_add_dir(run->guest, run->folder, "/", &err), &err);
    guest_start(run, fail_with_io);
    wait_a_while(run);
    wasi_helper_started(run->helper, -1);
    guest_finish(run);
    assert_int_equal(asked, 1);
    guest_start(run, make_and_stat);
    wait_a_while(run);
    assert_int_equal(asked, 2);
    guest_run_must(guest_helper_start(NULL, &fd, &pid, &err), &err);
    wasi_helper_started(run->helper, fd);
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    assert_int_equal(asked, 2);
    wasi_helper_started(run->helper, dup(STDIN_FILENO)); /* one too many is let go */
    guest_do(run, make_and_stat);
    guest_run_end(run);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void open_file(struct guest_run *run, struct rt_instance *i)
{
    u32 fd;
    (void)run;
    guest_open(i, ROOT, "file", WASI_OFLAG_CREAT, WASI_RIGHT_OF(FD_READ), &fd);
}

/* What a killed guest had asked for comes back later, and is let go. */
static void a_killed_guest_leaves_no_answer(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    guest_do(run, make_and_stat);
    u32 before = count_host_fds(getpid());
    for (u32 k = 0; k < 10; k++) {
        pid_t pid = stop_helper(run);
        guest_start(run, open_file);
        for (u32 turn = 0; turn < 4; turn++)
            sched_turn(run->sched, 0);
        sched_cancel(run->task, ABI_TRAP_CANCELLED);
        assert_int_equal(run->kind, ABI_TRAP_CANCELLED);
        assert_int_equal(kill(pid, SIGCONT), 0);
        guest_do(run, make_and_stat); /* whose answers come behind the other one */
    }
    for (u32 k = 0; k < 100 && count_host_fds(getpid()) != before; k++)
        guest_do(run, make_and_stat);
    assert_int_equal(count_host_fds(getpid()), before);
    guest_run_end(run);
}

/* A started helper to talk to by hand. */
struct talk {
    int sock;
    pid_t pid;
    u8 bytes[WASI_REQUEST_MAX];
};

static void talk_begin(struct talk *talk)
{
    struct err err = {0};
    guest_run_must(guest_helper_start(NULL, &talk->sock, &talk->pid, &err), &err);
}

static void talk_end(struct talk *talk)
{
    int status;
    close(talk->sock);
    assert_int_equal(waitpid(talk->pid, &status, 0), talk->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A right request; the helper must answer it, whatever it was told before. */
static void talk_check(struct talk *talk, u64 id)
{
    int dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC), fds[WASI_HELPER_FDS_MAX];
    u32 fd_count;
    struct wasi_request_head head = {.id = id, .op.kind = WASI_OP_STAT_PATH, .path_len = {1}};
    struct wasi_reply_head reply;
    struct iovec iov[] = {{&head, sizeof head}, {(char[]){"."}, 2}};
    assert_true(wasi_message_send(talk->sock, iov, 2, &dir, 1, 0) > 0);
    do { /* answers to garbage that happened to be a request come before */
        ssize_t len =
            wasi_message_receive(talk->sock, talk->bytes, sizeof talk->bytes, fds, &fd_count, 0);
        assert_true(len >= (ssize_t)sizeof reply);
        memcpy(&reply, talk->bytes, sizeof reply);
        for (u32 i = 0; i < WASI_HELPER_FDS_MAX; i++)
            fd_close(&fds[i]);
    } while (reply.id != id);
    assert_int_equal(reply.op.error, WASI_SUCCESS);
    assert_int_equal(reply.op.stat.filetype, WASI_FILETYPE_DIRECTORY);
    close(dir);
}

/* Every field of a right message made wrong, and noise. Nothing of it may name a real directory. */
static void garbage_is_survived(void **state)
{
    (void)state;
    struct talk *talk = check_alloc(sizeof *talk);
    u64 seed = 99;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[2] = {null, null};
    talk_begin(talk);
    talk_check(talk, 1);
    u32 before = count_host_fds(talk->pid);
    for (u32 k = 0; k < 3000; k++) {
        struct wasi_request_head head = {.id = 5};
        size_t len = sizeof head;
        for (size_t at = 0; at < 256; at++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            talk->bytes[at] = (u8)(seed >> 56);
        }
        head.op.kind = k % 3 == 0 ? talk->bytes[0] : k % WASI_OP_COUNT;
        head.path_len[0] = k % 5 == 0 ? UINT32_MAX : talk->bytes[1] % 32;
        head.path_len[1] = talk->bytes[2] % 32;
        head.byte_count = k % 7 == 0 ? UINT32_MAX : talk->bytes[3];
        if (k % 4 != 0)
            memcpy(talk->bytes, &head, sizeof head);
        len = k % 9 == 0 ? (size_t)talk->bytes[200] % sizeof head + 1 : len + talk->bytes[201];
        struct iovec iov = {talk->bytes, len};
        assert_true(wasi_message_send(talk->sock, &iov, 1, fds, k % 3, 0) > 0);
        if (k % 100 == 0)
            talk_check(talk, 1000 + k);
    }
    talk_check(talk, 2);
    for (u32 k = 0; k < 100 && count_host_fds(talk->pid) > before; k++)
        talk_check(talk, 10000 + k); /* the other threads finish what they do */
    assert_true(count_host_fds(talk->pid) <= before);
    close(null);
    talk_end(talk);
    free(talk);
}

/* ---- a helper that lies ---- */

static int liar = -1; /* the test's end of its socket */

static bool start_liar(void *arg, int *fd, pid_t *pid, struct err *err)
{
    int pair[2];
    (void)arg;
    (void)err;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    fd_close(&liar);
    *fd = pair[0];
    liar = pair[1];
    *pid = 0;
    return true;
}

struct lie {
    enum wasi_op_kind kind; /* of the call that is answered */
    u32 error, byte_count;
    u64 value;
    size_t len; /* of the message; 0: what belongs to byte_count */
    u32 fds;
};
static const struct lie lies[] = {
    {.kind = WASI_OP_STAT_PATH, .len = 1},
    {.kind = WASI_OP_STAT_PATH, .len = sizeof(struct wasi_reply_head) - 1},
    {.kind = WASI_OP_STAT_PATH, .len = sizeof(struct wasi_reply_head) + 1},
    {.kind = WASI_OP_STAT_PATH, .error = WASI_ERRNO_COUNT},
    {.kind = WASI_OP_STAT_PATH, .error = UINT32_MAX},
    {.kind = WASI_OP_STAT_PATH, .byte_count = 8, .value = 8},
    {.kind = WASI_OP_STAT_PATH, .fds = 1},
    {.kind = WASI_OP_OPEN},
    {.kind = WASI_OP_OPEN, .fds = 2},
    {.kind = WASI_OP_OPEN, .error = WASI_NOENT, .fds = 1},
    {.kind = WASI_OP_READ, .byte_count = 101, .value = 101},
    {.kind = WASI_OP_READ, .byte_count = 60000, .value = 60000},
    {.kind = WASI_OP_READ, .byte_count = 10, .value = 100},
    {.kind = WASI_OP_READ, .value = UINT64_MAX},
    {.kind = WASI_OP_READ, .byte_count = UINT32_MAX, .len = sizeof(struct wasi_reply_head)},
    {.kind = WASI_OP_WRITE, .value = 101},
    {.kind = WASI_OP_WRITE, .value = UINT64_MAX},
};
static const struct lie *the_lie;

static void ask_a_liar(struct guest_run *run, struct rt_instance *i)
{
    u32 fd, len, error = WASI_SUCCESS;
    struct wasi_fd *root = &run->guest->fds[ROOT]; /* a directory will do as a file, too */
    guest_iov(i, AT_DATA, 100);
    len = guest_put(i, AT_PATH, "d", 1);
    root->base = WASI_RIGHTS_ALL;
    if (the_lie->kind == WASI_OP_STAT_PATH)
        error = wasi_p1_path_filestat_get(i, ROOT, 0, AT_PATH, len, AT_STAT);
    else if (the_lie->kind == WASI_OP_OPEN)
        error = guest_open(i, ROOT, "d", 0, 0, &fd);
    else if (the_lie->kind == WASI_OP_READ)
        error = wasi_p1_fd_read(i, ROOT, AT_IOVS, 1, AT_RESULT);
    else
        error = wasi_p1_fd_write(i, ROOT, AT_IOVS, 1, AT_RESULT);
    assert_int_equal(error, WASI_IO);
}

static void tell(const struct lie *lie, struct talk *talk)
{
    int fds[WASI_HELPER_FDS_MAX], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int nulls[] = {null, null};
    u32 fd_count;
    struct wasi_request_head request;
    assert_true(wasi_message_receive(liar, talk->bytes, sizeof talk->bytes, fds, &fd_count, 0) >=
                (ssize_t)sizeof request);
    memcpy(&request, talk->bytes, sizeof request);
    assert_int_equal(request.op.kind, lie->kind);
    const struct wasi_reply_head reply = {.id = request.id,
                                          .op = {.error = lie->error, .value = lie->value},
                                          .byte_count = lie->byte_count};
    memset(talk->bytes, 'x', sizeof talk->bytes);
    memcpy(talk->bytes, &reply, sizeof reply);
    const struct iovec iov = {talk->bytes,
                              lie->len != 0 ? lie->len : sizeof reply + lie->byte_count};
    assert_true(wasi_message_send(liar, &iov, 1, nulls, lie->fds, 0) > 0);
    for (u32 i = 0; i < WASI_HELPER_FDS_MAX; i++)
        fd_close(&fds[i]);
    close(null);
}

/* An answer that cannot be one ends the conversation, and only the guest whose call it was sees
 * anything of it. */
static void a_lying_helper_is_left(void **state)
{
    (void)state;
    struct guest_run *run = guest_run_begin();
    struct talk *talk = check_alloc(sizeof *talk);
    struct err err = {0};
    guest_run_must(wasi_helper_create(&run->helper, run->loop, start_liar, NULL, &err), &err);
    guest_new(run, NULL);
    guest_run_must(wasi_guest_add_dir(run->guest, run->folder, "/", &err), &err);
    u32 before = count_host_fds(getpid());
    for (size_t k = 0; k < COUNT_OF(lies); k++) {
        the_lie = &lies[k];
        guest_start(run, ask_a_liar);
        for (u32 turn = 0; turn < 3; turn++)
            sched_turn(run->sched, 0);
        assert_false(run->is_done);
        tell(the_lie, talk);
        guest_finish(run);
        assert_int_equal(run->kind, ABI_TRAP_NONE);
        assert_int_equal(wasi_guest_fd_count(run->guest), 1);
    }
    fd_close(&liar);
    assert_true(count_host_fds(getpid()) < before);
    free(talk);
    guest_run_end(run);
}

#define MANY  200u
#define BYTES 60000u /* four of them are more than the socket takes */

static void open_big(struct guest_run *run, struct rt_instance *i)
{
    u32 fd;
    (void)run;
    assert_int_equal(guest_open(i, ROOT, "big", WASI_OFLAG_CREAT, WASI_RIGHT_OF(FD_WRITE), &fd),
                     WASI_SUCCESS);
    assert_int_equal(fd, ROOT + 1);
}

static void write_big(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    guest_iov(i, AT_DATA, BYTES);
    assert_int_equal(wasi_p1_fd_write(i, ROOT + 1, AT_IOVS, 1, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), BYTES);
}

struct many {
    struct rt_instance *instance;
    bool is_done;
};

static void many_done(void *arg, const struct sched_result *result)
{
    struct many *many = arg;
    assert_true(result->trap == NULL || result->trap->kind == ABI_TRAP_CANCELLED);
    many->is_done = true;
    rt_pool_release(the_run.pool, &many->instance);
}

/* More requests than its socket takes wait for their turn. */
static void a_slow_helper_gets_all_requests(void **state)
{
    (void)state;
    static struct many many[MANY];
    struct guest_run *run = begin();
    union abi_value args[2] = {{0}};
    struct sched_task *task;
    guest_do(run, open_big);
    pid_t pid = stop_helper(run);
    run->body = write_big;
    for (u32 k = 0; k < MANY; k++) {
        many[k] = (struct many){0};
        assert_true(rt_pool_take(run->pool, &many[k].instance, NULL));
        const struct sched_call call = {.instance = many[k].instance,
                                        .func = GUEST_CALL_HOST,
                                        .args = args,
                                        .done = many_done,
                                        .arg = &many[k],
                                        .guest = run->guest};
        assert_true(sched_start(run->sched, &call, &task, NULL));
        sched_turn(run->sched, 0);
    }
    for (u32 k = 0; k < 10; k++)
        sched_turn(run->sched, 0);
    assert_int_equal(sched_task_count(run->sched), MANY);
    sched_cancel(task, ABI_TRAP_CANCELLED); /* the last in the queue */
    assert_true(many[MANY - 1].is_done);
    assert_int_equal(kill(pid, SIGCONT), 0);
    while (sched_task_count(run->sched) > 0)
        sched_turn(run->sched, UINT64_MAX);
    for (u32 k = 0; k < MANY; k++)
        assert_true(many[k].is_done);
    struct stat st;
    assert_int_equal(fstat(run->guest->fds[ROOT + 1].host, &st), 0);
    assert_int_equal(st.st_size, (MANY - 1) * BYTES);
    guest_run_end(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_helper_is_started_again),
        cmocka_unit_test(a_helper_may_come_later),
        cmocka_unit_test(a_killed_guest_leaves_no_answer),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(a_lying_helper_is_left),
        cmocka_unit_test(a_slow_helper_gets_all_requests),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
