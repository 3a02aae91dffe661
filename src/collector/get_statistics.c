/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/handlers.h"
#include "collector/matching.h"
#include "collector/request.h"
#include "proto/message.h"

struct statistics_call {
    struct matching matching;
    struct store_range range;
    uint64_t n_sensors;
    struct stats stats;
    int result;
};

static struct statistics_call *statistics_of_background(struct background *background) {
    return CONTAINER_OF(background, struct statistics_call, matching.background);
}

/* In the pool. */
static void statistics_read(struct background *background) {
    struct statistics_call *statistics = statistics_of_background(background);
    struct store_filter filter = matching_filter(&statistics->matching);
    statistics->result =
        store_statistics(matching_store(&statistics->matching), &filter, &statistics->range,
                         &statistics->n_sensors, &statistics->stats);
}

static void statistics_answer(struct grpc_call *call, const struct statistics_call *statistics) {
    const struct stats *stats = &statistics->stats;
    Thermograph__V1__Time first = matching_time(stats->first);
    Thermograph__V1__Time last = matching_time(stats->last);
    Thermograph__V1__Statistics answer = THERMOGRAPH__V1__STATISTICS__INIT;
    answer.sensors = statistics->n_sensors;
    answer.count = stats->count;
    if (stats->count > 0) {
        answer.mean = stats_mean(stats);
        answer.standard_deviation = stats_deviation(stats);
        answer.minimum = stats->minimum;
        answer.maximum = stats->maximum;
        answer.first = &first;
        answer.last = &last;
        answer.latest = stats->latest;
    }
    grpc_call_answer(call, &answer.base);
}

static void statistics_on_read(struct background *background) {
    struct statistics_call *statistics = statistics_of_background(background);
    struct grpc_call *call = background->call;
    if (statistics->result == STORE_E_NO_SENSOR)
        matching_finish_not_found(&statistics->matching);
    else if (statistics->result)
        background_finish_failed(call, "the statistics cannot be read", statistics->result);
    else
        statistics_answer(call, statistics);
    matching_fini(&statistics->matching);
}

static void statistics_started(struct grpc_call *call) {
    matching_init(grpc_call_state(call), call, statistics_read, statistics_on_read);
}

static int statistics_message(struct grpc_call *call, struct bytes message) {
    struct statistics_call *statistics = grpc_call_state(call);
    CLEANUP(message_freep)
    ProtobufCMessage *unpacked =
        request_unpack(call, &thermograph__v1__get_statistics_request__descriptor, message);
    if (!unpacked)
        return 0;
    const Thermograph__V1__GetStatisticsRequest *request = (const void *)unpacked;
    if (request->start_time < 0 || request->end_time < 0) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "start_time, end_time: must not be before 1970-01-01 UTC");
        return 0;
    }
    statistics->range = (struct store_range){request->start_time, request->end_time};
    matching_start(&statistics->matching, bytes_str(request->sensor_id), "sensor_id");
    return 0;
}

static void statistics_ended(struct grpc_call *call) {
    matching_fini(grpc_call_state(call));
}

const struct grpc_method method_get_statistics = {
    .name = "GetStatistics",
    .kind = GRPC_UNARY,
    .state_size = sizeof(struct statistics_call),
    .started = statistics_started,
    .message = statistics_message,
    .ended = statistics_ended,
};
