/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a session: its settings, bytes in, bytes out, the orderly end and the disorderly one.
 *
 * nghttp2 does the protocol; it is told never to open a window by itself, and to hold the peer to
 * the limits of limits.h. It answers most violations with a GOAWAY that it queues in silence, so
 * the session learns of them when that frame is sent (session_note_violation).
 *
 * Output is one frame at a time: nghttp2 lends us the bytes until it is asked for more, and what
 * does not fit in the caller's buffer stays lent (`rest`).
 *
 * Nothing fails halfway: after a fatal error the session is DEAD, takes and gives nothing more, and
 * every stream that is left is closed by h2_session_free(). To add a limit: its number and reason
 * in limits.h, an option or setting here, a case in the tests that hits it.
 */
#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http2/limits.h"
#include "http2/private.h"

const uint8_t session_drain_ping[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

/* ---- beginning ---- */

static void *ng_malloc(size_t size, void *user) {
    (void)user;
    return mem_alloc(size);
}

static void ng_free(void *p, void *user) {
    (void)user;
    mem_free(p);
}

static void *ng_calloc(size_t n, size_t size, void *user) {
    (void)user;
    return mem_zalloc(n, size);
}

static void *ng_realloc(void *p, size_t size, void *user) {
    (void)user;
    return mem_resize(p, size, 1);
}

/* nghttp2 keeps a copy, and takes it by a pointer that is not const. */
static nghttp2_mem ng_mem = {NULL, ng_malloc, ng_free, ng_calloc, ng_realloc};

static void options_freep(nghttp2_option **options) {
    nghttp2_option_del(*options);
}

static void callbacks_freep(nghttp2_session_callbacks **callbacks) {
    nghttp2_session_callbacks_del(*callbacks);
}

/* nghttp2's limit on resets goes by the wall clock and counts fewer: ours replaces it. */
static void options_set(nghttp2_option *options) {
    nghttp2_option_set_stream_reset_rate_limit(options, UINT64_MAX, 1);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_peer_max_concurrent_streams(options, H2_MAX_STREAMS);
    nghttp2_option_set_max_deflate_dynamic_table_size(options, H2_HEADER_TABLE);
    nghttp2_option_set_max_send_header_block_length(options, H2_MAX_SEND_HEADER_LIST);
    nghttp2_option_set_max_settings(options, H2_MAX_SETTINGS);
    nghttp2_option_set_max_outbound_ack(options, H2_MAX_OUTBOUND_ACKS);
    nghttp2_option_set_max_continuations(options, H2_MAX_CONTINUATIONS);
}

static int session_open_nghttp2(struct h2_session *session) {
    CLEANUP(options_freep) nghttp2_option *options = NULL;
    CLEANUP(callbacks_freep) nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_option_new(&options) || callbacks_new(&callbacks))
        return -ENOMEM;
    options_set(options);
    int r = session->side == H2_SERVER
                ? nghttp2_session_server_new3(&session->ng, callbacks, session, options, &ng_mem)
                : nghttp2_session_client_new3(&session->ng, callbacks, session, options, &ng_mem);
    return r ? -ENOMEM : 0;
}

/*
 * Without RFC 7540's priorities nghttp2 keeps no tree of streams, which a peer could grow. The
 * server's streams share the connection by turns instead (callbacks.c).
 */
static int session_submit_settings(struct h2_session *session) {
    const nghttp2_settings_entry server[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, H2_HEADER_TABLE},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_MAX_HEADER_LIST},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_MAX_STREAMS},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    const nghttp2_settings_entry client[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, H2_HEADER_TABLE},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_MAX_HEADER_LIST},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    const nghttp2_settings_entry *entries = session->side == H2_SERVER ? server : client;
    size_t n = session->side == H2_SERVER ? ARRAY_LEN(server) : ARRAY_LEN(client);
    if (nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, entries, n))
        return -ENOMEM;
    int r = nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0,
                                                  H2_CONNECTION_WINDOW);
    return r ? -ENOMEM : 0;
}

static void session_freep(struct h2_session **session) {
    h2_session_free(*session);
}

int h2_session_new(enum h2_side side, const struct h2_ops *ops, void *user, uint64_t now_ns,
                   struct h2_session **session) {
    CLEANUP(session_freep) struct h2_session *made = mem_new(struct h2_session);
    if (!made)
        return -ENOMEM;
    made->side = side;
    made->ops = ops;
    made->user = user;
    made->now_ns = made->created_at_ns = now_ns;
    list_init(&made->streams);
    list_init(&made->spare);
    ratelimit_init(&made->resets, H2_RESET_BURST, H2_RESET_RATE_PER_S, now_ns);
    int r = session_open_nghttp2(made);
    if (!r)
        r = session_submit_settings(made);
    if (r)
        return err_trace(r);
    *session = STEAL(made);
    return 0;
}

