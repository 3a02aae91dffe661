/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_fixture.h"

#include "unit.h"

struct otel_settings settings;

int settings_set_up(void **state) {
    (void)state;
    variables_clear();
    return 0;
}

int settings_tear_down(void **state) {
    (void)state;
    otel_settings_fini(&settings);
    return 0;
}

void read_settings(void) {
    otel_settings_fini(&settings);
    assert_int_equal(otel_settings_read(variables_get, &settings), 0);
}

void read_with(const char *name, const char *value) {
    variables_clear();
    variables_set(name, value);
    read_settings();
}
