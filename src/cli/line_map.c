/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/line_map.h"

#include <stdbool.h>

static uint64_t line_in_run(const struct line_run *run, uint64_t reading) {
    return run->first_line + (reading - run->first_reading);
}

void line_map_add(struct line_map *map, uint64_t line) {
    uint64_t reading = map->n_readings++;
    bool has_gap = map->n_known < reading;
    bool goes_on = map->n_runs > 0 && line_in_run(&map->runs[map->n_runs - 1], reading) == line;
    if (has_gap || (!goes_on && map->n_runs == LINE_MAP_MAX_RUNS))
        return;
    if (!goes_on)
        map->runs[map->n_runs++] = (struct line_run){reading, line};
    map->n_known++;
}

uint64_t line_map_find(const struct line_map *map, uint64_t reading) {
    size_t i = map->n_runs;
    if (reading >= map->n_known)
        return 0;
    while (map->runs[i - 1].first_reading > reading)
        i--;
    return line_in_run(&map->runs[i - 1], reading);
}
