/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection and three calls, one after the other; each tells more than the one before it:
 *
 *     Health.Check   connection, certificate, health    needs no token
 *     ListSensors    token
 *     GetStatus      store, clock                       needs a token that may read
 *
 * Where one cannot be made, what would follow from it is not checked, and that is said. The calls
 * are no telemetry: what is to be found out is not to depend on it.
 */
#include "cli/doctor_server.h"

#include "base/clock.h"
#include "base/plural.h"
#include "cli/doctor_checks.h"
#include "cli/unary.h"
#include "proto/health.pb-c.h"
#include "proto/thermograph.pb-c.h"

/* Clocks of machines that are kept right differ by less. */
#define SKEW_WARN_NS (5 * (int64_t)NS_PER_S)

/* ---- what is shared ---- */

/* `UNAVAILABLE: cannot connect to ... (is the server running there?)` */
static struct err_text words_of(const struct doctor_server *server, enum grpc_status status,
                                const char *text) {
    const char *hint = client_hint(&server->client, status, text);
    struct err_text words;
    err_say(&words, "%s: %s%s%s%s", grpc_status_name(status), text, hint ? " (" : "",
            hint ? hint : "", hint ? ")" : "");
    return words;
}

static void say_call_failed(struct doctor_server *server, enum doctor_result result,
                            enum grpc_status status, const char *text) {
    doctor_report_say(server->report, result, "%s", words_of(server, status, text).text);
}

static bool has_token(const struct doctor_server *server) {
    return server->client.access.token != NULL;
}

/* ---- the clock ---- */

/* Its answer was made somewhere between asking and hearing: the middle is the best guess. */
static void check_clock(struct doctor_server *server, const Thermograph__V1__Status *status) {
    uint64_t heard_at_ns = clock_wall_ns();
    doctor_report_check(server->report, "server.clock");
    if (!status->now) {
        doctor_report_say(server->report, DOCTOR_NOT_CHECKED, "an older server: it says no time");
        return;
    }
    int64_t there_ns = status->now->seconds * (int64_t)NS_PER_S + status->now->nanos;
    int64_t half_way_ns = (int64_t)(heard_at_ns - server->asked_at_ns) / 2;
    int64_t ahead_ns = there_ns - ((int64_t)server->asked_at_ns + half_way_ns);
    int64_t apart_ns = ahead_ns < 0 ? -ahead_ns : ahead_ns;
    if (apart_ns > SKEW_WARN_NS + half_way_ns)
        doctor_report_say(server->report, DOCTOR_WARNING,
                          "the server's is %lld s %s this machine's: readings get wrong times; is "
                          "each kept right (timedatectl)?",
                          (long long)(apart_ns / (int64_t)NS_PER_S),
                          ahead_ns > 0 ? "ahead of" : "behind");
    else
        doctor_report_say(server->report, DOCTOR_OK,
                          "the server's and this machine's are less than %lld ms apart",
                          (long long)((apart_ns + half_way_ns) / (int64_t)NS_PER_MS + 1));
}

/* ---- the store ---- */

static void check_store(struct doctor_server *server, const Thermograph__V1__Status *status) {
    const Thermograph__V1__StoreStatus *store = status->store;
    doctor_report_check(server->report, "server.store");
    if (!store)
        doctor_report_say(server->report, DOCTOR_NOT_CHECKED, "the server says nothing about it");
    else if (store->failure[0])
        doctor_report_say(server->report, DOCTOR_FAILED, "it takes no more readings: %s",
                          store->failure);
    else if (store->refused > 0)
        doctor_report_say(server->report, DOCTOR_WARNING,
                          "it could not take %s since the start; the server's log says why",
                          counted(store->refused, "reading", "readings").text);
    else
        doctor_report_say(server->report, DOCTOR_OK, "thermograph %s keeps %s of %s %s",
                          status->version, counted(store->readings, "reading", "readings").text,
                          counted(store->sensors, "sensor", "sensors").text,
                          store->disk ? "on disk" : "in memory only");
}

static void on_figures(struct client *client, void *user, enum grpc_status status, const char *text,
                       const ProtobufCMessage *answer) {
    struct doctor_server *server = user;
    bool is_about_tokens = status == GRPC_UNAUTHENTICATED || status == GRPC_PERMISSION_DENIED;
    if (answer) {
        check_store(server, (const Thermograph__V1__Status *)answer);
        check_clock(server, (const Thermograph__V1__Status *)answer);
    } else {
        doctor_report_check(server->report, "server.store");
        say_call_failed(server, is_about_tokens ? DOCTOR_NOT_CHECKED : DOCTOR_FAILED, status, text);
        doctor_report_not_checked(server->report, "server.clock",
                                  "the server has not said its time");
    }
    client_finish(client, EXIT_OK);
}

static const struct unary figures_unary = {
    .path = "/thermograph.v1.Thermograph/GetStatus",
    .answer_type = &thermograph__v1__status__descriptor,
    .done = on_figures,
};

