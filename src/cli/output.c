/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void output_init(struct output *output, FILE *file, enum output_format format,
                 const struct output_column *columns, size_t n_columns) {
    assert(n_columns <= OUTPUT_MAX_COLUMNS);
    *output =
        (struct output){.file = file, .format = format, .columns = columns, .n_columns = n_columns};
}

/* `sensor_id` as `SENSOR ID`. */
static void heading_of(const struct output_column *column, char *heading, size_t cap) {
    size_t n = 0;
    for (const char *c = column->name; *c && n + 1 < cap; c++)
        heading[n++] = *c == '_' ? ' ' : (char)toupper(*c);
    heading[n] = '\0';
}

/* Characters, not bytes: what a column's width counts. */
static int display_width(const char *text) {
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

static void pad(FILE *file, int n) {
    for (; n > 0; n--)
        fputc(' ', file);
}

/* The last column gets no blanks behind it. */
static void print_cell(const struct output *output, size_t i, const char *text) {
    const struct output_column *column = &output->columns[i];
    int missing = column->width - display_width(text);
    if (column->type == OUTPUT_NUMBER)
        pad(output->file, missing);
    fputs(text, output->file);
    if (i + 1 == output->n_columns)
        return;
    if (column->type == OUTPUT_TEXT)
        pad(output->file, missing);
    fputs("  ", output->file);
}

static void print_table_header(const struct output *output) {
    char heading[64];
    for (size_t i = 0; i < output->n_columns; i++) {
        heading_of(&output->columns[i], heading, sizeof(heading));
        if (!output->columns[i].is_no_table)
            print_cell(output, i, heading);
    }
    fputc('\n', output->file);
}

static void print_table_row(const struct output *output, const char *const *values) {
    for (size_t i = 0; i < output->n_columns; i++)
        if (!output->columns[i].is_no_table)
            print_cell(output, i, values[i] ? values[i] : "");
    fputc('\n', output->file);
}

/* Beyond RFC 4180: blanks at the ends, and what would make a line a comment or JSON (input.c). */
static bool needs_quotes(const char *text) {
    size_t len = strlen(text);
    if (len == 0)
        return false;
    return strpbrk(text, ",\"\r\n") || strchr(" #{", text[0]) || text[len - 1] == ' ';
}

static void print_csv_field(FILE *file, const char *text) {
    if (!needs_quotes(text)) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void print_csv_row(const struct output *output, const char *const *values) {
    for (size_t i = 0; i < output->n_columns; i++) {
        if (i)
            fputc(',', output->file);
        print_csv_field(output->file, values[i] ? values[i] : "");
    }
    fputc('\n', output->file);
}

static void print_csv_header(const struct output *output) {
    for (size_t i = 0; i < output->n_columns; i++)
        fprintf(output->file, "%s%s", i ? "," : "", output->columns[i].name);
    fputc('\n', output->file);
}

static void print_json_text(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(file, "\\u%04x", *text);
        else
            fputc(*text, file);
    }
    fputc('"', file);
}

/*
 * Readers of JSON may take a number for a double, which is exact for whole ones up to 2^53 only;
 * some refuse more than 63 bits. A larger whole number goes out as a text, as in protobuf's JSON.
 */
static bool is_exact_in_json(const char *number) {
    static const char largest[] = "9007199254740992";
    size_t len = strlen(number);
    bool is_whole = strspn(number, "0123456789") == len;
    return !is_whole || len < strlen(largest) ||
           (len == strlen(largest) && strcmp(number, largest) <= 0);
}

static void print_json(const struct output *output, const char *const *values) {
    const char *comma = "";
    fputc('{', output->file);
    for (size_t i = 0; i < output->n_columns; i++) {
        if (!values[i])
            continue;
        fprintf(output->file, "%s\"%s\": ", comma, output->columns[i].name);
        if (output->columns[i].type == OUTPUT_NUMBER && is_exact_in_json(values[i]))
            fputs(values[i], output->file);
        else
            print_json_text(output->file, values[i]);
        comma = ", ";
    }
    fputs("}\n", output->file);
}

void output_record(struct output *output, const char *const *values) {
    bool is_first = output->n_records++ == 0;
    switch (output->format) {
    case OUTPUT_TABLE:
        if (is_first)
            print_table_header(output);
        print_table_row(output, values);
        break;
    case OUTPUT_CSV:
        if (is_first)
            print_csv_header(output);
        print_csv_row(output, values);
        break;
    default:
        print_json(output, values);
    }
}

void output_end(struct output *output) {
    if (output->format == OUTPUT_CSV && output->n_records == 0)
        print_csv_header(output);
}

/* `standard_deviation` as `standard deviation`. */
static void print_label(FILE *file, const char *name, int width) {
    for (const char *c = name; *c; c++, width--)
        fputc(*c == '_' ? ' ' : *c, file);
    pad(file, width);
}

void output_single(struct output *output, const char *const *values) {
    int width = 0;
    if (output->format != OUTPUT_TABLE) {
        output_record(output, values);
        return;
    }
    for (size_t i = 0; i < output->n_columns; i++) {
        int length = (int)strlen(output->columns[i].name);
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < output->n_columns; i++) {
        if (!values[i])
            continue;
        print_label(output->file, output->columns[i].name, width + 2);
        fprintf(output->file, "%s\n", values[i]);
    }
}

struct output_number output_number(uint64_t number) {
    struct output_number out;
    snprintf(out.text, sizeof(out.text), "%llu", (unsigned long long)number);
    return out;
}
