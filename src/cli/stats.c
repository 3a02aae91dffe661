/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answers.h"
#include "cli/time_range.h"
#include "cli/unary.h"
#include "cli/verb.h"
#include "proto/thermograph.pb-c.h"

static const struct output_column columns[] = {
    {"sensor_id", .type = OUTPUT_TEXT},
    {"sensors", .type = OUTPUT_NUMBER},
    {"count", .type = OUTPUT_NUMBER},
    {"mean", .type = OUTPUT_NUMBER},
    {"standard_deviation", .type = OUTPUT_NUMBER},
    {"minimum", .type = OUTPUT_NUMBER},
    {"maximum", .type = OUTPUT_NUMBER},
    {"first", .type = OUTPUT_TEXT},
    {"last", .type = OUTPUT_TEXT},
    {"latest", .type = OUTPUT_NUMBER},
};

static void print_statistics(const struct client *client,
                             const Thermograph__V1__Statistics *statistics) {
    struct output output;
    struct output_number sensors = output_number(statistics->sensors);
    struct output_number count = output_number(statistics->count);
    struct decimal_text mean = decimal_format(statistics->mean);
    struct decimal_text deviation = decimal_format(statistics->standard_deviation);
    struct decimal_text minimum = decimal_format(statistics->minimum);
    struct decimal_text maximum = decimal_format(statistics->maximum);
    struct moment_text first = answer_time(statistics->first);
    struct moment_text last = answer_time(statistics->last);
    struct decimal_text latest = decimal_format(statistics->latest);
    bool has_any = statistics->count > 0; /* otherwise there is no mean, and so on */
    const char *const values[] = {
        client->options->arguments[0],
        sensors.text,
        count.text,
        has_any ? mean.text : NULL,
        has_any ? deviation.text : NULL,
        has_any ? minimum.text : NULL,
        has_any ? maximum.text : NULL,
        has_any ? first.text : NULL,
        has_any ? last.text : NULL,
        has_any ? latest.text : NULL,
    };
    output_init(&output, stdout, client->format, columns, ARRAY_LEN(columns));
    output_single(&output, values);
}

static void on_done(struct client *client, void *user, enum grpc_status status, const char *text,
                    const ProtobufCMessage *answer) {
    (void)user;
    if (!answer) {
        client_fail(client, status, text);
        return;
    }
    print_statistics(client, (const Thermograph__V1__Statistics *)answer);
    client_finish(client, EXIT_OK);
}

static const struct unary stats_unary = {
    .path = "/thermograph.v1.Thermograph/GetStatistics",
    .answer_type = &thermograph__v1__statistics__descriptor,
    .done = on_done,
};

static int run(const struct options *options) {
    Thermograph__V1__GetStatisticsRequest request = THERMOGRAPH__V1__GET_STATISTICS_REQUEST__INIT;
    struct client client = {0};
    struct err_text why;
    if (time_range_read(options, &request.start_time, &request.end_time, &why))
        return say_usage(options, &why);
    int status = client_open(&client, options, CLIENT_UNARY_TIMEOUT_NS);
    if (status)
        return status;
    request.sensor_id = (char *)options->arguments[0];
    unary_start(&client, &stats_unary, &request.base, NULL);
    return client_run(&client);
}

static const enum option_id stats_options[] = {OPTION_START, OPTION_END};

const struct verb verb_stats = {
    .name = "stats",
    .arguments = "SENSOR|PATTERN",
    .min_arguments = 1,
    .max_arguments = 1,
    .summary = "Print count, mean, standard deviation and range of a sensor or of many together",
    .more = "In a pattern * stands for any run of characters and ? for one; put it in quotes.\n\n"
            "Examples:\n"
            "  thermograph stats boiler-3\n"
            "  thermograph stats 'boiler-*' --output json\n"
            "  thermograph stats 'boiler-*' --start -7d --end -1d\n",
    .options = stats_options,
    .n_options = ARRAY_LEN(stats_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
