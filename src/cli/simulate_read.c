/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated reader: asks which sensors there are, then reads the latest of one by chance. */
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "cli/simulate.h"
#include "cli/unary.h"
#include "proto/thermograph.pb-c.h"

/* Readings of one call. */
enum {
    READ_LIMIT = 1000
};

static void on_reading(struct grpc_client_call *call, struct bytes message) {
    struct simulator *simulator = grpc_client_call_user(call);
    struct reading reading;
    if (reading_decode(message, &reading)) {
        client_fail(&simulator->client, GRPC_INTERNAL, "a message of the answer is no reading");
        return;
    }
    simulator->n_read++;
    simulator->sum += reading.temperature;
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct simulator *simulator = grpc_client_call_user(call);
    if (simulator->client.is_finished)
        return;
    if (status != GRPC_OK) {
        simulator_failed(simulator, status, text);
        return;
    }
    printf("read %s: %s", simulator->sensor_id,
           counted(simulator->n_read, "reading", "readings").text);
    if (simulator->n_read)
        printf(", average %.2f C", simulator->sum / (double)simulator->n_read);
    putchar('\n');
    simulator->n_done++;
    simulator_succeeded(simulator);
    simulator_rest(simulator);
}

static const struct grpc_client_ops get_ops = {.message = on_reading, .status = on_status};

static void read_sensor(struct simulator *simulator, const char *sensor_id) {
    SensorRequest request = SENSOR_REQUEST__INIT;
    struct grpc_client_call *call;
    snprintf(simulator->sensor_id, sizeof(simulator->sensor_id), "%s", sensor_id);
    simulator->n_read = 0;
    simulator->sum = 0;
    request.sensor_id = simulator->sensor_id;
    request.limit = READ_LIMIT;
    request.newest_first = true;
    if (client_call(&simulator->client, "/SensorService/GetSensorReadings", &get_ops, simulator,
                    &call))
        return;
    int r = grpc_client_call_send(call, &request.base);
    if (r)
        client_fail(&simulator->client, GRPC_INTERNAL, strerror(-r));
    else
        grpc_client_call_half_close(call);
}

/* Counts as a read, or --count would never be reached. */
static void read_nothing(struct simulator *simulator) {
    if (!simulator->has_said_none)
        fputs("no sensors yet\n", stderr);
    simulator->has_said_none = true;
    simulator->n_done++;
    simulator_rest(simulator);
}

static void on_list(struct client *client, void *user, enum grpc_status status, const char *text,
                    const ProtobufCMessage *answer) {
    struct simulator *simulator = user;
    const Thermograph__V1__ListSensorsResponse *page = (const void *)answer;
    (void)client;
    if (!page) {
        simulator_failed(simulator, status, text);
        return;
    }
    simulator_succeeded(simulator);
    if (page->n_sensors == 0) {
        read_nothing(simulator);
        return;
    }
    size_t chosen = (size_t)random_below(&simulator->random, page->n_sensors);
    read_sensor(simulator, page->sensors[chosen]->sensor_id);
}

static const struct unary list_unary = {
    .path = "/thermograph.v1.Thermograph/ListSensors",
    .answer_type = &thermograph__v1__list_sensors_response__descriptor,
    .done = on_list,
};

void simulate_server_stream(struct simulator *simulator) {
    Thermograph__V1__ListSensorsRequest request = THERMOGRAPH__V1__LIST_SENSORS_REQUEST__INIT;
    char pattern[COLLECTOR_MAX_SENSOR_ID + 1] = "*";
    if (simulator->settings.prefix)
        snprintf(pattern, sizeof(pattern), "%s-*", simulator->settings.prefix);
    request.pattern = pattern;
    request.page_size = COLLECTOR_PAGE_MAX;
    unary_start(&simulator->client, &list_unary, &request.base, simulator);
}
