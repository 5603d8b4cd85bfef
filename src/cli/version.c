#include "abi/abi.h"
#include "cli/internal.h"

int cli_version(const struct cli_options *options)
{
    struct err err = {0};
    if (options->rest_count > 0) {
        err_set(&err, ERR_USAGE, ERR_NO_AT, "weir version takes no arguments");
        return cli_fail(&err);
    }
    struct buf out;
    buf_init(&out, 4 * KIB);
    if (options->json)
        buf_add_format(&out, "{\"version\":\"%s\",\"abi\":%d}\n", WEIR_VERSION, ABI_VERSION);
    else
        buf_add_format(&out, "weir %s\n", WEIR_VERSION);
    int status = cli_print(&out);
    buf_fini(&out);
    return status;
}
