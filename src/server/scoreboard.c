#include "server/scoreboard.h"
#include "base/check.h"
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads from the header how many workers there are. False: the board has another size. */
static bool fits(const struct scoreboard *board, size_t len, u64 route_count, u32 *worker_count)
{
    u64 count = *(const volatile u64 *)&board->worker_count;
    *worker_count = (u32)count;
    return len >= sizeof *board && count <= SCOREBOARD_WORKERS_MAX &&
           len >= scoreboard_size(count, route_count);
}

struct scoreboard *scoreboard_map(int fd, bool is_writable, u64 route_count, u32 *worker_count,
                                  struct err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        err_sys(err, "cannot look at the scoreboard");
        return NULL;
    }
    size_t len = (size_t)info.st_size;
    int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
    struct scoreboard *board = mmap(NULL, len, protection, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED) {
        err_sys(err, "cannot map the scoreboard");
        return NULL;
    }
    if (board->supervisor_pid != (u64)getppid()) {
        err_set(err, ERR_SYSTEM, ERR_NO_AT, "the supervisor has gone");
        return NULL;
    }
    CHECK(fits(board, len, route_count, worker_count));
    return board;
}
