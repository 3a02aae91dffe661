/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/output.h"
#include "proto/reading.h"

/*
 * Readings as records. A table is of one sensor, so its name is no column there; CSV and JSON are
 * what `stream` reads.
 */
void reading_output_init(struct output *output, enum output_format format);
void reading_output_print(struct output *output, const struct reading *reading);
