/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel: when there is a connection, and where its calls are meanwhile.
 *
 *                 call waits            SETTINGS
 *          IDLE -----------> CONNECTING --------> READY
 *           ^                 |     ^              |  |
 *           |          failed |     | back-off     |  |
 *           |                 v     | over         |  |
 *           |               BACKING_OFF <----------'  |
 *           |                             lost        |
 *           '-----------------------------------------'
 *                            ended in order
 *
 * A call is in exactly one list: `waiting` (no stream yet), `running` (has a stream), or neither
 * when its status is decided. What its owner has to be told without being asked is told from
 * `turn`, an idle handle that runs only while a call is due: that is before the loop writes and
 * waits, so what the owner answers leaves with this turn's write.
 *
 * After a GOAWAY the connection drains beside the current one. One may drain at a time: when the
 * next is retired, the older is closed with what still runs on it.
 *
 * To extend: an event is a column in `moves`, what a state does on entering is in channel_enter().
 */
#include "grpc/channel.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "grpc/backoff.h"
#include "grpc/channel_conn.h"
#include "grpc/channel_impl.h"
#include "grpc/client_call.h"
#include "grpc/client_observing.h"
#include "grpc/limits.h"

/* ---- states ---- */

enum channel_event {
    EVENT_CALL_WAITS,
    EVENT_READY,
    EVENT_ENDED, /* the connection, in order */
    EVENT_LOST,  /* the connection, or it could not be made */
    EVENT_BACKOFF_OVER,
    EVENT_CLOSE,
    N_EVENTS,
};

static const enum channel_state moves[CHANNEL_N_STATES][N_EVENTS] = {
    [CHANNEL_IDLE] = {[EVENT_CALL_WAITS] = CHANNEL_CONNECTING, [EVENT_CLOSE] = CHANNEL_CLOSED},
    [CHANNEL_CONNECTING] = {[EVENT_READY] = CHANNEL_READY,
                            [EVENT_LOST] = CHANNEL_BACKING_OFF,
                            [EVENT_CLOSE] = CHANNEL_CLOSED},
    [CHANNEL_READY] = {[EVENT_ENDED] = CHANNEL_IDLE,
                       [EVENT_LOST] = CHANNEL_BACKING_OFF,
                       [EVENT_CLOSE] = CHANNEL_CLOSED},
    [CHANNEL_BACKING_OFF] =
        {[EVENT_BACKOFF_OVER] = CHANNEL_CONNECTING, [EVENT_CLOSE] = CHANNEL_CLOSED},
};

static void channel_enter(struct grpc_channel *channel);

static void channel_move(struct grpc_channel *channel, enum channel_event event) {
    enum channel_state next = moves[channel->state][event];
    if (next == CHANNEL_STAYS)
        return;
    channel->state = next;
    channel_enter(channel);
}

static void on_state_timer(uv_timer_t *timer) {
    struct grpc_channel *channel = timer->data;
    if (channel->state == CHANNEL_BACKING_OFF)
        channel_move(channel, EVENT_BACKOFF_OVER);
    else if (channel->state == CHANNEL_CONNECTING)
        net_conn_abort(channel->current->net, "the server did not answer in time");
}

static void channel_wait_in_state(struct grpc_channel *channel, uint64_t wait_ns) {
    int r = uv_timer_start(&channel->state_timer, on_state_timer, wait_ns / NS_PER_MS, 0);
    assert(r == 0); /* fails only without a callback or on a handle that closes */
    (void)r;
}

static void channel_connect(struct grpc_channel *channel) {
    int r = channel_conn_new(channel, &channel->current);
    if (r) {
        err_say(&channel->last_error, "cannot connect to %s: %s", channel->authority, strerror(-r));
        channel_move(channel, EVENT_LOST);
        return;
    }
    channel_wait_in_state(channel, GRPC_CONNECT_TIMEOUT_S * NS_PER_S);
}

