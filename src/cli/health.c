/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/health_figures.h"
#include "cli/unary.h"
#include "cli/verb.h"
#include "proto/health.pb-c.h"

struct health {
    struct client client;
    bool is_verbose;
    struct health_answer answer;
};

static const char *name_of_status(Grpc__Health__V1__HealthCheckResponse__ServingStatus status) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &grpc__health__v1__health_check_response__serving_status__descriptor, (int)status);
    return value ? value->name : "UNKNOWN";
}

static void print_answer(const struct health *health) {
    health_print(stdout, health->client.format, &health->answer);
}

static int status_of(const struct health *health) {
    return strcmp(health->answer.status, "SERVING") == 0 ? EXIT_OK : EXIT_FAILED;
}

/* Without the figures the health answer is printed all the same. */
static void on_figures(struct client *client, void *user, enum grpc_status status, const char *text,
                       const ProtobufCMessage *answer) {
    struct health *health = user;
    struct err_text words;
    health->answer.figures = (const Thermograph__V1__Status *)answer;
    print_answer(health);
    if (answer) {
        client_finish(client, status_of(health));
        return;
    }
    bool is_about_tokens = status == GRPC_UNAUTHENTICATED || status == GRPC_PERMISSION_DENIED;
    err_say(&words, "%s%s",
            is_about_tokens ? "the store's figures need a token that may read: " : "", text);
    client_fail(client, status, words.text);
}

static const struct unary figures_unary = {
    .path = "/thermograph.v1.Thermograph/GetStatus",
    .answer_type = &thermograph__v1__status__descriptor,
    .done = on_figures,
};

static void ask_for_figures(struct health *health) {
    const Thermograph__V1__GetStatusRequest request = THERMOGRAPH__V1__GET_STATUS_REQUEST__INIT;
    unary_start(&health->client, &figures_unary, &request.base, health);
}

static void on_done(struct client *client, void *user, enum grpc_status status, const char *text,
                    const ProtobufCMessage *answer) {
    const Grpc__Health__V1__HealthCheckResponse *check = (const void *)answer;
    struct health *health = user;
    if (!check) {
        client_fail(client, status, text);
        return;
    }
    health->answer.status = name_of_status(check->status);
    if (health->is_verbose) {
        ask_for_figures(health);
        return;
    }
    print_answer(health);
    client_finish(client, status_of(health));
}

static const struct unary health_unary = {
    .path = "/grpc.health.v1.Health/Check",
    .answer_type = &grpc__health__v1__health_check_response__descriptor,
    .done = on_done,
};

static int run(const struct options *options) {
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct health health = {0};
    struct err_text why;
    if (options_flag(options, OPTION_VERBOSE, &health.is_verbose, &why))
        return say_usage(options, &why);
    int status = client_open_unwatched(&health.client, options, CLIENT_UNARY_TIMEOUT_NS);
    if (status)
        return status;
    health.answer.service = options->n_arguments ? options->arguments[0] : "";
    request.service = (char *)health.answer.service;
    unary_start(&health.client, &health_unary, &request.base, &health);
    return client_run(&health.client);
}

static const enum option_id health_options[] = {OPTION_VERBOSE};

const struct verb verb_health = {
    .name = "health",
    .arguments = "[SERVICE]",
    .max_arguments = 1,
    .summary = "Ask whether the server, or one service of it, is serving; succeeds only then",
    .more =
        "SERVICE is SensorService or thermograph.v1.Thermograph; without it the whole server is "
        "asked about. It needs no token, so it does as a health check of a container; --verbose "
        "does.\n\n"
        "Examples:\n"
        "  thermograph health --ca certs/ca.crt\n"
        "  thermograph health SensorService --timeout 1s\n"
        "  thermograph health --verbose --token-file gateway.token --output json\n",
    .options = health_options,
    .n_options = ARRAY_LEN(health_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
