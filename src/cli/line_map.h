/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * Which line of the input each reading came from: a server counts the readings of a call, a person
 * counts lines, and headers, comments and empty lines lie between the two.
 *
 * Only the places are kept where a line without a reading stood.
 */

/* Beyond so many such places no line is named any more: a file that has a comment for each reading
 * must not fill memory. */
#define LINE_MAP_MAX_RUNS 1024

/* Readings on lines that follow each other. */
struct line_run {
    uint64_t first_reading;
    uint64_t first_line;
};

struct line_map {
    struct line_run runs[LINE_MAP_MAX_RUNS];
    size_t n_runs;
    uint64_t n_readings;
    uint64_t n_known; /* the first of them, whose lines are known */
};

/* The next reading is on this line. */
void line_map_add(struct line_map *map, uint64_t line);

/* The line of a reading, which counts from 0; 0 when it is not known. */
uint64_t line_map_find(const struct line_map *map, uint64_t reading);
