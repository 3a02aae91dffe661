/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/recorder.h"

/* A span or log record from its end to its export, where there is an encoder. */
struct encoded_record {
    struct record record;
    struct otel_encoded data;
};

/* Takes a record that has ended, and gives what is queued in its place; NULL without room. `shard`
 * is this thread's. */
struct record *encoded_record_of(struct recorder_shard *shard, enum record_kind kind,
                                 struct record *record);
