/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_report.h"

#include <string.h>
#include <unistd.h>

#include "base/plural.h"

#define BAR_WIDTH  40
#define CLEAR_LINE "\r\033[K"

static const struct output_column finding_columns[] = {
    {"severity", .type = OUTPUT_TEXT},  {"kind", .type = OUTPUT_TEXT},
    {"sensor_id", .type = OUTPUT_TEXT}, {"chunk", .type = OUTPUT_NUMBER},
    {"from", .type = OUTPUT_TEXT},      {"to", .type = OUTPUT_TEXT},
    {"file", .type = OUTPUT_TEXT},      {"offset", .type = OUTPUT_NUMBER},
    {"words", .type = OUTPUT_TEXT},
};

static const struct output_column sum_columns[] = {
    {"result", .type = OUTPUT_TEXT},
    {"findings", .type = OUTPUT_NUMBER},
    {"notes", .type = OUTPUT_NUMBER},
    {"sensors", .type = OUTPUT_NUMBER},
    {"chunks", .type = OUTPUT_NUMBER},
    {"readings", .type = OUTPUT_NUMBER},
    {"bytes", .type = OUTPUT_NUMBER},
    {"journal_readings", .type = OUTPUT_NUMBER},
    {"unchecked_readings", .type = OUTPUT_NUMBER},
};

void check_report_init(struct check_report *report, enum output_format format) {
    *report = (struct check_report){
        .format = format, .has_bar = isatty(STDERR_FILENO) == 1, .percent = UINT32_MAX};
    output_init(&report->findings, stdout, format, finding_columns, ARRAY_LEN(finding_columns));
}

/* ---- the bar ---- */

void check_report_progress(struct check_report *report, unsigned percent) {
    if (!report->has_bar || percent == report->percent)
        return;
    report->percent = percent;
    int n_done = (int)(percent * BAR_WIDTH / 100);
    fprintf(stderr, CLEAR_LINE "checking [");
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < n_done ? '#' : '.', stderr);
    fprintf(stderr, "] %u%%", percent);
    fflush(stderr);
}

/* Until the next progress. */
void check_report_break_off(struct check_report *report) {
    if (!report->has_bar || report->percent == UINT32_MAX)
        return;
    fputs(CLEAR_LINE, stderr);
    report->percent = UINT32_MAX;
}

/* ---- findings ---- */

/* `sensor 'attic', chunk 3 (2026-11-25T10:00:00Z to 2026-11-25T10:04:59Z)` */
static void print_place(const struct check_finding *finding) {
    const char *comma = "";
    bool has_file = finding->file && finding->file[0];
    if (has_file && !strstr(finding->words.text, finding->file)) {
        printf("%s", finding->file);
        comma = ", ";
    }
    if (finding->sensor_id.len) {
        printf("%ssensor '%.*s'", comma, BYTES_ARGS(finding->sensor_id));
        comma = ", ";
    }
    if (finding->chunk) {
        printf("%schunk %lld", comma, (long long)finding->chunk);
        comma = ", ";
    }
    if (finding->has_times)
        printf("%s%s to %s", comma,
               moment_format((struct moment){finding->from.seconds, finding->from.nanos}).text,
               moment_format((struct moment){finding->to.seconds, finding->to.nanos}).text);
    if (*comma)
        printf(": ");
}

static void print_line(const struct check_finding *finding) {
    printf("%s ", finding->is_note ? "note:" : "DAMAGE:");
    print_place(finding);
    printf("%s\n", finding->words.text);
}

static void print_record(struct output *output, const struct check_finding *finding) {
    char id[256];
    struct output_number chunk = output_number((uint64_t)finding->chunk);
    struct output_number offset = output_number(finding->offset);
    struct moment_text from =
        moment_format((struct moment){finding->from.seconds, finding->from.nanos});
    struct moment_text to = moment_format((struct moment){finding->to.seconds, finding->to.nanos});
    bool has_file = finding->file && finding->file[0];
    snprintf(id, sizeof(id), "%.*s", BYTES_ARGS(finding->sensor_id));
    const char *const values[] = {
        finding->is_note ? "note" : "damage",
        finding->kind,
        finding->sensor_id.len ? id : NULL,
        finding->chunk ? chunk.text : NULL,
        finding->has_times ? from.text : NULL,
        finding->has_times ? to.text : NULL,
        has_file ? finding->file : NULL,
        has_file && finding->offset ? offset.text : NULL,
        finding->words.text,
    };
    output_record(output, values);
}

void check_report_finding(struct check_report *report, const struct check_finding *finding) {
    check_report_break_off(report);
    if (report->format == OUTPUT_TABLE)
        print_line(finding);
    else
        print_record(&report->findings, finding);
    fflush(stdout);
}

/* ---- the sum ---- */

/* A young server has sealed nothing: what a check of store.sqlite is about is not there. */
static bool is_all_to_come(const struct check_counts *counts) {
    return counts->n_unchecked && counts->n_findings == 0 && counts->n_sensors == 0 &&
           counts->n_chunks == 0;
}

static void print_all_to_come(FILE *file, const struct check_counts *counts) {
    if (counts->n_unchecked == 1)
        fputs("nothing to check yet: the only reading is still in the journal\n", file);
    else
        fprintf(file, "nothing to check yet: all %llu readings are still in the journal\n",
                (unsigned long long)counts->n_unchecked);
}

static void print_sum_line(FILE *file, const struct check_counts *counts) {
    if (counts->n_findings == 0)
        fputs("nothing is wrong", file);
    else
        fprintf(file, "%s wrong", counted(counts->n_findings, "thing is", "things are").text);
    if (counts->n_findings > CHECK_MAX_FINDINGS)
        fprintf(file, " (of which %d are told)", CHECK_MAX_FINDINGS);
    fprintf(file, ": %s, %s with %s in %s", counted(counts->n_sensors, "sensor", "sensors").text,
            counted(counts->n_chunks, "chunk", "chunks").text,
            counted(counts->n_readings, "reading", "readings").text,
            counted(counts->n_bytes, "byte", "bytes").text);
    if (counts->n_journal_readings)
        fprintf(file, ", %s in the journal",
                counted(counts->n_journal_readings, "reading", "readings").text);
    if (counts->n_unchecked)
        fprintf(file, "; %s in the journal or in memory %s not checked",
                counted(counts->n_unchecked, "reading that is", "readings that are").text,
                plural(counts->n_unchecked, "was", "were"));
    fputc('\n', file);
}

static void print_sum_object(const struct check_counts *counts) {
    const uint64_t numbers[] = {counts->n_findings,         counts->n_notes,    counts->n_sensors,
                                counts->n_chunks,           counts->n_readings, counts->n_bytes,
                                counts->n_journal_readings, counts->n_unchecked};
    struct output_number texts[ARRAY_LEN(numbers)];
    const char *values[ARRAY_LEN(numbers) + 1] = {counts->n_findings ? "damaged" : "sound"};
    struct output output;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        texts[i] = output_number(numbers[i]);
        values[i + 1] = texts[i].text;
    }
    output_init(&output, stdout, OUTPUT_JSON, sum_columns, ARRAY_LEN(sum_columns));
    output_record(&output, values);
}

void check_report_sum(struct check_report *report, const struct check_counts *counts) {
    check_report_break_off(report);
    FILE *file = report->format == OUTPUT_TABLE ? stdout : stderr;
    if (report->format == OUTPUT_JSON)
        print_sum_object(counts);
    else if (is_all_to_come(counts))
        print_all_to_come(file, counts);
    else
        print_sum_line(file, counts);
}
