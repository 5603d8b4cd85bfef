/*
 * server/conn.h -- one client's connection, for the two files that move its bytes: conn.c reads and
 * decides, conn_send.c sends answers, whole or as a program writes them.
 */
#pragma once
#include "server/internal.h"
#include <netinet/in.h>

/* Of a program's body, and of its answer, that may wait. */
#define SERVER_STREAM_BYTES ((size_t)(64 * KIB))

/* For a client that may have closed only its own side. */
#define SERVER_GONE_NS ((u64)1000000000)

/* A connection reads one request, waits for its answer, sends it, and only then reads on. */
enum conn_state {
    CONN_IDLE,   /* nothing of the next request has come */
    CONN_HEAD,   /* a part of its head has */
    CONN_BODY,   /* its head is complete */
    CONN_CALL,   /* it is complete; the answer is being made */
    CONN_STREAM, /* a program runs: its body comes in, and its answer may go out meanwhile */
    CONN_SEND,   /* the answer is on its way */
    CONN_LINGER, /* answered and shut; what still comes is thrown away. RFC 9112 section 9.6 */
    CONN_CLOSED  /* in the list of free ones */
};

struct conn {
    struct loop_watch watch;
    struct loop_timer timer;
    struct worker *worker;
    struct conn *next, *prev; /* in the list of open, or free, ones */
    enum conn_state state;
    u32 events;      /* being watched */
    bool is_rude;    /* the client's request was not read to its end: linger */
    bool was_served; /* its last request was not refused */
    bool is_paced;   /* and this one followed at once */
    bool next_came;  /* CALL, STREAM: bytes behind the request, or the end */
    u64 gone_ns;     /* CALL, STREAM: the client has closed its side; when to give up. 0: not */
    u64 since_ns;    /* IDLE and BODY: since when; STREAM: when either side last moved bytes */
    u64 deadline_ns; /* of the state it is in */
    u64 timer_ns;    /* when the timer comes to look at the deadline; 0: not running */
    /* Received bytes: what is left to read of them is [at, len). While they are read for the first
     * time they stand in the worker's buffer, then what is left moves to `in`. */
    const u8 *bytes;
    size_t at, len;
    struct buf in, out;
    struct buf chunk;  /* STREAM: what will be the next chunk of the answer */
    size_t out_at;     /* sent of out */
    bool body_done;    /* STREAM: all of the body has come */
    int stream_status; /* STREAM: of the answer that is on its way; 0: none */
    u64 stream_bytes;  /* of it, so far */
    u64 discarded;
    struct http_parser parser;
    struct server_request request;
    char client[INET6_ADDRSTRLEN];
};

/* ---- conn.c ---- */

/* The memory stays, in the free list: callers up the stack may still look at the state. */
void server_conn_close(struct conn *conn);
void server_conn_watch(struct conn *conn, u32 events);
void server_conn_set_timeout(struct conn *conn, u64 delay_ns);
void server_conn_begin_idle(struct conn *conn); /* the next request may come */
void server_conn_release_large(struct buf *buf);
void server_conn_release_body(struct conn *conn);

/* ---- conn_send.c ---- */

/* Sends what the socket takes. True: all of it has left. */
bool server_conn_flush(struct conn *conn);
/* The socket takes more of a whole answer; of a program's. */
void server_conn_send_answer(struct conn *conn);
void server_conn_send_stream(struct conn *conn);

size_t server_conn_waiting_bytes(const struct conn *conn); /* of the answer, not sent yet */
bool server_conn_wants_body(const struct conn *conn);      /* a program's */
void server_conn_watch_stream(struct conn *conn);          /* for what a program waits for */
