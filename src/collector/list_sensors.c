/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of sensors. The token of the next page is the last id of this one: it stays right when
 * sensors come in between, and nothing has to be kept for a client that never asks again.
 */
#include "base/glob.h"
#include "base/mem.h"
#include "collector/handlers.h"
#include "collector/matching.h"
#include "collector/request.h"
#include "proto/message.h"

struct listing {
    struct matching matching;
    struct bytes after;
    uint8_t after_bytes[COLLECTOR_MAX_SENSOR_ID];
    struct store_sensor *page;
    size_t max, n;
    bool more;
    int result;
};

/* One sensor of the answer, with the messages inside it. */
struct listed {
    Thermograph__V1__Sensor sensor;
    Thermograph__V1__Time first, last;
    char id[COLLECTOR_MAX_SENSOR_ID + 1];
};

static struct listing *listing_of_background(struct background *background) {
    return CONTAINER_OF(background, struct listing, matching.background);
}

/* In the pool. */
static void listing_read(struct background *background) {
    struct listing *listing = listing_of_background(background);
    struct store_filter filter = matching_filter(&listing->matching);
    struct store_page page = {
        .after = listing->after, .sensors = listing->page, .max = listing->max};
    listing->result = store_list(matching_store(&listing->matching), &filter, &page);
    listing->n = page.n;
    listing->more = page.more;
}

static void listed_init(struct listed *listed, const struct store_sensor *from) {
    const struct stats *stats = &from->stats;
    thermograph__v1__sensor__init(&listed->sensor);
    listed->first = matching_time(stats->first);
    listed->last = matching_time(stats->last);
    memcpy(listed->id, from->sensor_id.data, from->sensor_id.len);
    listed->sensor.sensor_id = listed->id;
    listed->sensor.count = stats->count;
    listed->sensor.first = &listed->first;
    listed->sensor.last = &listed->last;
    listed->sensor.latest = stats->latest;
}

static void listing_answer(struct grpc_call *call, const struct listing *listing) {
    Thermograph__V1__ListSensorsResponse answer = THERMOGRAPH__V1__LIST_SENSORS_RESPONSE__INIT;
    CLEANUP(mem_freep) struct listed *listed = mem_new_array(struct listed, listing->n);
    CLEANUP(mem_freep)
    Thermograph__V1__Sensor **sensors = mem_new_array(Thermograph__V1__Sensor *, listing->n);
    if (!listed || !sensors) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return;
    }
    for (size_t i = 0; i < listing->n; i++) {
        listed_init(&listed[i], &listing->page[i]);
        sensors[i] = &listed[i].sensor;
    }
    answer.sensors = sensors;
    answer.n_sensors = listing->n;
    if (listing->more && listing->n)
        answer.next_page_token = listed[listing->n - 1].id;
    grpc_call_answer(call, &answer.base);
}

static void listing_fini(struct listing *listing) {
    if (listing->matching.background.is_running)
        return;
    matching_fini(&listing->matching);
    mem_free(STEAL(listing->page));
}

/* An id, and the first page: then nothing is an error and not an empty list. */
static bool listing_names_one(const struct listing *listing) {
    return listing->after.len == 0 && !glob_is_pattern(listing->matching.pattern);
}

static void listing_on_read(struct background *background) {
    struct listing *listing = listing_of_background(background);
    struct grpc_call *call = background->call;
    if (listing->result)
        background_finish_failed(call, "the sensors cannot be listed", listing->result);
    else if (listing->n == 0 && listing_names_one(listing))
        matching_finish_not_found(&listing->matching);
    else if (!grpc_call_is_over(call))
        listing_answer(call, listing);
    listing_fini(listing);
}

static void listing_started(struct grpc_call *call) {
    struct listing *listing = grpc_call_state(call);
    matching_init(&listing->matching, call, listing_read, listing_on_read);
}

static bool listing_take_page_token(struct listing *listing, const char *page_token) {
    size_t len = strlen(page_token);
    if (len > sizeof(listing->after_bytes))
        return false;
    memcpy(listing->after_bytes, page_token, len);
    listing->after = bytes_of(listing->after_bytes, len);
    return true;
}

static void listing_start(struct listing *listing, struct grpc_call *call,
                          const Thermograph__V1__ListSensorsRequest *request) {
    listing->max = request->page_size ? request->page_size : COLLECTOR_PAGE_DEFAULT;
    if (listing->max > COLLECTOR_PAGE_MAX)
        listing->max = COLLECTOR_PAGE_MAX;
    if (!listing_take_page_token(listing, request->page_token)) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "page_token: is not the next_page_token of a page");
        return;
    }
    listing->page = mem_new_array(struct store_sensor, listing->max);
    if (!listing->page) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return;
    }
    matching_start(&listing->matching, bytes_str(request->pattern[0] ? request->pattern : "*"),
                   "pattern");
}

static int listing_message(struct grpc_call *call, struct bytes message) {
    CLEANUP(message_freep)
    ProtobufCMessage *unpacked =
        request_unpack(call, &thermograph__v1__list_sensors_request__descriptor, message);
    if (unpacked)
        listing_start(grpc_call_state(call), call, (const void *)unpacked);
    return 0;
}

static void listing_ended(struct grpc_call *call) {
    listing_fini(grpc_call_state(call));
}

const struct grpc_method method_list_sensors = {
    .name = "ListSensors",
    .kind = GRPC_UNARY,
    .state_size = sizeof(struct listing),
    .started = listing_started,
    .message = listing_message,
    .ended = listing_ended,
};
