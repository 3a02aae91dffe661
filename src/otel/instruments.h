/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metric.h"

/* An instrument in a table of those that a module has. */
struct otel_instrument_row {
    struct otel_instrument **instrument;
    struct otel_instrument_options options;
};

/* Makes all of a table. 0, or as otel_instrument_new(): then the instruments that could not be made
 * are NULL, and the others work. */
MUST_USE int otel_instruments_new(struct otel_meter *meter, const struct otel_instrument_row *rows,
                                  size_t n);