/* Calls that do not wait for ready fail with the words of the connection. */
static void channel_fail_waiting(struct grpc_channel *channel) {
    LIST_FOR_EACH (node, &channel->waiting) {
        struct grpc_client_call *call = CONTAINER_OF(node, struct grpc_client_call, link);
        if (!call->waits_for_ready)
            client_call_end(call, GRPC_UNAVAILABLE, "%s", channel->last_error.text);
    }
}

static void channel_back_off(struct grpc_channel *channel) {
    channel->n_failed++;
    uint64_t wait_ns = grpc_backoff_ns(channel->n_failed, random_unit(&channel->jitter));
    log_debug("%s; next attempt in %llu ms", channel->last_error.text,
              (unsigned long long)(wait_ns / NS_PER_MS));
    channel_wait_in_state(channel, wait_ns);
    channel_fail_waiting(channel);
}

/*
 * The current connection is none any more. An orderly end while calls wait for a connection that
 * has never carried one counts as lost: otherwise a server that only ever says GOAWAY would be
 * called again without a pause.
 */
static void channel_leave_current(struct grpc_channel *channel, const char *why) {
    bool was_of_use = channel->state == CHANNEL_READY &&
                      (channel->current->n_opened > 0 || list_is_empty(&channel->waiting));
    channel->current = NULL;
    if (!why && was_of_use) {
        channel_move(channel, EVENT_ENDED);
        return;
    }
    if (why)
        err_say(&channel->last_error, "%s", why);
    else
        err_say(&channel->last_error, "%s takes no calls", channel->authority);
    channel_move(channel, EVENT_LOST);
}

/* It ends when the calls that run on it have ended. */
static void channel_retire_current(struct grpc_channel *channel) {
    struct channel_conn *older = channel->draining;
    channel->draining = channel->current;
    if (older)
        channel_conn_close(older, "the server ended the connection");
    channel_leave_current(channel, NULL);
}

/* Gives streams to those that wait, in order, as many as the server takes. */
static void channel_open_waiting(struct grpc_channel *channel) {
    while (channel->state == CHANNEL_READY && !list_is_empty(&channel->waiting)) {
        struct grpc_client_call *call =
            CONTAINER_OF(channel->waiting.next, struct grpc_client_call, link);
        if (client_call_open(call, channel->current) == H2_E_NO_STREAM)
            return;
        if (channel->current->n_opened >= GRPC_CONN_MAX_CALLS) {
            channel_conn_drain(channel->current);
            channel_retire_current(channel);
        }
    }
}

static void channel_enter(struct grpc_channel *channel) {
    uv_timer_stop(&channel->state_timer);
    switch (channel->state) {
    case CHANNEL_CONNECTING:
        channel_connect(channel);
        return;
    case CHANNEL_READY:
        channel->n_failed = 0;
        channel->was_ready = true;
        channel_open_waiting(channel);
        return;
    case CHANNEL_BACKING_OFF:
        channel_back_off(channel);
        return;
    case CHANNEL_IDLE:
        if (!list_is_empty(&channel->waiting))
            channel_move(channel, EVENT_CALL_WAITS);
        return;
    default:
        return;
    }
}

/* ---- what its connections tell ---- */

void channel_conn_ready(struct grpc_channel *channel, struct channel_conn *conn) {
    if (conn == channel->current)
        channel_move(channel, EVENT_READY);
}

void channel_conn_retired(struct grpc_channel *channel, struct channel_conn *conn) {
    if (conn == channel->current)
        channel_retire_current(channel);
}

void channel_conn_ended(struct grpc_channel *channel, struct channel_conn *conn, const char *why) {
    if (conn == channel->draining)
        channel->draining = NULL;
    if (conn == channel->current)
        channel_leave_current(channel, why);
}

void channel_conn_has_room(struct grpc_channel *channel) {
    channel_open_waiting(channel);
}

/* ---- calls ---- */

