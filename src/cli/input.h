/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/reading.h"

/*
 * Readings as lines of text, CSV or JSON:
 *
 *     sensor_id,temperature,time,sequence             (a header line may change the order)
 *     boiler-3,21.5,2026-11-24T10:00:00Z,7
 *     boiler-3,21.5
 *     {"sensor_id": "boiler-3", "temperature": 21.5, "time": "2026-11-24T10:00:00Z", "sequence": 7}
 *
 * Time and sequence may be left out; without a time it is now. Lines that start with `#` and empty
 * lines say nothing. It is what `thermograph get` prints with --output csv or json.
 */
enum {
    INPUT_E_NOTHING = 1, /* the line holds no reading */
    INPUT_E_BAD = 2,
};

enum input_column {
    INPUT_SENSOR_ID,
    INPUT_TEMPERATURE,
    INPUT_TIME,
    INPUT_SEQUENCE,
    INPUT_N_COLUMNS,
};

struct input {
    const char *sensor_id; /* of lines that name none; NULL: each must */
    uint64_t n_lines;
    uint64_t now_ns; /* when the current line came */
    bool is_past_header;
    size_t n_columns;
    enum input_column columns[INPUT_N_COLUMNS];
    char held_id[512]; /* what the last reading's sensor_id points at, if it came as JSON */
};

/* `sensor_id` is borrowed; NULL: each line names its sensor. */
void input_init(struct input *input, const char *sensor_id);

/*
 * The reading of the next line, which is changed and borrowed from. 0, INPUT_E_NOTHING, or
 * INPUT_E_BAD with words that name the line's number.
 */
MUST_USE int input_take(struct input *input, char *line, uint64_t now_ns, struct reading *reading,
                        struct err_text *why);
