/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In order of how much a sign tells: a status says more than words do, words more than a port, and
 * that there was no answer in time least of all. The words are ours, libcurl's and OpenSSL's; where
 * they change, tests/e2e/test_doctor.py tells. A receiver that has answered says words of its own,
 * and is on the right port: then only the status counts.
 *
 * An endpoint that is missed by little is mostly that of the other protocol, or has http:// where
 * it should have https://.
 */
#include "otlp/hint.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WANTS_HEADERS  "OTEL_EXPORTER_OTLP_HEADERS carries what the receiver wants to see"
#define WANTS_RECEIVER "is a Collector listening there? $ says where" /* $: see put_hint() */
#define WANTS_NAME     "is the name right? $ has it"
#define WANTS_CA       "OTEL_EXPORTER_OTLP_CERTIFICATE names the file of the CA"
#define WANTS_OWN_NAME "the endpoint's host has to be one of the certificate's names"
#define WANTS_CLIENT \
    "does it ask for a certificate of ours? OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY name it"
#define WANTS_PLAINTEXT "an endpoint without TLS begins with http://"
#define WANTS_TLS       "does it want TLS? then the endpoint begins with https://"
#define WANTS_GRPC      "is that a port for gRPC? then OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
#define WANTS_HTTP      "is that a port for HTTP? then OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
#define WANTS_PATH                                                                      \
    "is the path right? /v1/traces and so on is added to OTEL_EXPORTER_OTLP_ENDPOINT, " \
    "and nothing to the endpoint of one signal"
#define WANTS_TIME "OTEL_EXPORTER_OTLP_TIMEOUT gives it more time"

struct sign {
    const char *sign;
    const char *hint;
};

/* A status in place of the words. */
static const struct sign statuses[] = {
    {"UNAUTHENTICATED", WANTS_HEADERS},
    {"401", WANTS_HEADERS},
    {"PERMISSION_DENIED", WANTS_HEADERS},
    {"403", WANTS_HEADERS},
    {"UNIMPLEMENTED", "the receiver does not take this signal there: choose another endpoint for "
                      "it, or none as its exporter"},
    {"404", WANTS_PATH},
    {"405", WANTS_PATH},
};

static const struct sign words_of_all[] = {
    {"connection refused", WANTS_RECEIVER},
    {"Failed to connect", WANTS_RECEIVER},
    {"no such name", WANTS_NAME},
    {"resolve", WANTS_NAME},
    {"signed by no CA", WANTS_CA},
    {"issuer certificate", WANTS_CA},
    {"self-signed", WANTS_CA},
    {"self signed", WANTS_CA},
    {"is not for", WANTS_OWN_NAME},
    {"no alternative certificate subject name", WANTS_OWN_NAME},
    {"certificate required", WANTS_CLIENT},
    {"does not speak TLS", WANTS_PLAINTEXT},
    {"wrong version number", WANTS_PLAINTEXT},
    {"SETTINGS expected", WANTS_HTTP},
    {"does not speak HTTP/2", WANTS_HTTP},
    {"HTTP/0.9", WANTS_GRPC},
    {"application protocol", WANTS_GRPC},
};

/* How a port with TLS takes leave of who speaks without. */
static const struct sign words_without_tls[] = {
    {"closed at once", WANTS_TLS}, {"connection broke", WANTS_TLS}, {"Empty reply", WANTS_TLS},
    {"select/poll", WANTS_TLS},    {"Recv failure", WANTS_TLS},
};

/* How a gRPC server takes leave of who does not speak HTTP/2 after the handshake. */
static const struct sign words_with_tls[] = {
    {"Empty reply", WANTS_GRPC},
    {"select/poll", WANTS_GRPC},
    {"Recv failure", WANTS_GRPC},
};

static const char *hint_for_words(const struct sign *signs, size_t n, const char *words) {
    for (size_t i = 0; i < n; i++)
        if (strstr(words, signs[i].sign))
            return signs[i].hint;
    return NULL;
}

