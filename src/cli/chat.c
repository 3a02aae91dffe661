/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "cli/upload.h"
#include "cli/verb.h"
#include "proto/message.h"
#include "proto/sensor.pb-c.h"

struct chat {
    struct upload upload; /* first: it is the call's user */
    struct output output;
};

static const struct output_column answer_columns[] = {
    {"message", .type = OUTPUT_TEXT},
    {"server_time", .type = OUTPUT_TEXT},
    {"accepted", .type = OUTPUT_NUMBER},
};

static void print_answer(struct chat *chat, const ServerMessage *answer) {
    struct moment_text time = moment_format((struct moment){answer->server_time, 0});
    struct output_number accepted = output_number(answer->accepted);
    const char *const values[] = {answer->message, time.text, accepted.text};
    if (chat->output.format == OUTPUT_TABLE)
        puts(answer->message);
    else
        output_record(&chat->output, values);
}

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct chat *chat = grpc_client_call_user(call);
    CLEANUP(message_freep) ProtobufCMessage *answer = NULL;
    if (message_unpack(&server_message__descriptor, message, &answer))
        client_fail(&chat->upload.client, GRPC_INTERNAL, "an answer is not the message expected");
    else
        print_answer(chat, (const ServerMessage *)answer);
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct chat *chat = grpc_client_call_user(call);
    upload_ended(&chat->upload, status, text);
}

static const struct grpc_client_ops ops = {
    .message = on_message,
    .writable = upload_on_writable,
    .status = on_status,
};

static void greet(const struct options *options) {
    const char *sensor = options_text(options, OPTION_SENSOR);
    if (sensor)
        fprintf(stderr, "Type a temperature of %s, then Enter. Ctrl-D ends.\n", sensor);
    else
        fputs("Type SENSOR,TEMPERATURE, then Enter. Ctrl-D ends. (--sensor ID saves typing it.)\n",
              stderr);
}

static int run(const struct options *options) {
    static const struct upload_call call = {"/SensorService/SensorChat", &ops};
    struct chat chat;
    int status = upload_open(&chat.upload, options, &call);
    if (status)
        return status;
    output_init(&chat.output, stdout, chat.upload.client.format, answer_columns,
                ARRAY_LEN(answer_columns));
    if (upload_is_typed(&chat.upload)) {
        chat.upload.goes_on = true;
        greet(options);
    }
    return upload_run(&chat.upload);
}

static const enum option_id chat_options[] = {OPTION_SENSOR};

const struct verb verb_chat = {
    .name = "chat",
    .arguments = "[FILE]",
    .max_arguments = 1,
    .summary = "Send readings and print the answer to each as soon as it is kept",
    .more = "Lines come from FILE or standard input, as for `thermograph stream'.\n\n"
            "Examples:\n"
            "  thermograph chat --sensor kitchen\n"
            "  echo '{\"sensor_id\": \"kitchen\", \"temperature\": 20.5}' | thermograph chat\n",
    .options = chat_options,
    .n_options = ARRAY_LEN(chat_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
