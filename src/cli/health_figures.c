/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To add a figure: its field in the .proto, a column and, in the same place, its value.
 */
#include "cli/health_figures.h"

#include "base/clock.h"

enum {
    N_ANSWER_COLUMNS = 2,
    N_COLUMNS = 21,
    SYNC_DECIMALS = 3, /* of a millisecond */
};

static const struct output_column columns[N_COLUMNS] = {
    {"service", .type = OUTPUT_TEXT},
    {"status", .type = OUTPUT_TEXT},
    {"version", .type = OUTPUT_TEXT},
    {"started", .type = OUTPUT_TEXT},
    {"failure", .type = OUTPUT_TEXT},
    {"readings_in", .type = OUTPUT_TEXT},
    {"sensors", .type = OUTPUT_NUMBER},
    {"readings", .type = OUTPUT_NUMBER},
    {"refused", .type = OUTPUT_NUMBER},
    {"memory_bytes", .type = OUTPUT_NUMBER},
    {"memory_limit_bytes", .type = OUTPUT_NUMBER},
    {"journal_bytes", .type = OUTPUT_NUMBER},
    {"journal_limit_bytes", .type = OUTPUT_NUMBER},
    {"file_bytes", .type = OUTPUT_NUMBER},
    {"wal_bytes", .type = OUTPUT_NUMBER},
    {"chunks", .type = OUTPUT_NUMBER},
    {"open_bytes", .type = OUTPUT_NUMBER},
    {"sealings_waiting", .type = OUTPUT_NUMBER},
    {"commits", .type = OUTPUT_NUMBER},
    {"last_sync_ms", .type = OUTPUT_NUMBER},
    {"longest_sync_ms", .type = OUTPUT_NUMBER},
};

/* The record that is being made, and the texts in it. */
struct record {
    const char *values[N_COLUMNS];
    struct output_number numbers[N_COLUMNS];
    size_t n;
};

static void add_text(struct record *record, const char *text) {
    record->values[record->n++] = text && *text ? text : NULL;
}

static void add_number(struct record *record, uint64_t number) {
    record->numbers[record->n] = output_number(number);
    record->values[record->n] = record->numbers[record->n].text;
    record->n++;
}

static void add_ms(struct record *record, uint64_t ns) {
    struct output_number *number = &record->numbers[record->n];
    snprintf(number->text, sizeof(number->text), "%.*f", SYNC_DECIMALS,
             (double)ns / (double)NS_PER_MS);
    record->values[record->n++] = number->text;
}

static void add_disk(struct record *record, const Thermograph__V1__DiskStatus *disk) {
    add_number(record, disk->journal_bytes);
    add_number(record, disk->journal_limit_bytes);
    add_number(record, disk->file_bytes);
    add_number(record, disk->wal_bytes);
    add_number(record, disk->chunks);
    add_number(record, disk->open_bytes);
    add_number(record, disk->sealings_waiting);
    add_number(record, disk->commits);
    add_ms(record, disk->last_sync_ns);
    add_ms(record, disk->longest_sync_ns);
}

static void add_store(struct record *record, const Thermograph__V1__StoreStatus *store) {
    add_text(record, store->failure);
    add_text(record, store->disk ? "files" : "memory");
    add_number(record, store->sensors);
    add_number(record, store->readings);
    add_number(record, store->refused);
    add_number(record, store->memory_bytes);
    add_number(record, store->memory_limit_bytes);
    if (store->disk)
        add_disk(record, store->disk);
}

void health_print(FILE *file, enum output_format format, const struct health_answer *answer) {
    const Thermograph__V1__Status *figures = answer->figures;
    struct record record = {.values = {answer->service, answer->status}, .n = N_ANSWER_COLUMNS};
    struct moment_text started = {""};
    struct output output;
    output_init(&output, file, format, columns, figures ? N_COLUMNS : N_ANSWER_COLUMNS);
    if (format == OUTPUT_TABLE) {
        fprintf(file, "%s\n", answer->status);
        record.values[0] = record.values[1] = NULL;
    }
    if (figures && figures->started)
        started =
            moment_format((struct moment){figures->started->seconds, figures->started->nanos});
    if (figures) {
        add_text(&record, figures->version);
        add_text(&record, started.text);
    }
    if (figures && figures->store)
        add_store(&record, figures->store);
    output_single(&output, record.values);
}
