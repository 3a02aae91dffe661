/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/glob.h"
#include "cli/client.h"
#include "cli/reading_output.h"
#include "cli/time_range.h"
#include "cli/verb.h"
#include "proto/reading.h"
#include "proto/sensor.pb-c.h"

struct get {
    struct client client;
    struct output output;
};

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct get *get = grpc_client_call_user(call);
    struct reading reading;
    if (reading_decode(message, &reading))
        client_fail(&get->client, GRPC_INTERNAL, "a message of the answer is no reading");
    else
        reading_output_print(&get->output, &reading);
}

static void say_none(const struct get *get) {
    const char *id = get->client.options->arguments[0];
    if (glob_is_pattern(bytes_str(id)))
        fprintf(stderr,
                "no readings: get takes the id of one sensor, no pattern; `thermograph sensors "
                "'%s'' lists those that match\n",
                id);
    else if (get->output.format == OUTPUT_TABLE)
        fputs("no readings\n", stderr);
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct get *get = grpc_client_call_user(call);
    if (status != GRPC_OK)
        client_fail(&get->client, status, text);
    if (get->client.is_finished)
        return;
    output_end(&get->output);
    if (get->output.n_records == 0)
        say_none(get);
    client_finish(&get->client, EXIT_OK);
}

static const struct grpc_client_ops ops = {.message = on_message, .status = on_status};

static int read_request(const struct options *options, SensorRequest *request,
                        struct err_text *why) {
    struct parse_range any = {1, UINT64_MAX};
    bool is_newest = false;
    int r = time_range_read(options, &request->start_time, &request->end_time, why);
    if (r == 0)
        r = options_count(options, OPTION_LIMIT, any, &request->limit, why);
    if (r == 0)
        r = options_flag(options, OPTION_NEWEST, &is_newest, why);
    request->newest_first = is_newest;
    request->sensor_id = (char *)options->arguments[0];
    return r;
}

static void start(struct get *get, const SensorRequest *request) {
    struct grpc_client_call *call;
    if (client_call(&get->client, "/SensorService/GetSensorReadings", &ops, get, &call))
        return;
    int r = grpc_client_call_send(call, &request->base);
    if (r)
        client_fail(&get->client, GRPC_INTERNAL, strerror(-r));
    else
        grpc_client_call_half_close(call);
}

static int run(const struct options *options) {
    SensorRequest request = SENSOR_REQUEST__INIT;
    struct get get = {0};
    struct err_text why;
    if (read_request(options, &request, &why))
        return say_usage(options, &why);
    int status = client_open(&get.client, options, 0);
    if (status)
        return status;
    reading_output_init(&get.output, get.client.format);
    start(&get, &request);
    return client_run(&get.client);
}

static const enum option_id get_options[] = {OPTION_START, OPTION_END, OPTION_LIMIT, OPTION_NEWEST};

const struct verb verb_get = {
    .name = "get",
    .arguments = "SENSOR",
    .min_arguments = 1,
    .max_arguments = 1,
    .summary = "Print the readings of a sensor, in order of time",
    .more = "A range is from --start on and before --end. A sensor without readings gives none.\n\n"
            "Examples:\n"
            "  thermograph get boiler-3 --newest --limit 10\n"
            "  thermograph get boiler-3 --start -1h\n"
            "  thermograph get boiler-3 --start 2026-11-24 --end 2026-11-25 --output csv\n",
    .options = get_options,
    .n_options = ARRAY_LEN(get_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