static void channel_enqueue(struct grpc_channel *channel, struct grpc_client_call *call) {
    if (channel->n_waiting >= GRPC_CHANNEL_MAX_WAITING) {
        channel_hit_limit(channel, "grpc.waiting_calls");
        client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "%zu calls already wait for %s",
                        channel->n_waiting, channel->authority);
        return;
    }
    list_append(&channel->waiting, &call->link);
    channel->n_waiting++;
    channel_open_waiting(channel);
    channel_move(channel, EVENT_CALL_WAITS);
}

void channel_take_call(struct grpc_channel *channel, struct grpc_client_call *call) {
    bool may_send_token = channel->tls || net_address_is_loopback(&channel->address);
    if (channel->authorization && !may_send_token)
        client_call_end(call, GRPC_UNAUTHENTICATED, "a token is not sent without TLS");
    else if (channel->state == CHANNEL_BACKING_OFF && !call->waits_for_ready)
        client_call_end(call, GRPC_UNAVAILABLE, "%s", channel->last_error.text);
    else
        channel_enqueue(channel, call);
}

/* Both lists, so that grpc_channel_close() inside a turn leaves nothing to that turn. */
static void channel_deliver(struct grpc_channel *channel) {
    struct list *node;
    while ((node = list_pop(&channel->delivering)))
        client_call_turn(CONTAINER_OF(node, struct grpc_client_call, due));
}

static void on_turn(uv_idle_t *turn) {
    struct grpc_channel *channel = turn->data;
    net_loop_renew(channel->loop);
    list_move_all(&channel->delivering, &channel->due);
    channel_deliver(channel);
    if (list_is_empty(&channel->due) && channel->state != CHANNEL_CLOSED)
        uv_idle_stop(turn);
}

void channel_schedule(struct grpc_channel *channel, struct grpc_client_call *call) {
    if (!list_is_empty(&call->due))
        return;
    list_append(&channel->due, &call->due);
    if (channel->state != CHANNEL_CLOSED)
        uv_idle_start(&channel->turn, on_turn);
}

/* ---- deadlines ---- */

static void on_deadline_timer(uv_timer_t *timer) {
    struct grpc_channel *channel = timer->data;
    channel->armed_at_ns = UINT64_MAX;
    net_loop_renew(channel->loop);
    deadlines_expire(&channel->deadlines, channel->loop->now_ns);
    channel_watch_deadlines(channel);
}

/* The timer is only ever moved forward: most calls end before their deadline, and it would be moved
 * twice for each. */
void channel_watch_deadlines(struct grpc_channel *channel) {
    uint64_t next_ns = deadlines_next(&channel->deadlines);
    if (next_ns >= channel->armed_at_ns || channel->state == CHANNEL_CLOSED)
        return;
    uint64_t now_ns = channel->loop->now_ns;
    uint64_t wait_ms = next_ns > now_ns ? (next_ns - now_ns) / NS_PER_MS + 1 : 1;
    channel->armed_at_ns = next_ns;
    uv_timer_start(&channel->deadline_timer, on_deadline_timer, wait_ms, 0);
}

/* ---- life ---- */

PRINTF(3, 4)
static int channel_print(struct grpc_channel *channel, const char **out, const char *format, ...) {
    char text[GRPC_CHANNEL_MAX_TEXT];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(text))
        return -EINVAL;
    struct bytes copy;
    int r = arena_copy(&channel->texts, bytes_of(text, (size_t)n + 1), &copy);
    *out = (const char *)copy.data;
    return r;
}

static int channel_print_authority(struct grpc_channel *channel) {
    const struct net_address *address = &channel->address;
    bool is_v6 = strchr(address->host, ':') != NULL;
    return channel_print(channel, &channel->authority, is_v6 ? "[%s]:%u" : "%s:%u", address->host,
                         address->port);
}

static int channel_print_texts(struct grpc_channel *channel,
                               const struct grpc_channel_options *options) {
    const char *name = options->server_name ? options->server_name : options->address.host;
    const char *agent = options->user_agent;
    int r = channel_print(channel, &channel->server_name, "%s", name);
    if (r == 0)
        r = channel_print_authority(channel);
    if (r == 0)
        r = channel_print(channel, &channel->user_agent, "%s%sgrpc-c-thermograph/%s",
                          agent ? agent : "", agent ? " " : "", THERMOGRAPH_VERSION);
    if (r == 0 && options->token)
        r = channel_print(channel, &channel->authorization, "Bearer %s", options->token);
    return r;
}

