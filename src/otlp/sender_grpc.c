/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is a unary call. Where there is no connection one is tried for it, at once: the pause
 * between attempts is the exporter's, and one back-off is enough. Spans, metrics and log records
 * have a connection each.
 *
 * A call that was cancelled is still told its status, later: it is no longer `call` then.
 */
#include "otlp/sender_grpc.h"

#include <ctype.h>

#include "base/mem.h"
#include "grpc/channel.h"
#include "grpc/limits.h"
#include "net/tls.h"
#include "otlp/endpoint.h"
#include "otlp/limits.h"

static const char *const paths[OTEL_N_SIGNALS] = {
    [OTEL_TRACES] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    [OTEL_METRICS] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    [OTEL_LOGS] = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
};

struct sender_grpc {
    struct otlp_sender base;
    const char *path;
    bool has_gzip;
    struct net_loop *loop;
    struct grpc_channel *channel;
    struct arena texts; /* that metadata lies in */
    struct grpc_entry *metadata;
    size_t n_metadata;

    struct grpc_client_call *call; /* NULL: nothing is under way */
    struct otlp_request request;
    struct buf answer;
};

static struct sender_grpc *sender_of(struct otlp_sender *base) {
    return CONTAINER_OF(base, struct sender_grpc, base);
}

/* ---- a call ---- */

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct sender_grpc *sender = grpc_client_call_user(call);
    if (call != sender->call)
        return;
    buf_reset(&sender->answer);
    if (buf_append(&sender->answer, message))
        buf_reset(&sender->answer); /* without memory: the status counts */
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct sender_grpc *sender = grpc_client_call_user(call);
    if (call != sender->call)
        return;
    const struct otlp_answer answer = {
        .kind = OTLP_ANSWER_GRPC,
        .code = (int)status,
        .body = status == GRPC_OK ? buf_bytes(&sender->answer) : grpc_client_call_details(call),
        .text = text,
    };
    sender->call = NULL;
    sender->request.answered(sender->request.user, &answer, sender->loop->now_ns);
}

static const struct grpc_client_ops call_ops = {.message = on_message, .status = on_status};

/* 0 or a negated errno. */
static int send_message(struct grpc_client_call *call, struct bytes message) {
    uint8_t *room;
    int r = grpc_client_call_reserve(call, message.len, &room);
    if (r)
        return r;
    memcpy(room, message.data, message.len);
    grpc_client_call_commit(call);
    grpc_client_call_half_close(call);
    return 0;
}

static void sender_cancel(struct otlp_sender *base) {
    struct sender_grpc *sender = sender_of(base);
    grpc_client_call_cancel(STEAL(sender->call));
}

static void sender_send(struct otlp_sender *base, const struct otlp_request *request) {
    struct sender_grpc *sender = sender_of(base);
    const struct grpc_call_options options = {.path = sender->path,
                                              .timeout_ns = request->timeout_ns,
                                              .compresses = sender->has_gzip,
                                              .metadata = sender->metadata,
                                              .n_metadata = sender->n_metadata};
    sender->request = *request;
    buf_release(&sender->answer);
    net_loop_renew(sender->loop);
    grpc_channel_reset_backoff(sender->channel);
    int r = grpc_client_call_start(sender->channel, &options, &call_ops, sender, &sender->call);
    if (r == 0)
        r = send_message(sender->call, request->message);
    if (r == 0)
        return;
    if (sender->call)
        sender_cancel(base);
    const struct otlp_answer answer = {.kind = OTLP_NO_ANSWER, .text = strerror(-r)};
    request->answered(request->user, &answer, sender->loop->now_ns);
}

/* ---- life ---- */

static void sender_free(struct otlp_sender *base) {
    struct sender_grpc *sender = sender_of(base);
    grpc_channel_close(sender->channel);
    arena_fini(&sender->texts);
    buf_fini(&sender->answer);
    mem_free(sender);
}

static void sender_freep(struct sender_grpc **sender) {
    if (*sender)
        sender_free(&(*sender)->base);
}

