/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/output.h"
#include "proto/sensor.pb-c.h"

/* What the server says about readings, on standard output. */
void print_ack(enum output_format format, const Ack *ack);