static void channel_free(struct grpc_channel *channel) {
    deadlines_fini(&channel->deadlines);
    arena_fini(&channel->texts);
    SSL_CTX_free(channel->tls);
    mem_free(channel);
}

static void channel_freep(struct grpc_channel **channel) {
    if (*channel)
        channel_free(*channel);
}

static void channel_init_handles(struct grpc_channel *channel) {
    uv_loop_t *uv = &channel->loop->uv;
    uv_timer_init(uv, &channel->state_timer);
    uv_timer_init(uv, &channel->deadline_timer);
    uv_idle_init(uv, &channel->turn);
    channel->state_timer.data = channel->deadline_timer.data = channel->turn.data = channel;
    channel->n_handles = 3;
}

int grpc_channel_new(struct net_loop *loop, const struct grpc_channel_options *options,
                     struct grpc_channel **out) {
    CLEANUP(channel_freep) struct grpc_channel *channel = mem_new(struct grpc_channel);
    if (!channel)
        return -ENOMEM;
    channel->loop = loop;
    channel->state = CHANNEL_IDLE;
    channel->address = options->address;
    channel->observer = options->observer;
    channel->armed_at_ns = UINT64_MAX;
    list_init(&channel->waiting);
    list_init(&channel->running);
    list_init(&channel->due);
    list_init(&channel->delivering);
    deadlines_init(&channel->deadlines);
    arena_init(&channel->texts, 4 * GRPC_CHANNEL_MAX_TEXT);
    uint64_t seed;
    int r = random_bytes(&seed, sizeof(seed));
    if (r == 0)
        r = channel_print_texts(channel, options);
    if (r)
        return err_trace(r);
    random_init(&channel->jitter, seed);
    if (options->tls) {
        SSL_CTX_up_ref(options->tls);
        channel->tls = options->tls;
    }
    channel_init_handles(channel);
    *out = STEAL(channel);
    return 0;
}

void grpc_channel_reset_backoff(struct grpc_channel *channel) {
    if (channel->state != CHANNEL_BACKING_OFF)
        return;
    channel->n_failed = 0;
    channel_move(channel, EVENT_BACKOFF_OVER);
}

bool grpc_channel_was_ready(const struct grpc_channel *channel) {
    return channel->was_ready;
}

static void channel_free_when_all_closed(struct grpc_channel *channel) {
    if (channel->n_handles == 0 && channel->n_conns == 0)
        channel_free(channel);
}

static void on_handle_closed(uv_handle_t *handle) {
    struct grpc_channel *channel = handle->data;
    channel->n_handles--;
    channel_free_when_all_closed(channel);
}

void channel_conn_gone(struct grpc_channel *channel) {
    channel->n_conns--;
    channel_free_when_all_closed(channel);
}

static void cancel_all(struct list *calls) {
    struct list *node;
    while ((node = calls->next) != calls)
        client_call_end(CONTAINER_OF(node, struct grpc_client_call, link), GRPC_CANCELLED,
                        "the channel was closed");
}

void grpc_channel_close(struct grpc_channel *channel) {
    if (!channel)
        return;
    channel_move(channel, EVENT_CLOSE);
    cancel_all(&channel->waiting);
    cancel_all(&channel->running);
    list_move_all(&channel->delivering, &channel->due);
    channel_deliver(channel);
    struct channel_conn *current = STEAL(channel->current);
    struct channel_conn *draining = STEAL(channel->draining);
    uv_close((uv_handle_t *)&channel->state_timer, on_handle_closed);
    uv_close((uv_handle_t *)&channel->deadline_timer, on_handle_closed);
    uv_close((uv_handle_t *)&channel->turn, on_handle_closed);
    if (current)
        channel_conn_close(current, "the channel was closed");
    if (draining)
        channel_conn_close(draining, "the channel was closed");
}
