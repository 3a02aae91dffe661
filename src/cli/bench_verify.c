/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_verify.h"

#include <stdio.h>
#include <string.h>

#include "cli/unary.h"
#include "proto/sensor.pb-c.h"
#include "proto/thermograph.pb-c.h"

/* ---- GetStatistics of the run's sensors ---- */

/* NOT_FOUND: of these sensors there is nothing. */
static void on_statistics(struct client *client, void *user, enum grpc_status status,
                          const char *text, const ProtobufCMessage *answer) {
    struct bench_count *count = user;
    if (!answer && status != GRPC_NOT_FOUND) {
        client_fail(client, status, text);
        return;
    }
    count->n_held = answer ? ((const Thermograph__V1__Statistics *)answer)->count : 0;
    count->counted(count);
}

static const struct unary statistics = {
    .path = "/thermograph.v1.Thermograph/GetStatistics",
    .answer_type = &thermograph__v1__statistics__descriptor,
    .done = on_statistics,
};

static void ask_statistics(struct bench_count *count) {
    Thermograph__V1__GetStatisticsRequest request = THERMOGRAPH__V1__GET_STATISTICS_REQUEST__INIT;
    char pattern[64];
    snprintf(pattern, sizeof(pattern), "%s*", count->prefix);
    request.sensor_id = pattern;
    unary_start(count->client, &statistics, &request.base, count);
}

/* ---- sensor `__total` ---- */

static void on_total(struct grpc_client_call *call, struct bytes message) {
    struct bench_count *count = grpc_client_call_user(call);
    struct reading reading;
    if (reading_decode(message, &reading) == 0)
        count->n_held = (uint64_t)reading.seconds;
}

static void on_total_status(struct grpc_client_call *call, enum grpc_status status,
                            const char *text) {
    struct bench_count *count = grpc_client_call_user(call);
    if (count->client->is_finished)
        return;
    if (status != GRPC_OK)
        client_fail(count->client, status, text);
    else
        count->counted(count);
}

static const struct grpc_client_ops total_ops = {.message = on_total, .status = on_total_status};

static void ask_total(struct bench_count *count) {
    SensorRequest request = SENSOR_REQUEST__INIT;
    struct grpc_client_call *call;
    request.sensor_id = (char *)"__total";
    if (client_call(count->client, "/SensorService/GetSensorReadings", &total_ops, count, &call))
        return;
    int r = grpc_client_call_send(call, &request.base);
    if (r)
        client_fail(count->client, GRPC_INTERNAL, strerror(-r));
    else
        grpc_client_call_half_close(call);
}

void bench_count_start(struct bench_count *count) {
    count->n_held = 0;
    switch (count->how) {
    case BENCH_VERIFY_STATISTICS:
        ask_statistics(count);
        break;
    case BENCH_VERIFY_TOTAL:
        ask_total(count);
        break;
    case BENCH_VERIFY_NONE:
        count->counted(count);
    }
}
