#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS          1000 /* shorter compiles leave no line */
#define SHOWN_PATH_BYTES 41

int cli_fail(const struct err *err)
{
    fprintf(stderr, "weir: %s", err->text);
    if (err->at != ERR_NO_AT)
        fprintf(stderr, " (at offset 0x%" PRIx64 ")", err->at);
    fputc('\n', stderr);
    return err_code_exit(err->code);
}

/* A terminal on which a line may be drawn over. */
static bool terminal_is_able(void)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && term != NULL && term[0] != 0 && strcmp(term, "dumb") != 0 &&
           (no_color == NULL || no_color[0] == 0);
}

/* What has been shown of a compile. */
struct shown {
    bool is_able;
    bool has_line;  /* one that the next may be drawn over */
    bool has_begun; /* the plain line that says so */
    u64 elapsed_ms;
};

/* The end of a path, plain, short enough for any terminal. */
static void shorten(const char *path, char out[SHOWN_PATH_BYTES])
{
    size_t len = strlen(path), keep = SHOWN_PATH_BYTES - sizeof "...";
    snprintf(out, SHOWN_PATH_BYTES, "%s%s", len > keep ? "..." : "",
             len > keep ? path + len - keep : path);
    text_make_plain(out, strlen(out));
}

static void show_progress(void *user, const struct proc_progress *progress)
{
    struct shown *shown = user;
    char path[SHOWN_PATH_BYTES];
    shorten(progress->module_path, path);
    shown->elapsed_ms = progress->elapsed_ms;
    if (shown->is_able) {
        fprintf(stderr, "\r\x1b[Kcompiling %s, %" PRIu64 " s", path, progress->elapsed_ms / 1000);
        if (progress->total > 0)
            fprintf(stderr, ", %u of %u functions", progress->done, progress->total);
        shown->has_line = true;
    } else if (!shown->has_begun && progress->elapsed_ms >= LONG_MS) {
        fprintf(stderr, "compiling %s\n", path);
        shown->has_begun = true;
    }
}

bool cli_compile(struct proc_cache *cache, const char *path, const struct cli_options *options,
                 struct proc_artifact *out, struct err *err)
{
    struct shown shown = {.is_able = terminal_is_able()};
    char name[SHOWN_PATH_BYTES];
    u64 start_ns = clock_monotonic_ns();
    bool ok = proc_compile_file(cache, path, &options->compile, show_progress, &shown, out, err);
    u64 took_ms = (clock_monotonic_ns() - start_ns) / 1000000;
    if (shown.has_line)
        fprintf(stderr, "\r\x1b[K");
    if (ok && shown.elapsed_ms >= LONG_MS) {
        shorten(path, name);
        fprintf(stderr, "compiled %s in %" PRIu64 ".%" PRIu64 " s\n", name, took_ms / 1000,
                took_ms / 100 % 10);
    }
    return ok;
}
