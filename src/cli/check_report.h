/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/output.h"
#include "store/check.h"

/*
 * What `check` prints: a line or an object for each finding as it comes, and one for the sum. CSV
 * has the findings only. On a terminal a bar on standard error shows how far it is.
 */
struct check_report {
    enum output_format format;
    struct output findings;
    bool has_bar;
    unsigned percent; /* that the bar shows */
};

void check_report_init(struct check_report *report, enum output_format format);

void check_report_progress(struct check_report *report, unsigned percent);
void check_report_finding(struct check_report *report, const struct check_finding *finding);

/* The end: takes the bar away first. */
void check_report_sum(struct check_report *report, const struct check_counts *counts);

/* Takes the bar away, for words that say why there is no sum. */
void check_report_break_off(struct check_report *report);
