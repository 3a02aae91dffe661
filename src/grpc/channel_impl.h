/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/random.h"
#include "grpc/channel.h"
#include "grpc/deadlines.h"

/* The inside of a channel, for its connections (channel_conn.c), its calls (client_call.c) and
 * tests. */
struct channel_conn;

enum channel_state {
    CHANNEL_STAYS, /* no state: what the table of moves has where nothing happens */
    CHANNEL_IDLE,
    CHANNEL_CONNECTING,
    CHANNEL_READY,
    CHANNEL_BACKING_OFF,
    CHANNEL_CLOSED,
    CHANNEL_N_STATES,
};

struct grpc_channel {
    struct net_loop *loop;
    SSL_CTX *tls;
    struct net_address address;
    struct arena texts; /* holds the texts below */
    const char *server_name;
    const char *authority;                       /* `localhost:50051`, in the error texts too */
    const char *user_agent;                      /* the whole header */
    const char *authorization;                   /* NULL: no token */
    const struct grpc_client_observer *observer; /* NULL: none */

    enum channel_state state;
    unsigned n_failed; /* attempts in a row */
    bool was_ready;    /* at least once */
    struct random jitter;
    struct err_text last_error;

    struct channel_conn *current;  /* connecting or ready */
    struct channel_conn *draining; /* takes no new calls; those that run may finish */
    size_t n_conns;                /* all that are not closed yet */

    struct list waiting; /* calls without a stream */
    size_t n_waiting;
    struct list running;    /* calls with a stream */
    struct list due;        /* calls that have something to be told, by the next turn */
    struct list delivering; /* those of the turn that runs */

    struct deadlines deadlines;
    uint64_t armed_at_ns; /* what the deadline timer is set to; UINT64_MAX: stopped */

    uv_timer_t state_timer; /* CONNECTING: the attempt's limit; BACKING_OFF: the wait */
    uv_timer_t deadline_timer;
    uv_idle_t turn;
    unsigned n_handles; /* of those, not closed yet */
};

/* ---- for calls ---- */

/* Takes in a call that has just started: it is opened, waits, or fails (told later). */
void channel_take_call(struct grpc_channel *channel, struct grpc_client_call *call);

/* Has the call told what is due, in the loop's next turn. */
void channel_schedule(struct grpc_channel *channel, struct grpc_client_call *call);

/* Sets the timer when a deadline was added. */
void channel_watch_deadlines(struct grpc_channel *channel);

/* ---- for connections ---- */

/* The server's SETTINGS are here. */
void channel_conn_ready(struct grpc_channel *channel, struct channel_conn *conn);

/* It takes no new calls (GOAWAY). */
void channel_conn_retired(struct grpc_channel *channel, struct channel_conn *conn);

/* It is of no more use. `why` as for a person; NULL after an orderly end. */
void channel_conn_ended(struct grpc_channel *channel, struct channel_conn *conn, const char *why);

/* Its memory is about to be freed. */
void channel_conn_gone(struct grpc_channel *channel);

/* There may be room for calls that wait. */
void channel_conn_has_room(struct grpc_channel *channel);
