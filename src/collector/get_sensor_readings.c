/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the readings of one sensor, a page at a time; the next page is read when the client has
 * taken most of the last. So a client that reads slowly, or never, holds one page and one cursor.
 *
 *     request -> open cursor -> [read a page -> send it -> wait for `writable`] ... -> OK
 *
 * A page for which a disk may have to be waited for is read in the worker pool. One that is at hand
 * is read on the worker: two switches of threads cost more than a page. It is a smaller one, and
 * only what fits under GRPC_SEND_MARK is read ahead; beyond, the pages of a turn are bounded by
 * what a connection may write in it (NET_WRITES_PER_TURN), so one reader does not keep the others
 * waiting.
 */
#include "base/mem.h"
#include "collector/background.h"
#include "collector/handlers.h"
#include "collector/request.h"
#include "collector/rules.h"
#include "collector/worker.h"
#include "grpc/framing.h"
#include "proto/message.h"
#include "proto/sensor.pb-c.h"
#include "store/limits.h"

enum {
    /* Readings of a page that is read on the worker: some 10 microseconds, 14 KiB of cache. */
    PAGE_AT_HAND_READINGS = 256,

    /* Readings for which room is made at a time: 12 KiB at the most, so that the queue stays small.
     */
    PIECE_READINGS = 64,
    FRAMED_MAX_SIZE = GRPC_PREFIX_SIZE + READING_MAX_SIZE,
};

struct getting {
    struct background background;
    struct caller caller;
    struct store_cursor *cursor;
    struct reading *page; /* STORE_PAGE_MAX_READINGS of them */
    size_t n_page;
    int result;      /* of reading the last page */
    uint64_t n_left; /* of the request's limit */
    uint64_t n_sent;
};

static struct getting *getting_of_background(struct background *background) {
    return CONTAINER_OF(background, struct getting, background);
}

static void getting_release(struct getting *getting) {
    if (getting->cursor)
        store_cursor_close(STEAL(getting->cursor));
    mem_free(STEAL(getting->page));
}

static size_t min_size(size_t a, uint64_t b) {
    return a < b ? a : (size_t)b;
}

static void getting_read_page(struct getting *getting, size_t max) {
    getting->n_page = 0;
    getting->result = store_cursor_next(getting->cursor, getting->page,
                                        min_size(max, getting->n_left), &getting->n_page);
}

/* In the pool. */
static void getting_work(struct background *background) {
    getting_read_page(getting_of_background(background), STORE_PAGE_MAX_READINGS);
}

static uint8_t *put_framed(const struct reading *reading, uint8_t *frame) {
    uint8_t *end = reading_encode(reading, frame + GRPC_PREFIX_SIZE);
    grpc_framing_write_prefix(frame, false, (size_t)(end - frame) - GRPC_PREFIX_SIZE);
    return end;
}

static int getting_send_piece(struct getting *getting, const struct reading *readings, size_t n) {
    struct grpc_call *call = getting->background.call;
    uint8_t *out;
    int r = grpc_call_reserve_framed(call, n * FRAMED_MAX_SIZE, &out);
    if (r)
        return r;
    uint8_t *end = out;
    for (size_t i = 0; i < n; i++)
        end = put_framed(&readings[i], end);
    grpc_call_commit_framed(call, (size_t)(end - out), n);
    return 0;
}

static int getting_send_page(struct getting *getting) {
    int r = 0;
    for (size_t i = 0, n; i < getting->n_page && r == 0; i += n) {
        n = min_size(PIECE_READINGS, getting->n_page - i);
        r = getting_send_piece(getting, getting->page + i, n);
    }
    getting->n_left -= getting->n_page;
    getting->n_sent += getting->n_page;
    return r;
}

