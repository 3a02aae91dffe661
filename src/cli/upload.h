/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/client.h"
#include "cli/feed.h"
#include "cli/input.h"
#include "cli/line_map.h"

/*
 * Lines of a file or of standard input that go out as the messages of one call: what `stream` and
 * `chat` share. A line that holds no reading ends the sending; what was sent before it stays sent.
 */
struct upload {
    struct client client;
    struct input input;
    struct feed feed;
    struct grpc_client_call *call; /* NULL once it is over */
    const char *file;              /* its name, for messages */
    bool goes_on;                  /* after a bad line, which is only said: a person is typing */
    uint64_t bad_line;             /* where the input was cut short; 0: it was not */
    uint64_t n_sent;
    struct line_map lines; /* of what was sent */
};

/* What a verb adds. */
struct upload_call {
    const char *path;
    const struct grpc_client_ops *ops; /* `user` is the upload; `writable` is upload_on_writable */
};

/* Opens the client, the file and the call. EXIT_OK, or another status after having said why; then
 * all is closed. */
MUST_USE int upload_open(struct upload *upload, const struct options *options,
                         const struct upload_call *call);

/* Runs until the call has ended. Returns the exit status. */
MUST_USE int upload_run(struct upload *upload);

void upload_on_writable(struct grpc_client_call *call);

/* For `status`: the call has ended. Says what is kept when the input was cut short. */
void upload_ended(struct upload *upload, enum grpc_status status, const char *text);

/* Whether the whole input was sent. */
bool upload_is_whole(const struct upload *upload);

/* What a call that ended well has kept of an input that was cut short. */
void upload_say_cut(const struct upload *upload, struct err_text *words);

/* Whether a person types the lines. */
bool upload_is_typed(const struct upload *upload);
