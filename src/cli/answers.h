/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/moment.h"
#include "cli/output.h"
#include "proto/sensor.pb-c.h"
#include "proto/thermograph.pb-c.h"

/* What the server says about readings, on standard output. */
void print_ack(enum output_format format, const Ack *ack);

/* A time of an answer, as text; nothing when it was left out. */
struct moment_text answer_time(const Thermograph__V1__Time *time);
