/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver of telemetry that keeps up with whatever a server sends: it takes every request over
 * gRPC, counts the spans in it and keeps nothing.
 *
 *     otlp_sink HOST:PORT
 *
 * SIGTERM or SIGINT ends it, and it prints `spans N`. No TLS: it stands for a Collector on the same
 * machine. What is no OTLP is a status for who sent it, and ends nothing here.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/signals.h"
#include "grpc/call.h"
#include "net/address.h"
#include "proto/wire.h"

/* Where spans are: request.resource_spans.scope_spans.spans, by the fields' numbers; 0 ends it. */
static const uint32_t path_of_spans[] = {1, 2, 2, 0};

struct sink {
    struct net_loop loop;
    struct signals signals;
    struct grpc_server *server;
    uint64_t n_spans; /* the only worker's, until it has ended */
};

static void die(const char *what, const char *why) {
    fprintf(stderr, "otlp_sink: %s%s\n", what, why);
    exit(1);
}

/* ---- requests ---- */

/* Adds the messages at the end of `path`. False: this is no protobuf. */
static bool count(struct bytes message, const uint32_t *path, uint64_t *n) {
    struct wire_field field;
    int r;
    while ((r = wire_next(&message, &field)) == 0) {
        if (field.id != path[0])
            continue;
        if (path[1] == 0)
            ++*n;
        else if (!count(field.bytes, path + 1, n))
            return false;
    }
    return r == WIRE_E_END;
}

static void answer(struct grpc_call *call) {
    uint8_t *out;
    if (grpc_call_reserve(call, 0, &out)) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    grpc_call_commit(call);
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

static int take(struct grpc_call *call, struct bytes message) {
    (void)message;
    answer(call);
    return 0;
}

static int take_spans(struct grpc_call *call, struct bytes message) {
    struct sink *sink = grpc_call_user(call);
    if (count(message, path_of_spans, &sink->n_spans))
        answer(call);
    else
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, "this is no protobuf");
    return 0;
}

/* ---- the server ---- */

static const struct grpc_method spans[] = {{.name = "Export", .message = take_spans}};
static const struct grpc_method others[] = {{.name = "Export", .message = take}};

static void open_server(struct sink *sink, const char *text) {
    static struct grpc_service services[] = {
        {"opentelemetry.proto.collector.trace.v1.TraceService", spans, 1, .needs_no_token = true},
        {"opentelemetry.proto.collector.metrics.v1.MetricsService", others, 1,
         .needs_no_token = true},
        {"opentelemetry.proto.collector.logs.v1.LogsService", others, 1, .needs_no_token = true},
    };
    const struct grpc_service *const all[] = {&services[0], &services[1], &services[2]};
    const struct grpc_server_options options = {1, all, ARRAY_LEN(all), .observer = NULL};
    struct net_address address;
    struct err_text why;
    services[0].user = sink;
    if (net_address_parse(text, 0, &address, &why))
        die("", why.text);
    if (grpc_server_new(&sink->loop, &options, &sink->server))
        die("no server", "");
    if (grpc_server_listen(sink->server, &address, NULL, &why))
        die("", why.text);
    if (grpc_server_start(sink->server))
        die("the server does not start", "");
}

static void on_stopped(void *user) {
    struct sink *sink = user;
    signals_close(&sink->signals);
    net_loop_close(&sink->loop);
}

static void on_signal(void *user, int number) {
    struct sink *sink = user;
    (void)number;
    grpc_server_stop(sink->server, 0, on_stopped, sink);
}

int main(int argc, char **argv) {
    static const int ends[] = {SIGTERM, SIGINT, 0};
    static struct sink sink;
    if (argc != 2)
        die("usage: ", "otlp_sink HOST:PORT");
    if (net_loop_init(&sink.loop, NULL, NULL) ||
        signals_watch(&sink.signals, &sink.loop.uv, ends, on_signal, &sink))
        die("no loop", "");
    open_server(&sink, argv[1]);
    net_loop_run(&sink.loop);
    grpc_server_free(sink.server);
    net_loop_fini(&sink.loop);
    printf("spans %llu\n", (unsigned long long)sink.n_spans);
    return 0;
}
