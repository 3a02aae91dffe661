/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/attribute_set.h"
#include "otel/prepared.h"

struct otel_prepared {
    struct attribute_set *set;
    /* As the encoder writes them, one behind the other; empty where they have to be set one by one:
     * there is no encoder, or a limit may change them. */
    struct buf written;
    uint64_t all_keys;
    uint64_t keys[]; /* attributes_key_bits() of each */
};
