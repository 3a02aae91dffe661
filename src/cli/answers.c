/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answers.h"

static const struct output_column ack_columns[] = {
    {"message", .type = OUTPUT_TEXT},
    {"accepted", .type = OUTPUT_NUMBER},
    {"duplicates", .type = OUTPUT_NUMBER},
};

/* A server of the first version leaves the numbers out. */
static void print_ack_for_people(const Ack *ack) {
    printf("%s", ack->message);
    if (ack->accepted > 1)
        printf(" (%llu accepted)", (unsigned long long)ack->accepted);
    if (ack->duplicates == 1 && ack->accepted == 1)
        printf(" (It was kept already.)");
    else if (ack->duplicates > 0)
        printf(" (%llu of them were kept already)", (unsigned long long)ack->duplicates);
    putchar('\n');
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
