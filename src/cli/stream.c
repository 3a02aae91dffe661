/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cli/answers.h"
#include "cli/upload.h"
#include "cli/verb.h"
#include "proto/message.h"

/* How often the progress line is written anew. */
enum {
    PROGRESS_MS = 200
};

struct stream {
    struct upload upload; /* first: it is the call's user */
    Ack *ack;
    uv_timer_t progress; /* only if standard error is a terminal */
    bool shows_progress;
};

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct stream *stream = grpc_client_call_user(call);
    message_free((ProtobufCMessage *)STEAL(stream->ack));
    if (message_unpack(&ack__descriptor, message, (ProtobufCMessage **)&stream->ack))
        stream->ack = NULL;
}

static void end_progress(struct stream *stream) {
    if (!stream->shows_progress)
        return;
    fputs("\r\033[K", stderr);
    uv_close((uv_handle_t *)&stream->progress, NULL);
}

/* A server of the first version leaves the count out; an answer means that all is kept. */
static uint64_t n_stored(const struct stream *stream) {
    return stream->ack->accepted ? stream->ack->accepted : stream->upload.n_sent;
}

static void say_stored(const struct stream *stream) {
    fprintf(stderr, "%s stored", counted(n_stored(stream), "reading", "readings").text);
    if (stream->ack->duplicates)
        fprintf(stderr, "; %llu of them had been stored before",
                (unsigned long long)stream->ack->duplicates);
    fputc('\n', stderr);
}

/* The server's words are true of all that it got. Whoever reads them here takes them for the whole
 * input, so they are shown only when that was sent, and was something. */
static void print_stored(const struct stream *stream) {
    const struct upload *upload = &stream->upload;
    bool is_whole = upload_is_whole(upload);
    struct err_text words;
    Ack ack = *stream->ack;
    ack.accepted = n_stored(stream);
    err_say(&words, "0 readings stored");
    if (!is_whole)
        upload_say_cut(upload, &words);
    if (!is_whole || upload->n_sent == 0)
        ack.message = words.text;
    if (upload->client.format != OUTPUT_TABLE)
        print_ack(upload->client.format, &ack);
    else if (ack.message != words.text)
        puts(ack.message);
    if (is_whole)
        say_stored(stream);
}

/* Ends of which the server's words do not say what is kept. */
static void say_uncertainty(const struct stream *stream, const char *text) {
    const struct client *client = &stream->upload.client;
    if (client_say_if_unsent(client))
        return;
    if (stream->upload.n_sent > 0 && !strstr(text, "stored"))
        say_failure(client->options, "%s sent; how many of them are stored is not known",
                    counted(stream->upload.n_sent, "reading", "readings").text);
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct stream *stream = grpc_client_call_user(call);
    struct client *client = &stream->upload.client;
    end_progress(stream);
    if (client->is_finished)
        return;
    if (status == GRPC_OK && !stream->ack) {
        upload_ended(&stream->upload, GRPC_INTERNAL, "the answer is not the message expected");
        return;
    }
    if (status == GRPC_OK && stream->upload.feed.is_closed)
        print_stored(stream);
    else
        say_uncertainty(stream, status == GRPC_OK ? "" : text);
    upload_ended(&stream->upload, status, text);
}

static const struct grpc_client_ops ops = {
    .message = on_message,
    .writable = upload_on_writable,
    .status = on_status,
};

static void on_progress(uv_timer_t *progress) {
    const struct stream *stream = progress->data;
    fprintf(stderr, "\r%s sent", counted(stream->upload.n_sent, "reading", "readings").text);
}

/* The call, which is there, ends it. */
static void start_progress(struct stream *stream) {
    if (!isatty(STDERR_FILENO) || upload_is_typed(&stream->upload) || !stream->upload.call)
        return;
    stream->shows_progress = true;
    uv_timer_init(&stream->upload.client.loop.uv, &stream->progress);
    stream->progress.data = stream;
    uv_timer_start(&stream->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
}

static int run(const struct options *options) {
    static const struct upload_call call = {"/SensorService/StreamSensorReadings", &ops};
    struct stream stream = {0};
    int status = upload_open(&stream.upload, options, &call);
    if (status)
        return status;
    start_progress(&stream);
    status = upload_run(&stream.upload);
    message_free((ProtobufCMessage *)stream.ack);
    return status;
}

static const enum option_id stream_options[] = {OPTION_SENSOR};

const struct verb verb_stream = {
    .name = "stream",
    .arguments = "[FILE]",
    .max_arguments = 1,
    .summary = "Send many readings, from FILE or standard input, and wait until all are kept",
    .more =
        "A line is CSV: sensor_id,temperature[,time[,sequence]], or JSON with these names. A header "
        "line may change the order; lines that start with # are skipped. Without a time it is "
        "now.\n\n"
        "Examples:\n"
        "  thermograph stream readings.csv\n"
        "  thermograph get boiler-3 --output csv | thermograph stream --server other:50051\n"
        "  echo '{\"sensor_id\": \"boiler-3\", \"temperature\": 21.5}' | thermograph stream\n",
    .options = stream_options,
    .n_options = ARRAY_LEN(stream_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
