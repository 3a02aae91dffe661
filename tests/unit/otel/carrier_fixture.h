/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/propagation.h"

/*
 * A carrier for tests: fields under their names, several values of one joined as the contract has
 * it.
 */
struct carried {
    const char *name; /* NULL: none */
    char value[9000];
};

struct carrier_fixture {
    struct otel_carrier carrier;
    struct carried fields[4];
    size_t n_sets;
};

void carrier_init(struct carrier_fixture *fixture);
/* Adds a value of a field. */
void carrier_add(struct carrier_fixture *fixture, const char *name, const char *value);
/* NULL when there is none. */
const char *carrier_value(const struct carrier_fixture *fixture, const char *name);
