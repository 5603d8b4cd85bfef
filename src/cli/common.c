#include "cli/cli.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term != NULL && term[0] != 0 && strcmp(term, "dumb") != 0;
}

static void show_progress(void *user, const char *path, u64 elapsed_ms)
{
    (void)user;
    fprintf(stderr, "\rcompiling %s, %" PRIu64 " s", path, elapsed_ms / 1000);
}

bool cli_compile(struct proc_cache *cache, const char *path, const struct cli_options *options,
                 struct proc_artifact *out, struct err *err)
{
    bool able = terminal_is_able();
    bool ok = proc_compile_file(cache, path, &options->compile, able ? show_progress : NULL, NULL,
                                out, err);
    if (able && (!ok || !out->was_cached))
        fprintf(stderr, "\r\x1b[K");
    return ok;
}