static void getting_finish(struct getting *getting) {
    struct grpc_call *call = getting->background.call;
    struct otel_span *span = worker_span(grpc_call_worker_state(call), call);
    if (span)
        otel_span_set(span, "sensor.readings", otel_integer((int64_t)getting->n_sent));
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

/* Sends the page that was read. False: that was the end of the call, which may be gone. */
static bool getting_take_page(struct getting *getting) {
    struct grpc_call *call = getting->background.call;
    if (getting->result == 0)
        getting->result = getting_send_page(getting);
    if (getting->result < 0)
        background_finish_failed(call, "the readings of this sensor cannot be read",
                                 getting->result);
    else if (getting->n_page == 0)
        getting_finish(getting);
    else
        return true;
    return false;
}

/* One page more, now or from the pool. False: not now. */
static bool getting_advance(struct getting *getting) {
    struct grpc_call *call = getting->background.call;
    if (getting->n_left == 0) {
        getting_finish(getting);
        return false;
    }
    if (!store_cursor_is_ready(getting->cursor)) {
        background_start(&getting->background, call);
        return false;
    }
    getting_read_page(getting, PAGE_AT_HAND_READINGS);
    return getting_take_page(getting);
}

static void getting_continue(struct getting *getting) {
    if (getting->background.is_running || !getting->cursor)
        return;
    while (!grpc_call_is_busy(getting->background.call) && getting_advance(getting))
        continue;
}

static void getting_on_page(struct background *background) {
    struct getting *getting = getting_of_background(background);
    if (grpc_call_is_over(background->call))
        getting_release(getting);
    else if (getting_take_page(getting))
        getting_continue(getting);
}

static void name_sensor(struct grpc_call *call, struct bytes id) {
    struct otel_span *span = worker_span(grpc_call_worker_state(call), call);
    if (span)
        otel_span_set(span, "sensor.id", otel_text(id));
}

static bool getting_check(struct getting *getting, struct grpc_call *call,
                          const SensorRequest *request) {
    struct bytes id = bytes_str(request->sensor_id);
    struct err_text why;
    if (rules_check_sensor_id(id, &why)) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, "%s", why.text);
        return false;
    }
    name_sensor(call, id);
    if (request->start_time < 0 || request->end_time < 0) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "start_time, end_time: must not be before 1970-01-01 UTC");
        return false;
    }
    if (!caller_may_read(&getting->caller, id)) {
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, "this token may not read sensor '%.*s'",
                         BYTES_ARGS(id));
        return false;
    }
    return true;
}

static void getting_open(struct getting *getting, struct grpc_call *call,
                         const SensorRequest *request) {
    struct collector_worker *worker = grpc_call_worker_state(call);
    struct store_query query = {
        .sensor_id = bytes_str(request->sensor_id),
        .range = {request->start_time, request->end_time},
        .newest_first = request->newest_first,
    };
    int r = store_cursor_open(worker_store(worker), &query, &getting->cursor);
    if (r == STORE_E_NO_SENSOR) {
        getting_finish(getting);
        return;
    }
    if (r == STORE_E_BUSY) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "%d histories are being read now; try again shortly", STORE_MAX_CURSORS);
        return;
    }
    getting->page = mem_new_array(struct reading, STORE_PAGE_MAX_READINGS);
    if (r || !getting->page) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return;
    }
    getting->n_left = request->limit ? request->limit : UINT64_MAX;
    getting_continue(getting);
}

static void getting_started(struct grpc_call *call) {
    struct getting *getting = grpc_call_state(call);
    getting->background.work = getting_work;
    getting->background.done = getting_on_page;
    getting->background.call = call;
    caller_init(&getting->caller, call);
}

static int getting_message(struct grpc_call *call, struct bytes message) {
    struct getting *getting = grpc_call_state(call);
    CLEANUP(message_freep)
    ProtobufCMessage *unpacked = request_unpack(call, &sensor_request__descriptor, message);
    const SensorRequest *request = (const void *)unpacked;
    if (request && getting_check(getting, call, request))
        getting_open(getting, call, request);
    return 0;
}

static void getting_writable(struct grpc_call *call) {
    getting_continue(grpc_call_state(call));
}

static void getting_ended(struct grpc_call *call) {
    struct getting *getting = grpc_call_state(call);
    caller_fini(&getting->caller);
    if (!getting->background.is_running)
        getting_release(getting);
}

const struct grpc_method method_get_sensor_readings = {
    .name = "GetSensorReadings",
    .kind = GRPC_SERVER_STREAM,
    .state_size = sizeof(struct getting),
    .started = getting_started,
    .message = getting_message,
    .writable = getting_writable,
    .ended = getting_ended,
};
