/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data sets, printed or sent as fast as the server takes them. Every kind of call is pumped the
 * same way: send until the call (unary: the window) is full, go on when there is room again. Unlike
 * a simulated sensor this ends with the first failure, for which it says how far it came: it may be
 * run again, since a reading that is sent again is not stored twice.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "cli/reading_output.h"
#include "cli/simulate.h"
#include "cli/unary.h"
#include "proto/message.h"

/* Unary calls on their way at a time: under the 100 streams that a server has to allow. */
enum {
    UNARY_WINDOW = 64
};

struct dataset {
    struct client client;
    const struct simulate_settings *settings;
    struct generator *generator;
    struct grpc_client_call *call; /* client-stream and chat */
    uint64_t n_sent;
    uint64_t n_answered; /* unary */
    uint64_t n_kept;
    uint64_t n_duplicates; /* client-stream and unary */
    uint64_t started_at_ns;
};

static int new_generator(const struct simulate_settings *settings, struct generator **generator) {
    const struct generator_options options = {
        .set = settings->set,
        .seed = settings->seed,
        .n_sensors = settings->n_sensors,
        .prefix = settings->prefix,
        .start_s = settings->start_s,
    };
    int r = generator_new(&options, generator);
    if (r)
        fprintf(stderr, "thermograph: simulate: %s\n", strerror(-r));
    return r;
}

/* ---- printing ---- */

static volatile sig_atomic_t is_interrupted;

static void on_print_signal(int number) {
    (void)number;
    is_interrupted = 1;
}

/* The first Ctrl-C ends the printing between two lines; a second one ends the program. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_print_signal,
                               .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int simulate_dataset_print(const struct options *options,
                           const struct simulate_settings *settings) {
    CLEANUP(generator_freep) struct generator *generator = NULL;
    struct output output;
    struct reading reading;
    if (new_generator(settings, &generator))
        return EXIT_FAILED;
    catch_signals();
    reading_output_init(&output, OUTPUT_CSV);
    while ((settings->count == 0 || output.n_records < settings->count) && !ferror(stdout) &&
           !is_interrupted) {
        generator_next(generator, &reading);
        reading_output_print(&output, &reading);
    }
    int status = finish_output(options, EXIT_OK);
    if (is_interrupted && status == EXIT_OK)
        fprintf(stderr, "ended: %s printed\n",
                counted(output.n_records, "reading", "readings").text);
    return status;
}

/* ---- sending ---- */

static void dataset_end(struct dataset *dataset) {
    double seconds = (double)(clock_monotonic_ns() - dataset->started_at_ns) / (double)NS_PER_S;
    fprintf(stderr, "%s kept in %.2f s, %.0f a second\n",
            counted(dataset->n_kept, "reading", "readings").text, seconds,
            (double)dataset->n_kept / seconds);
    if (dataset->n_duplicates)
        fprintf(stderr, "%llu of them had been kept before\n",
                (unsigned long long)dataset->n_duplicates);
    client_finish(&dataset->client, EXIT_OK);
}

static void dataset_fail(struct dataset *dataset, enum grpc_status status, const char *text) {
    struct client *client = &dataset->client;
    if (client->is_finished)
        return;
    if (!client_say_if_unsent(client))
        say_failure(client->options, "%s sent; %llu of them were acknowledged%s",
                    counted(dataset->n_sent, "reading", "readings").text,
                    (unsigned long long)dataset->n_kept,
                    simulate_is_worth_trying_again(status)
                        ? "; run it again: what is kept is not stored twice"
                        : "");
    client_fail(client, status, text);
}

static void on_interrupted(struct client *client) {
    struct dataset *dataset = CONTAINER_OF(client, struct dataset, client);
    fprintf(stderr, "ended: %s sent; %llu of them were acknowledged\n",
            counted(dataset->n_sent, "reading", "readings").text,
            (unsigned long long)dataset->n_kept);
    client_finish(client, EXIT_OK);
}

static bool has_sent_all(const struct dataset *dataset) {
    return dataset->n_sent == dataset->settings->count;
}

