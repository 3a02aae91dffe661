/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line becomes one reading. CSV is RFC 4180 without line breaks inside quotes, since no valid
 * name has one. What a line says is checked by the same rules as the server's, so that the message
 * can name the line; only how far a time may lie in the future is left to the server.
 */
#include "cli/input.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "cli/moment.h"
#include "cli/parse.h"
#include "collector/rules.h"

static const char *const column_names[INPUT_N_COLUMNS] = {"sensor_id", "temperature", "time",
                                                          "sequence"};

void input_init(struct input *input, const char *sensor_id) {
    *input = (struct input){.sensor_id = sensor_id};
    for (unsigned column = sensor_id ? INPUT_TEMPERATURE : INPUT_SENSOR_ID;
         column < INPUT_N_COLUMNS; column++)
        input->columns[input->n_columns++] = (enum input_column)column;
}

/* ---- fields, from either form ---- */

static int set_sequence(const char *text, struct reading *reading, struct err_text *why) {
    struct err_text words;
    struct parse_range any = {0, UINT64_MAX};
    if (parse_count(text, any, &reading->sequence, &words) == 0)
        return 0;
    err_say(why, "the sequence %s", words.text);
    return INPUT_E_BAD;
}

static int set_field(const struct input *input, enum input_column column, const char *text,
                     struct reading *reading, struct err_text *why) {
    struct moment moment;
    switch (column) {
    case INPUT_SENSOR_ID:
        reading->sensor_id = bytes_str(text);
        return 0;
    case INPUT_TEMPERATURE:
        return parse_temperature(text, &reading->temperature, why) ? INPUT_E_BAD : 0;
    case INPUT_SEQUENCE:
        return *text ? set_sequence(text, reading, why) : 0;
    default:
        if (*text == '\0')
            return 0;
        if (moment_parse(text, input->now_ns, &moment, why))
            return INPUT_E_BAD;
        reading->seconds = moment.seconds;
        reading->nanos = moment.nanos;
        return 0;
    }
}

/* ---- CSV ---- */

static char *skip_blanks(char *at) {
    return at + strspn(at, " \t");
}

/* Takes the quotes off the field at `*at`, in place, and moves behind its comma. False when a quote
 * is open. */
static bool take_quoted(char **at, char **field) {
    char *from = *at + 1, *to = from;
    *field = to;
    for (; *from; *to++ = *from++) {
        if (*from != '"')
            continue;
        if (from[1] != '"')
            break;
        from++;
    }
    if (*from != '"')
        return false;
    from = skip_blanks(from + 1);
    if (*from != ',' && *from != '\0')
        return false;
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return true;
}

