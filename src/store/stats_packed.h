/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "store/stats.h"

/*
 * Statistics as they lie in a file: the members of struct stats in their order, little-endian, each
 * in its own width, doubles by their bits. What is unpacked goes on adding to the last bit as if it
 * had never been packed.
 */
#define STATS_PACKED_BYTES 100

enum {
    STATS_E_NONSENSE = 1, /* no readings have such statistics: the bytes are damaged */
};

void stats_pack(const struct stats *stats, uint8_t packed[STATS_PACKED_BYTES]);

/* 0 or STATS_E_NONSENSE: never a crash, whatever the bytes are. */
MUST_USE int stats_unpack(const uint8_t packed[STATS_PACKED_BYTES], struct stats *stats);
