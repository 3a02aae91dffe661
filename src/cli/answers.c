/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answers.h"

static const struct output_column ack_columns[] = {
    {"message", .type = OUTPUT_TEXT},
    {"accepted", .type = OUTPUT_NUMBER},
    {"duplicates", .type = OUTPUT_NUMBER},
};

/* One reading: how many were accepted is no news. */
static void print_ack_for_people(const Ack *ack) {
    printf("%s%s\n", ack->message, ack->duplicates ? " (It was kept already.)" : "");
}

void print_ack(enum output_format format, const Ack *ack) {
    struct output output;
    if (format == OUTPUT_TABLE) {
        print_ack_for_people(ack);
        return;
    }
    struct output_number accepted = output_number(ack->accepted);
    struct output_number duplicates = output_number(ack->duplicates);
    const char *const values[] = {ack->message, accepted.text, duplicates.text};
    output_init(&output, stdout, format, ack_columns, ARRAY_LEN(ack_columns));
    output_single(&output, values);
}

struct moment_text answer_time(const Thermograph__V1__Time *time) {
    if (!time)
        return (struct moment_text){""};
    return moment_format((struct moment){time->seconds, time->nanos});
}
