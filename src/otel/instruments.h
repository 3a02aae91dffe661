/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metric.h"

/* An instrument in a table of those that a module has. */
struct otel_instrument_row {
    struct otel_instrument **instrument;
    struct otel_instrument_options options;
};

/* The options in a row, by what is measured; the bounds of a histogram are an array. */
#define OTEL_MEASURES_INTEGERS(kind, name, unit, description) \
    { kind, true, name, unit, description, NULL, 0 }
#define OTEL_MEASURES_NUMBERS(kind, name, unit, description) \
    { kind, false, name, unit, description, NULL, 0 }
#define OTEL_MEASURES_BUCKETS(name, unit, description, bounds) \
    { OTEL_HISTOGRAM, false, name, unit, description, bounds, ARRAY_LEN(bounds) }

/* Makes all of a table. 0, or -ENOMEM: then those without memory are NULL, and the others work. One
 * that the meter refuses for another reason is NULL too, and the log has the reason. */
MUST_USE int otel_instruments_new(struct otel_meter *meter, const struct otel_instrument_row *rows,
                                  size_t n);
