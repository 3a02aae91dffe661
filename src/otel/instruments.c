/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/instruments.h"

int otel_instruments_new(struct otel_meter *meter, const struct otel_instrument_row *rows,
                         size_t n) {
    int r = 0;
    for (size_t i = 0; i < n; i++)
        if (otel_instrument_new(meter, &rows[i].options, rows[i].instrument) == -ENOMEM)
            r = -ENOMEM;
    return r;
}