static const char *hint_for_status(const char *error_type) {
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (strcmp(error_type, statuses[i].sign) == 0)
            return statuses[i].hint;
    return NULL;
}

static bool is_without_tls(const struct otel_otlp_settings *settings) {
    bool has_scheme = strstr(settings->endpoint, "://");
    return has_scheme ? strncasecmp(settings->endpoint, "http://", 7) == 0 : settings->is_insecure;
}

static const char *hint_for_leave(const struct otel_otlp_settings *settings, const char *words) {
    if (is_without_tls(settings))
        return hint_for_words(words_without_tls, ARRAY_LEN(words_without_tls), words);
    bool is_cut = strstr(words, "closed at once") || strstr(words, "the connection broke");
    if (!settings->client_cert_file && strstr(words, "cannot connect") && is_cut)
        return WANTS_CLIENT;
    return hint_for_words(words_with_tls, ARRAY_LEN(words_with_tls), words);
}

/* `port` as `:4318`: behind it is a path, or nothing. */
static bool has_port(const char *endpoint, const char *port) {
    const char *at = strstr(endpoint, port);
    return at && (at[strlen(port)] == '\0' || at[strlen(port)] == '/');
}

/* By which ports receivers are mostly reached. */
static const char *hint_for_port(const struct otel_otlp_settings *settings) {
    bool is_grpc = settings->protocol == OTEL_PROTOCOL_GRPC;
    if (is_grpc && has_port(settings->endpoint, ":4318"))
        return "port 4318 is mostly for HTTP: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf";
    if (!is_grpc && has_port(settings->endpoint, ":4317"))
        return "port 4317 is mostly for gRPC: OTEL_EXPORTER_OTLP_PROTOCOL=grpc";
    return NULL;
}

static const char *hint_for_lateness(const char *error_type, const char *words) {
    bool is_late = strcmp(error_type, "timeout") == 0 ||
                   strcmp(error_type, "DEADLINE_EXCEEDED") == 0 || strstr(words, "timed out");
    return is_late ? WANTS_TIME : NULL;
}

static bool is_unanswered(const char *error_type) {
    static const char *const types[] = {"UNAVAILABLE", "no_answer", "timeout", "DEADLINE_EXCEEDED"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(error_type, types[i]) == 0)
            return true;
    return false;
}

static const char *hint_for_silence(const struct otlp_failure *failure, const char *words) {
    const char *hint = hint_for_words(words_of_all, ARRAY_LEN(words_of_all), words);
    if (!hint)
        hint = hint_for_port(failure->settings);
    if (!hint)
        hint = hint_for_leave(failure->settings, words);
    return hint ? hint : hint_for_lateness(failure->error_type, words);
}

static const char *hint_for(const struct otlp_failure *failure, const char *words) {
    if (is_unanswered(failure->error_type))
        return hint_for_silence(failure, words);
    /* Go's TLS servers tell it by HTTP; a receiver that means the request says more. */
    if (is_without_tls(failure->settings) && strcmp(words, "HTTP status 400") == 0)
        return WANTS_TLS;
    return hint_for_status(failure->error_type);
}

/* Behind the words; a `$` in it is the variable that the endpoint came from. */
static void put_hint(const struct otel_otlp_settings *settings, const char *hint,
                     struct err_text *words) {
    const struct err_text bare = *words;
    const char *variable = settings->own_endpoint_variable;
    const char *at = strchr(hint, '$');
    if (!variable)
        variable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    if (at)
        err_say(words, "%s (%.*s%s%s)", bare.text, (int)(at - hint), hint, variable, at + 1);
    else
        err_say(words, "%s (%s)", bare.text, hint);
}

void otlp_hint_add(const struct otlp_failure *failure, struct err_text *words) {
    const char *hint = hint_for(failure, words->text);
    if (hint)
        put_hint(failure->settings, hint, words);
}
