/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In order of how much a sign tells: a status says more than words do, and words more than a port.
 * The words are ours, libcurl's and OpenSSL's; where they change, tests/e2e/test_doctor.py tells.
 */
#include "cli/doctor_hints.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *error_type;
    const char *hint;
} hints_for_status[] = {
    {"UNAUTHENTICATED", "OTEL_EXPORTER_OTLP_HEADERS carries what the receiver wants to see"},
    {"401", "OTEL_EXPORTER_OTLP_HEADERS carries what the receiver wants to see"},
    {"PERMISSION_DENIED", "OTEL_EXPORTER_OTLP_HEADERS carries what the receiver wants to see"},
    {"403", "OTEL_EXPORTER_OTLP_HEADERS carries what the receiver wants to see"},
    {"UNIMPLEMENTED", "the receiver does not take this signal there: choose another endpoint for "
                      "it, or none as its exporter"},
    {"404", "is the path right? /v1/traces and so on is added to OTEL_EXPORTER_OTLP_ENDPOINT, and "
            "nothing to the endpoint of one signal"},
    {"timeout", "OTEL_EXPORTER_OTLP_TIMEOUT gives it more time"},
    {"DEADLINE_EXCEEDED", "OTEL_EXPORTER_OTLP_TIMEOUT gives it more time"},
};

static const struct {
    const char *words;
    const char *hint;
} hints_for_words[] = {
    {"refused", "is a Collector listening there? OTEL_EXPORTER_OTLP_ENDPOINT says where"},
    {"Failed to connect", "is a Collector listening there? OTEL_EXPORTER_OTLP_ENDPOINT says where"},
    {"no such host", "is the name right? OTEL_EXPORTER_OTLP_ENDPOINT has it"},
    {"resolve", "is the name right? OTEL_EXPORTER_OTLP_ENDPOINT has it"},
    {"signed by no CA", "OTEL_EXPORTER_OTLP_CERTIFICATE names the file of the CA"},
    {"issuer certificate", "OTEL_EXPORTER_OTLP_CERTIFICATE names the file of the CA"},
    {"self-signed", "OTEL_EXPORTER_OTLP_CERTIFICATE names the file of the CA"},
    {"self signed", "OTEL_EXPORTER_OTLP_CERTIFICATE names the file of the CA"},
    {"does not speak TLS", "an endpoint without TLS begins with http://"},
    {"wrong version number", "an endpoint without TLS begins with http://"},
    {"timed out", "OTEL_EXPORTER_OTLP_TIMEOUT gives it more time"},
};

/* By which ports receivers are mostly reached. */
static const char *hint_for_port(const struct doctor_export *export) {
    if (export->protocol == OTEL_PROTOCOL_GRPC && strstr(export->endpoint, ":4318"))
        return "port 4318 is mostly for HTTP: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf";
    if (export->protocol == OTEL_PROTOCOL_HTTP_PROTOBUF && strstr(export->endpoint, ":4317"))
        return "port 4317 is mostly for gRPC: OTEL_EXPORTER_OTLP_PROTOCOL=grpc";
    return NULL;
}

const char *doctor_hint(const struct doctor_export *export) {
    for (size_t i = 0; export->error_type && i < ARRAY_LEN(hints_for_status); i++)
        if (strcmp(export->error_type, hints_for_status[i].error_type) == 0)
            return hints_for_status[i].hint;
    for (size_t i = 0; i < ARRAY_LEN(hints_for_words); i++)
        if (strstr(export->words, hints_for_words[i].words))
            return hints_for_words[i].hint;
    return hint_for_port(export);
}