/* The next field, without the blanks around it; `*at` becomes NULL behind the last. */
static bool take_csv_field(char **at, char **field) {
    *at = skip_blanks(*at);
    if (**at == '"')
        return take_quoted(at, field);
    *field = *at;
    char *comma = strchr(*at, ',');
    char *end = comma ? comma : *at + strlen(*at);
    *at = comma ? comma + 1 : NULL;
    while (end > *field && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return true;
}

static int find_column(const char *name, enum input_column *column) {
    for (unsigned i = 0; i < INPUT_N_COLUMNS; i++) {
        if (strcmp(column_names[i], name) == 0) {
            *column = (enum input_column)i;
            return 0;
        }
    }
    return INPUT_E_BAD;
}

/* 0 and the columns' order, if all fields are names of columns. */
static int take_header(struct input *input, char *const *fields, size_t n) {
    enum input_column columns[INPUT_N_COLUMNS];
    for (size_t i = 0; i < n; i++)
        if (find_column(fields[i], &columns[i]))
            return INPUT_E_BAD;
    memcpy(input->columns, columns, n * sizeof(columns[0]));
    input->n_columns = n;
    return 0;
}

/* A first line that is no reading may have been meant for a header: some of its fields are columns.
 */
static void explain_header(char *const *fields, size_t n, struct err_text *why) {
    struct err_text words = *why;
    enum input_column column;
    for (size_t i = 0; i < n; i++) {
        if (find_column(fields[i], &column))
            continue;
        err_say(why, "%s (a header may name only sensor_id, temperature, time, sequence)",
                words.text);
        return;
    }
}

static int split_csv(char *line, char **fields, size_t *n, struct err_text *why) {
    *n = 0;
    while (line) {
        if (*n == INPUT_N_COLUMNS) {
            err_say(why, "more than %d fields", INPUT_N_COLUMNS);
            return INPUT_E_BAD;
        }
        if (!take_csv_field(&line, &fields[(*n)++])) {
            err_say(why, "a quote that is not closed, or text behind one");
            return INPUT_E_BAD;
        }
    }
    return 0;
}

/* Needs what cannot be left out. */
static int check_csv_columns(const struct input *input, size_t n, struct err_text *why) {
    unsigned seen = 0;
    for (size_t i = 0; i < n && i < input->n_columns; i++)
        seen |= 1u << input->columns[i];
    unsigned needed = 1u << INPUT_TEMPERATURE | (input->sensor_id ? 0 : 1u << INPUT_SENSOR_ID);
    if (n <= input->n_columns && (seen & needed) == needed)
        return 0;
    if (n > input->n_columns && input->n_columns < INPUT_N_COLUMNS - (input->sensor_id != NULL))
        err_say(why, "%s, but the header names %zu", counted(n, "field", "fields").text,
                input->n_columns);
    else
        err_say(why, "%s; expected is %stemperature[,time[,sequence]]",
                counted(n, "field", "fields").text, input->sensor_id ? "" : "sensor_id,");
    return INPUT_E_BAD;
}

static int take_csv(struct input *input, char *line, struct reading *reading,
                    struct err_text *why) {
    char *fields[INPUT_N_COLUMNS];
    size_t n;
    int r = split_csv(line, fields, &n, why);
    if (r)
        return r;
    if (!input->is_past_header && take_header(input, fields, n) == 0)
        return INPUT_E_NOTHING;
    r = check_csv_columns(input, n, why);
    for (size_t i = 0; i < n && r == 0; i++)
        r = set_field(input, input->columns[i], fields[i], reading, why);
    if (r && !input->is_past_header)
        explain_header(fields, n, why);
    return r;
}

/* ---- JSON ---- */

/* A number or a text; as text both have one reader. */
static int text_of_json(const json_t *value, char *text, size_t cap) {
    int n = -1;
    if (json_is_string(value))
        n = snprintf(text, cap, "%s", json_string_value(value));
    else if (json_is_integer(value))
        n = snprintf(text, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return n < 0 || (size_t)n >= cap ? INPUT_E_BAD : 0;
}

static int take_json_field(struct input *input, const char *key, const json_t *value,
                           struct reading *reading, struct err_text *why) {
    enum input_column column;
    char text[sizeof(input->held_id)];
    if (find_column(key, &column)) {
        err_say(why, "'%.80s' is no field; there are: sensor_id, temperature, time, sequence", key);
        return INPUT_E_BAD;
    }
    if (column == INPUT_TEMPERATURE && json_is_number(value)) {
        reading->temperature = json_number_value(value);
        return 0;
    }
    bool has_wrong_type = column == INPUT_TEMPERATURE ||
                          (column == INPUT_SENSOR_ID && !json_is_string(value)) ||
                          text_of_json(value, text, sizeof(text));
    if (has_wrong_type) {
        err_say(why, "the %s has the wrong type%s", key,
                column == INPUT_TIME ? "; parts of a second go into a text, such as "
                                       "\"2026-11-24T10:00:00.25Z\""
                                     : "");
        return INPUT_E_BAD;
    }
    if (column != INPUT_SENSOR_ID)
        return set_field(input, column, text, reading, why);
    memcpy(input->held_id, text, sizeof(text));
    return set_field(input, column, input->held_id, reading, why);
}

static int check_json_fields(const json_t *json, const struct input *input, struct err_text *why) {
    bool has_id = input->sensor_id || json_object_get(json, "sensor_id");
    if (has_id && json_object_get(json, "temperature"))
        return 0;
    err_say(why, "the %s is missing", has_id ? "temperature" : "sensor_id");
    return INPUT_E_BAD;
}

static int take_json(struct input *input, const char *line, struct reading *reading,
                     struct err_text *why) {
    json_error_t error;
    CLEANUP(json_decrefp) json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    const char *key;
    json_t *value;
    if (!json) {
        err_say(why, "no JSON: %s, at column %d", error.text, error.column);
        return INPUT_E_BAD;
    }
    int r = check_json_fields(json, input, why);
    json_object_foreach(json, key, value) {
        if (r == 0)
            r = take_json_field(input, key, value, reading, why);
    }
    return r;
}

/* ---- a line ---- */

/* Only at the end of a line does a carriage return belong to the line break; inside one it is part
 * of a field, which refuses it: what stands behind it must not get lost. */
static void cut_carriage_return(char *line) {
    size_t len = strlen(line);
    if (len > 0 && line[len - 1] == '\r')
        line[len - 1] = '\0';
}

static int take_any(struct input *input, char *line, struct reading *reading,
                    struct err_text *why) {
    line = skip_blanks(line);
    cut_carriage_return(line);
    if (*line == '\0' || *line == '#')
        return INPUT_E_NOTHING;
    struct moment now = moment_of_ns(input->now_ns);
    *reading = (struct reading){.seconds = now.seconds, .nanos = now.nanos};
    if (input->sensor_id)
        reading->sensor_id = bytes_str(input->sensor_id);
    int r =
        *line == '{' ? take_json(input, line, reading, why) : take_csv(input, line, reading, why);
    input->is_past_header = true;
    if (r)
        return r;
    if (rules_check_sensor_id(reading->sensor_id, why) ||
        rules_check_values(reading, INT64_MAX, why))
        return INPUT_E_BAD;
    return 0;
}

int input_take(struct input *input, char *line, uint64_t now_ns, struct reading *reading,
               struct err_text *why) {
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    size_t mark = sizeof(byte_order_mark) - 1;
    struct err_text words;
    input->now_ns = now_ns;
    input->n_lines++;
    if (input->n_lines == 1 && strncmp(line, byte_order_mark, mark) == 0)
        line += mark;
    int r = take_any(input, line, reading, &words);
    if (r == INPUT_E_BAD)
        err_say(why, "line %llu: %s", (unsigned long long)input->n_lines, words.text);
    return r;
}
