/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/doctor_report.h"
#include "cli/options.h"
#include "net/certificate.h"

/* The parts of `thermograph doctor`; each puts its lines into the report. */

/* Sends one span, one metric and one log record to where the OTEL_* variables want them sent. */
void doctor_telemetry(struct doctor_report *report);

/* What of the options makes no sense for doctor_files(). 0, or -EINVAL with words. */
MUST_USE int doctor_files_check_options(const struct options *options, struct err_text *why);

/* Looks at what a server would be started with: certificate, tokens, directory, ports. */
void doctor_files(struct doctor_report *report, const struct options *options);

/* Says how long a certificate still counts, as the result of the check that runs. */
void doctor_certificate(struct doctor_report *report, const struct net_certificate *certificate);
