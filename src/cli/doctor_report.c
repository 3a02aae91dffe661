/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_report.h"

#include <stdarg.h>
#include <string.h>

#include "base/plural.h"

static const struct output_column columns[] = {
    {"result", .type = OUTPUT_TEXT, .width = 11},
    {"check", .type = OUTPUT_TEXT, .width = 18},
    {"words", .type = OUTPUT_TEXT},
};

/* For people, and for programs. */
static const char *const result_words[DOCTOR_N_RESULTS] = {"ok", "warning", "FAILED",
                                                           "not checked"};
static const char *const result_names[DOCTOR_N_RESULTS] = {"ok", "warning", "failed",
                                                           "not_checked"};

/* ---- the log ---- */

/* What an operator asked for with --log-level debug is still a line of the log. */
static void keep_back_warnings(enum log_level level, const char *line, size_t len) {
    if (level > LOG_WARN)
        fwrite(line, 1, len, stderr);
}

static void on_line(struct log_listener *listener, enum log_level level, struct bytes message) {
    struct doctor_report *report = CONTAINER_OF(listener, struct doctor_report, listener);
    if (level <= LOG_WARN)
        doctor_report_say(report, DOCTOR_WARNING, "%.*s", BYTES_ARGS(message));
}

/* ---- lines ---- */

void doctor_report_begin(struct doctor_report *report, enum output_format format) {
    *report = (struct doctor_report){.check = "", .listener = {.hear = on_line}};
    output_init(&report->output, stdout, format, columns, ARRAY_LEN(columns));
    log_redirect(keep_back_warnings);
    log_listen(&report->listener);
}

void doctor_report_check(struct doctor_report *report, const char *check) {
    report->check = check;
}

void doctor_report_say(struct doctor_report *report, enum doctor_result result, const char *format,
                       ...) {
    char words[2 * sizeof(struct err_text)];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    bool is_table = report->output.format == OUTPUT_TABLE;
    const char *const values[] = {is_table ? result_words[result] : result_names[result],
                                  report->check, words};
    report->n[result]++;
    output_record(&report->output, values);
    fflush(report->output.file); /* the next check may take its time */
}

void doctor_report_not_checked(struct doctor_report *report, const char *check, const char *why) {
    doctor_report_check(report, check);
    doctor_report_say(report, DOCTOR_NOT_CHECKED, "%s", why);
}

/* ---- the end ---- */

static void print_sum(const struct doctor_report *report) {
    const unsigned *n = report->n;
    FILE *file = report->output.file;
    if (n[DOCTOR_FAILED])
        fprintf(file, "\n%u FAILED", n[DOCTOR_FAILED]);
    else
        fprintf(file, "\nnothing has failed");
    fprintf(file, ": %u ok, %s, %u not checked\n", n[DOCTOR_OK],
            counted(n[DOCTOR_WARNING], "warning", "warnings").text, n[DOCTOR_NOT_CHECKED]);
}

void doctor_report_abandon(void) {
    log_listen(NULL);
    log_redirect(NULL);
}

bool doctor_report_end(struct doctor_report *report) {
    doctor_report_abandon();
    output_end(&report->output);
    if (report->output.format == OUTPUT_TABLE)
        print_sum(report);
    return report->n[DOCTOR_FAILED] == 0;
}
