/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/answers.h"
#include "cli/unary.h"
#include "cli/verb.h"
#include "proto/sensor.pb-c.h"

static void on_done(struct client *client, void *user, enum grpc_status status, const char *text,
                    const ProtobufCMessage *answer) {
    (void)user;
    if (!answer) {
        client_fail(client, status, text);
        return;
    }
    print_ack(client->format, (const Ack *)answer);
    client_finish(client, EXIT_OK);
}

static const struct unary send_unary = {
    .path = "/SensorService/SendSingleReading",
    .answer_type = &ack__descriptor,
    .done = on_done,
};

/* 0, or -EINVAL with words. */
static int read_reading(const struct options *options, struct reading *reading,
                        struct err_text *why) {
    struct moment time = moment_of_ns(clock_wall_ns());
    struct parse_range any = {0, UINT64_MAX};
    int r = parse_temperature(options->arguments[1], &reading->temperature, why);
    if (r == 0)
        r = options_moment(options, OPTION_TIME, &time, why);
    if (r == 0)
        r = options_count(options, OPTION_SEQUENCE, any, &reading->sequence, why);
    reading->sensor_id = bytes_str(options->arguments[0]);
    reading->seconds = time.seconds;
    reading->nanos = time.nanos;
    return r;
}

static int run(const struct options *options) {
    struct reading reading = {.sequence = 0};
    struct client client = {0};
    struct err_text why;
    if (read_reading(options, &reading, &why))
        return say_usage(options, &why);
    int status = client_open(&client, options, CLIENT_UNARY_TIMEOUT_NS);
    if (status)
        return status;
    unary_start_reading(&client, &send_unary, &reading, NULL);
    return client_run(&client);
}

static const enum option_id send_options[] = {OPTION_TIME, OPTION_SEQUENCE};

const struct verb verb_send = {
    .name = "send",
    .arguments = "SENSOR TEMPERATURE",
    .min_arguments = 2,
    .max_arguments = 2,
    .summary = "Send one reading and wait until it is kept",
    .more = "Examples:\n"
            "  thermograph send boiler-3 21.5 --ca certs/ca.crt --token-file token\n"
            "  thermograph send cellar -3.25 --time 2026-11-24T10:00:00Z\n",
    .options = send_options,
    .n_options = ARRAY_LEN(send_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
