/*
 * compiler/compiler.h -- the parts of weirc, the program that turns modules into machine code.
 *
 * Only this program decodes modules. As a job it runs jailed and talks on one socket
 * (proc/message.h); `weirc dump` shows every stage of a compile to people and to tests.
 */
#pragma once
#include "wasm/wasm.h"
#include "base/file.h"

/* A module read from a file: its bytes, decoded and validated. */
struct compiler_module {
    struct file_view file;
    struct arena arena;
    struct wasm_module *wasm;
};

/* borrows fd. returns initialised, also on failure: finish with compiler_module_fini. */
MUST_CHECK bool compiler_module_init(struct compiler_module *m, int fd, bool validate,
                                     struct err *err);
void compiler_module_fini(struct compiler_module *m);

/* Serves jobs on the socket: one, or all until its end. Returns the exit status. */
int compiler_serve(int socket, bool many);

/* `weirc dump ...`, argv behind that word. Returns the exit status. */
int compiler_dump(int argc, char **argv);
