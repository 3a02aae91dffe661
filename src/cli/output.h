/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/err.h"
#include "cli/moment.h"

/*
 * Records on standard output: as a table for people, as JSON (one object a line) or as CSV (RFC
 * 4180, with a header) for programs. Each is printed as it comes; so the width of a table's column
 * is fixed before. The formats are the choices of --output, in its order.
 */
enum output_format {
    OUTPUT_TABLE,
    OUTPUT_JSON,
    OUTPUT_CSV,
};

enum output_type {
    OUTPUT_TEXT,
    OUTPUT_NUMBER, /* to the right in a table, bare in JSON where a double holds it */
};

struct output_column {
    const char *name; /* as in JSON and CSV */
    enum output_type type;
    int width;        /* at least, in a table */
    bool is_no_table; /* left out of tables */
};

#define OUTPUT_MAX_COLUMNS 32

struct output {
    FILE *file;
    enum output_format format;
    const struct output_column *columns;
    size_t n_columns;
    uint64_t n_records;
};

/* Borrows the columns, at most OUTPUT_MAX_COLUMNS. */
void output_init(struct output *output, FILE *file, enum output_format format,
                 const struct output_column *columns, size_t n_columns);

/* A record: a text for each column; NULL is none. A table or CSV has its header before the first.
 */
void output_record(struct output *output, const char *const *values);

/* After the last record: CSV has its header even where there was none, so that readers of it know
 * what they got none of. */
void output_end(struct output *output);

/* The only record: a table has a line for each column. */
void output_single(struct output *output, const char *const *values);

/* Numbers as texts. */
struct output_number {
    char text[24];
};
struct output_number output_number(uint64_t number);