/*
 * nghttp2 1.52 frees a DATA item twice when memory runs out as it is queued. After such a failure
 * its session is therefore not deleted: some 40 KiB that are lost are better than a broken heap.
 */
void h2_session_free(struct h2_session *session) {
    if (!session)
        return;
    session->state = SESSION_DEAD;
    LIST_FOR_EACH (link, &session->streams) {
        stream_close(CONTAINER_OF(link, struct h2_stream, link), H2_CONNECTION_LOST);
    }
    stream_free_spare(session);
    if (!session->has_failed)
        nghttp2_session_del(session->ng);
    mem_free(session);
}

/* ---- what went wrong ---- */

static bool session_is_ending(const struct h2_session *session) {
    return session->state >= SESSION_ENDING;
}

static const char http1_words[] = "it speaks HTTP/1.1; this port takes HTTP/2 only";

/* How other protocols begin; an incomplete beginning matches too. */
static const struct {
    const char *begins;
    const char *words;
} other_protocols[] = {
    {"GET ", http1_words},
    {"POST ", http1_words},
    {"HEAD ", http1_words},
    {"PUT ", http1_words},
    {"DELETE ", http1_words},
    {"OPTIONS ", http1_words},
    {"CONNECT ", http1_words},
    {"PATCH ", http1_words},
    {"HTTP/1.", "it speaks HTTP/1.1; HTTP/2 is needed"},
    {"\x16\x03", "it speaks TLS; this port takes HTTP/2 without TLS"},
    {"\x15\x03", "it speaks TLS; this connection is without TLS"},
};

static const char *session_other_protocol(const struct h2_session *session) {
    for (size_t i = 0; i < ARRAY_LEN(other_protocols); i++) {
        size_t len = strlen(other_protocols[i].begins);
        if (len > session->n_first)
            len = session->n_first;
        if (len && memcmp(session->first, other_protocols[i].begins, len) == 0)
            return other_protocols[i].words;
    }
    return NULL;
}

/* Words for a peer that may not speak HTTP/2 at all. */
static void session_say(struct h2_session *session, struct bytes reason) {
    const char *words = session->has_peer_settings ? NULL : session_other_protocol(session);
    if (words)
        err_say(&session->why, "%s", words);
    else
        err_say(&session->why, "it broke HTTP/2: %.*s", BYTES_ARGS(reason));
}

int session_fail(struct h2_session *session, int ng_error) {
    session->state = SESSION_DEAD;
    session->rest = bytes_of(NULL, 0);
    if (ng_error == NGHTTP2_ERR_NOMEM || ng_error == NGHTTP2_ERR_CALLBACK_FAILURE) {
        session->has_failed = true;
        err_say(&session->why, "out of memory");
        return -ENOMEM;
    }
    session_say(session, bytes_str(nghttp2_strerror(ng_error)));
    return H2_E_BROKEN;
}

void session_hit_limit(struct h2_session *session, const char *limit) {
    if (session->ops->limit_hit)
        session->ops->limit_hit(session->user, limit);
}

void session_check(struct h2_session *session, int ng_result) {
    if (nghttp2_is_fatal(ng_result) && session->state != SESSION_DEAD)
        (void)!session_fail(session, ng_result);
}

int session_break(struct h2_session *session, enum h2_error error, const char *why) {
    err_say(&session->why, "%s", why);
    h2_session_terminate(session, error);
    return H2_E_BROKEN;
}

static struct bytes violation_words(const nghttp2_goaway *goaway) {
    if (goaway->opaque_data_len)
        return bytes_of(goaway->opaque_data, goaway->opaque_data_len);
    return bytes_str(nghttp2_http2_strerror(goaway->error_code));
}

/* Limits that nghttp2 holds the peer to, by what it says in its GOAWAY. */
static void session_note_limit(struct h2_session *session, struct bytes words) {
    if (bytes_equal_str(words, "request HEADERS: max concurrent streams exceeded"))
        session_hit_limit(session, "http2.streams");
    else if (bytes_equal_str(words, "SETTINGS: too many setting entries"))
        session_hit_limit(session, "http2.settings");
}

