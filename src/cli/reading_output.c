/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reading_output.h"

#include "base/bytes.h"
#include "collector/limits.h"

static const struct output_column columns[] = {
    {"sensor_id", .type = OUTPUT_TEXT, .is_no_table = true},
    {"temperature", .type = OUTPUT_NUMBER, .width = 11},
    {"time", .type = OUTPUT_TEXT, .width = 30},
    {"sequence", .type = OUTPUT_NUMBER},
};

void reading_output_init(struct output *output, enum output_format format) {
    output_init(output, stdout, format, columns, ARRAY_LEN(columns));
}

void reading_output_print(struct output *output, const struct reading *reading) {
    char id[COLLECTOR_MAX_SENSOR_ID + 1];
    snprintf(id, sizeof(id), "%.*s", BYTES_ARGS(reading->sensor_id));
    struct decimal_text temperature = decimal_format(reading->temperature);
    struct moment_text time = moment_format((struct moment){reading->seconds, reading->nanos});
    struct output_number sequence = output_number(reading->sequence);
    const char *const values[] = {id, temperature.text, time.text,
                                  reading->sequence ? sequence.text : NULL};
    output_record(output, values);
}
