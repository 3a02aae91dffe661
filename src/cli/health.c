/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/unary.h"
#include "cli/verb.h"
#include "proto/health.pb-c.h"

static const struct output_column columns[] = {
    {"service", .type = OUTPUT_TEXT},
    {"status", .type = OUTPUT_TEXT},
};

static const char *service_of(const struct options *options) {
    return options->n_arguments ? options->arguments[0] : "";
}

static const char *name_of_status(Grpc__Health__V1__HealthCheckResponse__ServingStatus status) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &grpc__health__v1__health_check_response__serving_status__descriptor, (int)status);
    return value ? value->name : "UNKNOWN";
}

static void on_done(struct client *client, void *user, enum grpc_status status, const char *text,
                    const ProtobufCMessage *answer) {
    const Grpc__Health__V1__HealthCheckResponse *check = (const void *)answer;
    struct output output;
    (void)user;
    if (!check) {
        client_fail(client, status, text);
        return;
    }
    const char *const values[] = {service_of(client->options), name_of_status(check->status)};
    output_init(&output, stdout, client->format, columns, ARRAY_LEN(columns));
    if (client->format == OUTPUT_TABLE)
        puts(values[1]);
    else
        output_single(&output, values);
    bool is_serving =
        check->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    client_finish(client, is_serving ? EXIT_OK : EXIT_FAILED);
}

static const struct unary health_unary = {
    .path = "/grpc.health.v1.Health/Check",
    .answer_type = &grpc__health__v1__health_check_response__descriptor,
    .done = on_done,
};

static int run(const struct options *options) {
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct client client = {0};
    int status = client_open(&client, options, CLIENT_UNARY_TIMEOUT_NS);
    if (status)
        return status;
    request.service = (char *)service_of(options);
    unary_start(&client, &health_unary, &request.base, NULL);
    return client_run(&client);
}

const struct verb verb_health = {
    .name = "health",
    .arguments = "[SERVICE]",
    .max_arguments = 1,
    .summary = "Ask whether the server, or one service of it, is serving; succeeds only then",
    .more = "It needs no token, so it does as a health check of a container.\n\n"
            "Examples:\n"
            "  thermograph health --ca certs/ca.crt\n"
            "  thermograph health SensorService --timeout 1s\n",
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
