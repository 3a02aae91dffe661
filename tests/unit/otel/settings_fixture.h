/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/settings.h"
#include "variables_fixture.h"

/* Settings read from the environment of variables_fixture.h, for tests of what they come to. */
extern struct otel_settings settings;

/* For cmocka. */
int settings_set_up(void **state);
int settings_tear_down(void **state);

/* Reads the variables as they are. */
void read_settings(void);

/* Reads with this variable alone. */
void read_with(const char *name, const char *value);
