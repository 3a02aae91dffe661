/* SPDX-License-Identifier: Apache-2.0 */
/* All pages of the list of sensors, one call after the other. */
#include <string.h>

#include "cli/answers.h"
#include "cli/unary.h"
#include "cli/verb.h"
#include "collector/limits.h"
#include "proto/thermograph.pb-c.h"

enum {
    COLUMN_SENSOR_ID,
    N_COLUMNS = 5
};

struct sensors {
    struct client client;
    struct output output;
    struct output_column columns[N_COLUMNS];
};

static const struct output_column standard_columns[N_COLUMNS] = {
    {"sensor_id", .type = OUTPUT_TEXT, .width = 9}, {"count", .type = OUTPUT_NUMBER, .width = 9},
    {"latest", .type = OUTPUT_NUMBER, .width = 8},  {"last", .type = OUTPUT_TEXT, .width = 30},
    {"first", .type = OUTPUT_TEXT, .width = 30},
};

static void ask_for_page(struct sensors *sensors, const char *page_token);

static void print_sensor(struct output *output, const Thermograph__V1__Sensor *sensor) {
    struct output_number count = output_number(sensor->count);
    struct decimal_text latest = decimal_format(sensor->latest);
    struct moment_text last = answer_time(sensor->last);
    struct moment_text first = answer_time(sensor->first);
    const char *const values[] = {sensor->sensor_id, count.text, latest.text, last.text,
                                  first.text};
    output_record(output, values);
}

/* The first page decides how wide the names' column is. */
static void fit_names(struct sensors *sensors, const Thermograph__V1__ListSensorsResponse *page) {
    int *width = &sensors->columns[COLUMN_SENSOR_ID].width;
    for (size_t i = 0; i < page->n_sensors; i++) {
        int length = (int)strlen(page->sensors[i]->sensor_id);
        *width = length > *width ? length : *width;
    }
}

static void on_page(struct client *client, void *user, enum grpc_status status, const char *text,
                    const ProtobufCMessage *answer) {
    struct sensors *sensors = user;
    const Thermograph__V1__ListSensorsResponse *page = (const void *)answer;
    if (!page) {
        client_fail(client, status, text);
        return;
    }
    if (sensors->output.n_records == 0)
        fit_names(sensors, page);
    for (size_t i = 0; i < page->n_sensors; i++)
        print_sensor(&sensors->output, page->sensors[i]);
    if (page->next_page_token[0]) {
        ask_for_page(sensors, page->next_page_token);
        return;
    }
    output_end(&sensors->output);
    if (sensors->output.n_records == 0 && client->format == OUTPUT_TABLE)
        fputs("no sensors\n", stderr);
    client_finish(client, EXIT_OK);
}

static const struct unary list_unary = {
    .path = "/thermograph.v1.Thermograph/ListSensors",
    .answer_type = &thermograph__v1__list_sensors_response__descriptor,
    .done = on_page,
};

static void ask_for_page(struct sensors *sensors, const char *page_token) {
    const struct options *options = sensors->client.options;
    Thermograph__V1__ListSensorsRequest request = THERMOGRAPH__V1__LIST_SENSORS_REQUEST__INIT;
    request.pattern = options->n_arguments ? (char *)options->arguments[0] : "";
    request.page_size = COLLECTOR_PAGE_MAX;
    request.page_token = (char *)page_token;
    unary_start(&sensors->client, &list_unary, &request.base, sensors);
}

static int run(const struct options *options) {
    struct sensors sensors = {0};
    int status = client_open(&sensors.client, options, CLIENT_UNARY_TIMEOUT_NS);
    if (status)
        return status;
    memcpy(sensors.columns, standard_columns, sizeof(standard_columns));
    output_init(&sensors.output, stdout, sensors.client.format, sensors.columns, N_COLUMNS);
    ask_for_page(&sensors, "");
    return client_run(&sensors.client);
}

const struct verb verb_sensors = {
    .name = "sensors",
    .arguments = "[PATTERN]",
    .max_arguments = 1,
    .summary = "List the sensors, with count, latest temperature and times",
    .more = "In a pattern * stands for any run of characters and ? for one; put it in quotes.\n\n"
            "Examples:\n"
            "  thermograph sensors\n"
            "  thermograph sensors 'boiler-*' --output csv\n",
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