static void ask_for_figures(struct doctor_server *server) {
    const Thermograph__V1__GetStatusRequest request = THERMOGRAPH__V1__GET_STATUS_REQUEST__INIT;
    server->asked_at_ns = clock_wall_ns();
    unary_start(&server->client, &figures_unary, &request.base, server);
}

/* ---- the token ---- */

static void on_sensors(struct client *client, void *user, enum grpc_status status, const char *text,
                       const ProtobufCMessage *answer) {
    struct doctor_server *server = user;
    (void)client;
    doctor_report_check(server->report, "server.token");
    if (answer && has_token(server))
        doctor_report_say(server->report, DOCTOR_OK, "a call with it was answered");
    else if (answer)
        doctor_report_say(server->report, DOCTOR_OK,
                          "there is none, and the server asks for none: anyone may call");
    else if (status == GRPC_PERMISSION_DENIED)
        doctor_report_say(server->report, DOCTOR_WARNING, "the server knows it, but: %s", text);
    else
        say_call_failed(server, DOCTOR_FAILED, status, text);
    ask_for_figures(server);
}

static const struct unary sensors_unary = {
    .path = "/thermograph.v1.Thermograph/ListSensors",
    .answer_type = &thermograph__v1__list_sensors_response__descriptor,
    .done = on_sensors,
};

static void ask_for_sensors(struct doctor_server *server) {
    Thermograph__V1__ListSensorsRequest request = THERMOGRAPH__V1__LIST_SENSORS_REQUEST__INIT;
    request.page_size = 1;
    unary_start(&server->client, &sensors_unary, &request.base, server);
}

/* ---- connection and health ---- */

/* `words` say why. */
static void say_unreached(struct doctor_server *server, const char *words) {
    static const char *const others[] = {"server.health", "server.token", "server.store",
                                         "server.clock"};
    doctor_report_check(server->report, "server.connection");
    doctor_report_say(server->report, DOCTOR_FAILED, "%s", words);
    doctor_report_check(server->report, "server.certificate");
    if (server->certificate.is_known)
        doctor_certificate(server->report, &server->certificate);
    else
        doctor_report_say(server->report, DOCTOR_NOT_CHECKED, "none was shown");
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        doctor_report_not_checked(server->report, others[i], "there is no connection");
}

static void say_reached(struct doctor_server *server) {
    const struct grpc_channel_options *access = &server->client.access;
    doctor_report_check(server->report, "server.connection");
    doctor_report_say(server->report, DOCTOR_OK, "%s port %u answers%s", access->address.host,
                      access->address.port, access->tls ? " over TLS" : ", without TLS");
    doctor_report_check(server->report, "server.certificate");
    if (server->certificate.is_known)
        doctor_certificate(server->report, &server->certificate);
    else
        doctor_report_say(server->report, DOCTOR_NOT_CHECKED, "there is none without TLS");
}

static void check_health(struct doctor_server *server,
                         const Grpc__Health__V1__HealthCheckResponse *answer) {
    doctor_report_check(server->report, "server.health");
    if (answer->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
        doctor_report_say(server->report, DOCTOR_OK, "it says that it is serving");
    else
        doctor_report_say(server->report, DOCTOR_FAILED,
                          "it says that it is not serving: it is being stopped, or its store has "
                          "failed, which its log says");
}

static void on_health(struct client *client, void *user, enum grpc_status status, const char *text,
                      const ProtobufCMessage *answer) {
    struct doctor_server *server = user;
    if (status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED) {
        say_unreached(server, words_of(server, status, text).text);
        client_finish(client, EXIT_OK);
        return;
    }
    say_reached(server);
    if (answer) {
        check_health(server, (const Grpc__Health__V1__HealthCheckResponse *)answer);
    } else {
        doctor_report_check(server->report, "server.health");
        say_call_failed(server, DOCTOR_FAILED, status, text);
    }
    ask_for_sensors(server);
}

static const struct unary health_unary = {
    .path = "/grpc.health.v1.Health/Check",
    .answer_type = &grpc__health__v1__health_check_response__descriptor,
    .done = on_health,
};

/* ---- all ---- */

static int ask(struct doctor_server *server) {
    const Grpc__Health__V1__HealthCheckRequest request =
        GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    unary_start(&server->client, &health_unary, &request.base, server);
    return client_run(&server->client);
}

int doctor_server_read(struct doctor_server *server, struct doctor_report *report,
                       const struct options *options) {
    server->report = report;
    doctor_report_check(report, "server.connection");
    int r = client_read(&server->client, options, CLIENT_UNARY_TIMEOUT_NS, &server->words);
    server->unreadable = r == -EINVAL ? 0 : r;
    return r == -EINVAL ? r : 0;
}

int doctor_server_check(struct doctor_server *server) {
    int r = server->unreadable;
    doctor_report_check(server->report, "server.connection");
    if (r == 0 && server->client.access.tls)
        net_certificate_watch(server->client.access.tls, &server->certificate);
    if (r == 0)
        r = client_start(&server->client, &server->words);
    if (r == 0)
        return ask(server);
    say_unreached(server, server->words.text);
    return EXIT_OK;
}
