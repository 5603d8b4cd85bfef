/*
 * proc/message.h -- what weir and weirc say to each other: text lines over SOCK_SEQPACKET.
 *
 * One message is one packet of at most PROC_MESSAGE_MAX bytes without NUL.
 *   parent    job N quick|best lax|strict CPU_S MEMORY_BYTES\n DIR   with the module's descriptor;
 *             DIR and the limits are those of the process's first job
 *   compiler  key HEX            key of the code file; the parent answers
 *   parent    have | need
 *   compiler  progress DONE TOTAL           functions; after need, any number of times
 *   compiler  done               N.module, and N.code unless the parent had it, are in DIR
 *   compiler  error CODE OFFSET TEXT      stable code; offset decimal or "-"
 */
#pragma once
#include "base/err.h"

#define PROC_MESSAGE_MAX 8192

/* Exit status of a compiler that met its limit on memory: it cannot say anything any more. */
#define PROC_EXIT_MEMORY 99

/* Sends one message, with a descriptor unless fd is -1. False: errno. */
MUST_CHECK bool proc_message_send(int socket, int fd, const char *format, ...) PRINTF_LIKE(3, 4);

/* Receives one message into text, zero-terminated, within timeout_ms (-1: no limit); *fd is the
 * descriptor that came with it, owned by the caller, or -1. Returns the length, 0 at the end of
 * the conversation, -1 for an error or a message that is too long, -2 for the time limit. */
long proc_message_receive(int socket, char text[PROC_MESSAGE_MAX], int *fd, int timeout_ms);