/* The same, for those after which it says nothing more. */
static void session_note_fatal(struct h2_session *session, int ng_error) {
    if (ng_error == NGHTTP2_ERR_FLOODED)
        session_hit_limit(session, "http2.outbound_acks");
    else if (ng_error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        session_hit_limit(session, "http2.continuations");
}

void session_note_violation(struct h2_session *session, const nghttp2_goaway *goaway) {
    if (session_is_ending(session))
        return;
    session_note_limit(session, violation_words(goaway));
    session->state = SESSION_ENDED;
    if (goaway->error_code == NGHTTP2_INTERNAL_ERROR)
        err_say(&session->why, "an error of our own, most likely out of memory");
    else
        session_say(session, violation_words(goaway));
}

const char *h2_session_why(const struct h2_session *session) {
    return session->why.text;
}

/* ---- bytes ---- */

static int session_outcome(const struct h2_session *session) {
    return session->why.text[0] ? H2_E_BROKEN : 0;
}

static void session_keep_first(struct h2_session *session, struct bytes bytes) {
    size_t room = sizeof(session->first) - session->n_first;
    size_t n = bytes.len < room ? bytes.len : room;
    if (n == 0)
        return;
    memcpy(session->first + session->n_first, bytes.data, n);
    session->n_first += n;
}

int h2_session_receive(struct h2_session *session, struct bytes bytes, uint64_t now_ns) {
    session->now_ns = now_ns;
    if (session_is_ending(session))
        return session_outcome(session);
    session_keep_first(session, bytes);
    ssize_t n = nghttp2_session_mem_recv(session->ng, bytes.data, bytes.len);
    if (n < 0) {
        session_note_fatal(session, (int)n);
        return session_fail(session, (int)n);
    }
    if (nghttp2_session_get_outbound_queue_size(session->ng) > H2_MAX_OUTBOUND_FRAMES) {
        session_hit_limit(session, "http2.outbound_frames");
        return session_break(session, H2_ENHANCE_YOUR_CALM, "it makes us answer and reads nothing");
    }
    return session->state == SESSION_DEAD ? session_outcome(session) : 0;
}

/* Asks nghttp2 for its next frame. */
static void session_fetch(struct h2_session *session) {
    const uint8_t *data = NULL;
    ssize_t n = nghttp2_session_mem_send(session->ng, &data);
    if (n < 0)
        (void)!session_fail(session, (int)n);
    else if (session->state != SESSION_DEAD)
        session->rest = bytes_of(data, (size_t)n);
}

size_t h2_session_fill(struct h2_session *session, uint8_t *out, size_t cap) {
    size_t filled = 0;
    while (filled < cap && session->state != SESSION_DEAD) {
        if (session->rest.len == 0 && session->state != SESSION_ENDED)
            session_fetch(session);
        if (session->rest.len == 0)
            break;
        size_t room = cap - filled;
        size_t n = session->rest.len < room ? session->rest.len : room;
        memcpy(out + filled, session->rest.data, n);
        session->rest = bytes_from(session->rest, n);
        filled += n;
    }
    return filled;
}

/* ---- ending ---- */

bool h2_session_is_over(const struct h2_session *session) {
    if (session->state == SESSION_DEAD)
        return true;
    if (session->rest.len)
        return false;
    return session->state == SESSION_ENDED ||
           (!nghttp2_session_want_read(session->ng) && !nghttp2_session_want_write(session->ng));
}

size_t h2_session_n_streams(const struct h2_session *session) {
    return session->n_streams;
}

static void session_drain_server(struct h2_session *session) {
    session->state = SESSION_NOTICED;
    session->noticed_at_ns = session->now_ns;
    session_check(session, nghttp2_submit_shutdown_notice(session->ng));
    session_check(session, nghttp2_submit_ping(session->ng, NGHTTP2_FLAG_NONE, session_drain_ping));
}

void h2_session_drain(struct h2_session *session) {
    if (session->state != SESSION_OPEN)
        return;
    if (session->side == H2_SERVER)
        session_drain_server(session);
    else
        session_go_away(session);
}

void session_go_away(struct h2_session *session) {
    int32_t last = nghttp2_session_get_last_proc_stream_id(session->ng);
    session->state = SESSION_GOING_AWAY;
    session_check(
        session, nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE, last, H2_NO_ERROR, NULL, 0));
}

void h2_session_terminate(struct h2_session *session, enum h2_error error) {
    if (session_is_ending(session))
        return;
    session->state = SESSION_ENDING;
    session_check(session, nghttp2_session_terminate_session(session->ng, error));
}

static bool session_settings_are_late(const struct h2_session *session) {
    uint64_t age_ns = session->now_ns - session->created_at_ns;
    return age_ns >= H2_SETTINGS_TIMEOUT_S * NS_PER_S;
}

int h2_session_tick(struct h2_session *session, uint64_t now_ns) {
    session->now_ns = now_ns;
    if (session_is_ending(session))
        return session_outcome(session);
    if (!session->has_opened)
        stream_free_spare(session);
    session->has_opened = false;
    if (session->state == SESSION_NOTICED &&
        now_ns - session->noticed_at_ns >= H2_DRAIN_NOTICE_S * NS_PER_S)
        session_go_away(session);
    if (!session_settings_are_late(session))
        return 0;
    if (!session->has_peer_settings || !session->is_acknowledged)
        session_hit_limit(session, "http2.settings_time");
    if (!session->has_peer_settings)
        return session_break(session, H2_SETTINGS_TIMEOUT, "it sent no HTTP/2 SETTINGS in time");
    if (!session->is_acknowledged)
        return session_break(session, H2_SETTINGS_TIMEOUT, "it left our SETTINGS unanswered");
    return 0;
}
