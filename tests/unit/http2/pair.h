/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/random.h"
#include "http2/session.h"

/*
 * A client's and a server's session wired back to back in memory, and what each was told. All bytes
 * travel in random cuts; time stands still until a test moves it.
 *
 * The recorder checks on its own what must always hold: `closed` comes once for a stream, is the
 * last, never comes inside another callback, and nothing is told of a stream after its reset.
 */
enum {
    PAIR_MAX_FRAMES = 100000,
};

/* Bytes that were recorded. Not a struct buf: a test lets its allocations fail. */
struct record {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void record_append(struct record *record, struct bytes bytes);
void record_fini(struct record *record);

/* One stream, seen from one end. */
struct call {
    struct end *end;
    struct h2_stream *stream; /* NULL once closed */
    uint32_t id;
    char head[1024];    /* the fields as "name: value\n" */
    char trailers[256]; /* likewise */
    size_t n_fields;
    bool has_head;
    bool is_too_long;
    bool is_reset; /* by us */
    struct record body;
    size_t n_writable;
    size_t n_ended;
    size_t n_closed;
    uint32_t error;
    bool is_unprocessed;
};

struct frame {
    uint8_t type;
    uint8_t flags;
    uint32_t id;
    size_t len;
    uint32_t code;    /* of RST_STREAM and GOAWAY */
    uint32_t last_id; /* of GOAWAY */
};

/* The frames that one end has sent. */
struct tap {
    struct record bytes;
    bool is_past_preface;
    struct frame *frames;
    size_t n_frames;
    size_t frames_cap;
};

struct end {
    struct h2_session *session;
    struct pair *pair;
    bool is_holding;               /* body bytes are not consumed as they come */
    void (*answer)(struct call *); /* called when the peer has ended a stream; may be NULL */
    struct call **calls;
    size_t n_calls;
    size_t calls_cap;
    size_t n_ready;
    size_t n_goaways;
    uint32_t goaway_error;
    size_t n_limits_hit;
    const char *limit; /* the last */
    size_t depth;      /* of callbacks */
    struct tap sent;
};

struct pair {
    struct end client;
    struct end server;
    uint64_t now_ns;
    size_t max_cut;  /* bytes are received in pieces of 1 to so many */
    size_t max_fill; /* and filled in such ones */
    struct random random;
};

/* Both sessions, their SETTINGS not exchanged yet. NULL when memory runs out. */
struct pair *pair_new(uint64_t seed);
void pair_free(struct pair *pair);

/* How often it hit a limit, and which one the last time. */
void assert_limit_hit(const struct end *end, const char *limit, size_t n);

/* Lets bytes travel until neither end has any. The first result that is not 0, or 0. */
int pair_run(struct pair *pair);

/* One fill of `from` goes to `to` in cuts. The result of the receive, or -1 when there was none. */
int pair_move(struct end *from, struct end *to);

/* Bytes made by hand go to one end. The first result that is not 0, or 0. */
int pair_deliver(struct end *to, struct bytes bytes);

/* What one end has to say is recorded and goes nowhere. */
void pair_listen(struct end *from);

/* pair_new() and pair_run(), for tests that begin with a working connection. */
struct pair *pair_connected(uint64_t seed);

/* A request from the client, not finished. The first asserts that it works; the other gives NULL.
 */
struct call *pair_request(struct pair *pair);
struct call *pair_try_request(struct pair *pair);

/* The server's view of the client's call; fails the test when there is none. */
struct call *pair_other(struct pair *pair, const struct call *call);

bool call_has_body(const struct call *call, const char *text);

/* Queues text on either end's stream. */
void call_send(struct call *call, const char *text);

/* Queues `n` zero bytes; the result of h2_stream_reserve(). */
int call_send_bytes(struct call *call, size_t n);

/* Server: the response's head alone; head, "answer" and trailers: a whole unary answer. */
void call_respond(struct call *call);
void call_answer(struct call *call);

/* The same where memory may run out: then the stream is reset. */
void call_try_answer(struct call *call);

/* Ends our side, without or with trailers. */
void call_finish(struct call *call);
void call_finish_with_trailers(struct call *call);
void call_reset(struct call *call, enum h2_error error);

struct h2_field field(const char *name, const char *value);

/* The first frame of that type on that stream from index `from` on; PAIR_MAX_FRAMES: none. */
size_t tap_find(const struct tap *tap, uint8_t type, uint32_t id, size_t from);

extern const struct h2_field pair_request_fields[5];
extern const struct h2_field pair_trailers[1];
