/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the readings of one sensor, a page at a time: a page is read in the worker pool, sent, and
 * the next is read when the client has taken most of it. So a client that reads slowly, or never,
 * holds one page and one cursor.
 *
 *     request -> open cursor -> [read a page -> send it -> wait for `writable`] ... -> OK
 */
#include "base/mem.h"
#include "collector/background.h"
#include "collector/handlers.h"
#include "collector/request.h"
#include "collector/rules.h"
#include "proto/message.h"
#include "proto/sensor.pb-c.h"
#include "store/limits.h"

struct getting {
    struct background background;
    struct caller caller;
    struct store_cursor *cursor;
    struct reading *page; /* STORE_PAGE_MAX_READINGS of them */
    size_t n_page;
    int result;      /* of reading the last page */
    uint64_t n_left; /* of the request's limit */
};

static struct getting *getting_of_background(struct background *background) {
    return CONTAINER_OF(background, struct getting, background);
}

static void getting_release(struct getting *getting) {
    if (getting->cursor)
        store_cursor_close(STEAL(getting->cursor));
    mem_free(STEAL(getting->page));
}

/* In the pool. */
static void getting_read_page(struct background *background) {
    struct getting *getting = getting_of_background(background);
    size_t max =
        getting->n_left < STORE_PAGE_MAX_READINGS ? getting->n_left : STORE_PAGE_MAX_READINGS;
    getting->n_page = 0;
    getting->result = store_cursor_next(getting->cursor, getting->page, max, &getting->n_page);
}

static int getting_send_page(struct getting *getting) {
    struct grpc_call *call = getting->background.call;
    for (size_t i = 0; i < getting->n_page; i++) {
        uint8_t *out;
        int r = grpc_call_reserve(call, reading_encoded_size(&getting->page[i]), &out);
        if (r)
            return r;
        reading_encode(&getting->page[i], out);
        grpc_call_commit(call);
    }
    getting->n_left -= getting->n_page;
    return 0;
}

static void getting_continue(struct getting *getting) {
    struct grpc_call *call = getting->background.call;
    if (getting->background.is_running || !getting->cursor || grpc_call_is_busy(call))
        return;
    if (getting->n_left == 0)
        grpc_call_finish(call, GRPC_OK, "%s", "");
    else
        background_start(&getting->background, call);
}

static void getting_on_page(struct background *background) {
    struct getting *getting = getting_of_background(background);
    struct grpc_call *call = background->call;
    if (grpc_call_is_over(call)) {
        getting_release(getting);
        return;
    }
    if (getting->result == 0)
        getting->result = getting_send_page(getting);
    if (getting->result < 0)
        background_finish_failed(call, "the readings cannot be read", getting->result);
    else if (getting->n_page == 0)
        grpc_call_finish(call, GRPC_OK, "%s", "");
    else
        getting_continue(getting);
}

static bool getting_check(struct getting *getting, struct grpc_call *call,
                          const SensorRequest *request) {
    struct bytes id = bytes_str(request->sensor_id);
    struct err_text why;
    if (rules_check_sensor_id(id, &why)) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, "%s", why.text);
        return false;
    }
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
        grpc_call_finish(call, GRPC_OK, "%s", "");
        return;
    }
    getting->page = mem_new_array(struct reading, STORE_PAGE_MAX_READINGS);
    if (r || !getting->page) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return;
    }
    getting->n_left = request->limit ? request->limit : UINT64_MAX;
    background_start(&getting->background, call);
}

static void getting_started(struct grpc_call *call) {
    struct getting *getting = grpc_call_state(call);
    getting->background.work = getting_read_page;
    getting->background.done = getting_on_page;
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
