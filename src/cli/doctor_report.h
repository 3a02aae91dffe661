/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/log.h"
#include "cli/output.h"

/*
 * What `thermograph doctor` prints: a line for each check as it ends. What is logged meanwhile, of
 * a variable that cannot be read or of a key that everyone may read, is a warning of the check that
 * runs, and not a line of the log.
 */
enum doctor_result {
    DOCTOR_OK,
    DOCTOR_WARNING, /* it works, but somebody should look */
    DOCTOR_FAILED,
    DOCTOR_NOT_CHECKED, /* the words say why not */
    DOCTOR_N_RESULTS,
};

struct doctor_report {
    struct output output;
    const char *check; /* that runs */
    unsigned n[DOCTOR_N_RESULTS];
    struct log_listener listener;
};

/* Takes the log over until doctor_report_end() or _abandon(). */
void doctor_report_begin(struct doctor_report *report, enum output_format format);

/* Names the check that runs now; a constant, such as `server.token`. */
void doctor_report_check(struct doctor_report *report, const char *check);

/* What came of it. */
void doctor_report_say(struct doctor_report *report, enum doctor_result result, const char *format,
                       ...) PRINTF(3, 4);

/* The same for a check in one go. */
void doctor_report_not_checked(struct doctor_report *report, const char *check, const char *why);

/* Gives the log back, where there is nothing to report after all. */
void doctor_report_abandon(void);

/* The last line; gives the log back. Whether nothing has failed. */
bool doctor_report_end(struct doctor_report *report);
