/*
 * compiler/compiler.h -- the commands of weirc: jobs for weir, dumps for people.
 */
#pragma once
#include "base/err.h"

/* Serves jobs that arrive on socket (proc/message.h): one, or with many until the other side has
 * gone. The first message decides the folder and the limits of the jail that this process enters
 * before it looks at a module. Returns an exit status. */
int compiler_serve(int socket, bool many);

/* `weirc dump --STAGE FILE`: prints one stage of the compile to standard output. */
int compiler_dump(int argc, char **argv);