static const struct otlp_sender_ops ops = {
    .component_types = {[OTEL_TRACES] = "otlp_grpc_span_exporter",
                        [OTEL_METRICS] = "otlp_grpc_metric_exporter",
                        [OTEL_LOGS] = "otlp_grpc_log_exporter"},
    /* Not what OTLP allows but what receivers take: they are gRPC servers, whose limit is this. */
    .max_request = GRPC_MAX_MESSAGE,
    .send = sender_send,
    .cancel = sender_cancel,
    .free = sender_free,
};

/* Keys of metadata are lower-case; who sets the variable writes them as HTTP has them. 0, -ENOMEM,
 * or -EINVAL with words: the value is a secret, so only the key is said. */
static int add_header(struct sender_grpc *sender, const char *name, const char *value,
                      struct err_text *why) {
    struct grpc_entry *entry = &sender->metadata[sender->n_metadata++];
    struct bytes key;
    struct h2_field field;
    int r = arena_copy(&sender->texts, bytes_str(name), &key);
    if (r)
        return r;
    uint8_t *at = (uint8_t *)(uintptr_t)key.data;
    for (size_t i = 0; i < key.len; i++)
        at[i] = (uint8_t)tolower(at[i]);
    *entry = (struct grpc_entry){key, bytes_str(value)};
    r = grpc_metadata_to_field(entry, &sender->texts, &field);
    if (r <= 0)
        return r;
    err_say(why,
            "the header '%s' cannot be sent: its name or value has characters that gRPC does "
            "not take, or gRPC sets it itself",
            name);
    return -EINVAL;
}

/* Each call would fail alike. */
static int check_size(const struct otel_otlp_settings *settings, struct err_text *why) {
    size_t size = 0;
    for (size_t i = 0; i < 2 * settings->n_headers; i++)
        size += strlen(settings->headers[i]);
    if (size <= GRPC_MAX_METADATA)
        return 0;
    err_say(why,
            "the headers of OTEL_EXPORTER_OTLP_HEADERS have %zu bytes, and a call over gRPC takes "
            "%d: shorten them, or use http/protobuf",
            size, GRPC_MAX_METADATA);
    return -EINVAL;
}

static int add_headers(struct sender_grpc *sender, const struct otel_otlp_settings *settings,
                       struct err_text *why) {
    size_t n = settings->n_headers;
    if (check_size(settings, why))
        return -EINVAL;
    sender->metadata = arena_alloc(&sender->texts, (n + 1) * sizeof(*sender->metadata));
    if (!sender->metadata)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = add_header(sender, settings->headers[2 * i], settings->headers[2 * i + 1], why);
        if (r)
            return r;
    }
    return 0;
}

static void tls_freep(SSL_CTX **tls) {
    SSL_CTX_free(*tls);
}

static int open_channel(struct sender_grpc *sender, const struct otel_otlp_settings *settings,
                        struct err_text *why) {
    struct otlp_endpoint endpoint;
    CLEANUP(tls_freep) SSL_CTX *tls = NULL;
    const struct net_tls_client_options files = {.ca_file = settings->ca_file,
                                                 .cert_file = settings->client_cert_file,
                                                 .key_file = settings->client_key_file};
    int r = otlp_endpoint_parse(settings->endpoint, settings->is_insecure, &endpoint, why);
    if (r == 0 && endpoint.has_tls)
        r = net_tls_client_new(&files, &tls, why);
    if (r)
        return r;
    const struct grpc_channel_options options = {
        .address = endpoint.address, .tls = tls, .user_agent = OTLP_USER_AGENT};
    return grpc_channel_new(sender->loop, &options, &sender->channel);
}

int otlp_sender_grpc_new(struct net_loop *loop, const struct otel_otlp_settings *settings,
                         enum otel_signal signal, struct otlp_sender **out, struct err_text *why) {
    CLEANUP(sender_freep) struct sender_grpc *sender = mem_new(struct sender_grpc);
    err_say(why, "memory ran out");
    if (!sender)
        return err_trace(-ENOMEM);
    sender->base.ops = &ops;
    sender->path = paths[signal];
    sender->has_gzip = settings->has_gzip;
    sender->loop = loop;
    arena_init(&sender->texts, OTLP_MAX_HEADERS);
    buf_init(&sender->answer, OTLP_MAX_RESPONSE);
    int r = add_headers(sender, settings, why);
    if (r == 0)
        r = open_channel(sender, settings, why);
    if (r)
        return err_trace(r);
    *out = &STEAL(sender)->base;
    return 0;
}