static void pump_stream(struct dataset *dataset) {
    struct reading reading;
    while (!has_sent_all(dataset) && !grpc_client_call_is_busy(dataset->call)) {
        generator_next(dataset->generator, &reading);
        int r = client_send_reading(dataset->call, &reading);
        if (r) {
            dataset_fail(dataset, GRPC_INTERNAL, strerror(-r));
            return;
        }
        if (++dataset->n_sent == dataset->settings->count)
            grpc_client_call_half_close(dataset->call);
    }
}

static void on_writable(struct grpc_client_call *call) {
    pump_stream(grpc_client_call_user(call));
}

static void take_ack(struct dataset *dataset, const Ack *ack) {
    dataset->n_kept += ack->accepted;
    dataset->n_duplicates += ack->duplicates;
}

static void on_stream_message(struct grpc_client_call *call, struct bytes message) {
    struct dataset *dataset = grpc_client_call_user(call);
    CLEANUP(message_freep) ProtobufCMessage *ack = NULL;
    if (message_unpack(&ack__descriptor, message, &ack) == 0)
        take_ack(dataset, (const Ack *)ack);
}

static void on_chat_message(struct grpc_client_call *call, struct bytes message) {
    struct dataset *dataset = grpc_client_call_user(call);
    CLEANUP(message_freep) ProtobufCMessage *answer = NULL;
    if (message_unpack(&server_message__descriptor, message, &answer) == 0)
        dataset->n_kept = ((const ServerMessage *)answer)->accepted;
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct dataset *dataset = grpc_client_call_user(call);
    if (dataset->client.is_finished)
        return;
    if (status != GRPC_OK)
        dataset_fail(dataset, status, text);
    else if (!has_sent_all(dataset))
        dataset_fail(dataset, GRPC_INTERNAL,
                     "the server ended the call before everything was sent");
    else
        dataset_end(dataset);
}

static const struct grpc_client_ops stream_ops = {
    .message = on_stream_message, .writable = on_writable, .status = on_status};
static const struct grpc_client_ops chat_ops = {
    .message = on_chat_message, .writable = on_writable, .status = on_status};

static void start_stream(struct dataset *dataset, const char *path,
                         const struct grpc_client_ops *ops) {
    if (client_call(&dataset->client, path, ops, dataset, &dataset->call) == 0)
        pump_stream(dataset);
}

/* ---- unary ---- */

static void send_one(struct dataset *dataset);

static void on_unary_done(struct client *client, void *user, enum grpc_status status,
                          const char *text, const ProtobufCMessage *answer) {
    struct dataset *dataset = user;
    (void)client;
    if (!answer) {
        dataset_fail(dataset, status, text);
        return;
    }
    take_ack(dataset, (const Ack *)answer);
    dataset->n_answered++;
    if (!has_sent_all(dataset))
        send_one(dataset);
    else if (dataset->n_answered == dataset->n_sent)
        dataset_end(dataset);
}

static const struct unary send_unary = {
    .path = "/SensorService/SendSingleReading",
    .answer_type = &ack__descriptor,
    .done = on_unary_done,
};

static void send_one(struct dataset *dataset) {
    struct reading reading;
    generator_next(dataset->generator, &reading);
    dataset->n_sent++;
    unary_start_reading(&dataset->client, &send_unary, &reading, dataset);
}

static void start_unary(struct dataset *dataset) {
    while (dataset->n_sent < UNARY_WINDOW && !has_sent_all(dataset) && !dataset->client.is_finished)
        send_one(dataset);
}

/* ---- both ---- */

int simulate_dataset_send(const struct options *options, const struct simulate_settings *settings) {
    CLEANUP(generator_freep) struct generator *generator = NULL;
    struct dataset dataset = {.settings = settings};
    if (new_generator(settings, &generator))
        return EXIT_FAILED;
    int status = client_open(&dataset.client, options, 0);
    if (status)
        return status;
    dataset.client.interrupted = on_interrupted;
    dataset.generator = generator;
    dataset.started_at_ns = clock_monotonic_ns();
    if (settings->kind == SIMULATE_UNARY)
        start_unary(&dataset);
    else if (settings->kind == SIMULATE_CLIENT_STREAM)
        start_stream(&dataset, "/SensorService/StreamSensorReadings", &stream_ops);
    else
        start_stream(&dataset, "/SensorService/SensorChat", &chat_ops);
    return client_run(&dataset.client);
}
