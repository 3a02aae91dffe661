/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/output.h"
#include "proto/thermograph.pb-c.h"

/* What `health` prints: the answer of the health service, and with --verbose the server's status.
 */
struct health_answer {
    const char *service;
    const char *status;
    const Thermograph__V1__Status *figures; /* NULL: none */
};

/* One record. In a table the status stands on a line of its own, before the figures. */
void health_print(FILE *file, enum output_format format, const struct health_answer *answer);
