/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sqlite3.h>

#include "store/sealed.h"
#include "store/stats_packed.h"

/*
 * Rows of the tables and the structs that they stand for. The columns and parameters are in the
 * order of SEALED_SENSOR_COLUMNS and SEALED_HEAD_COLUMNS.
 */
#define SEALED_SENSOR_COLUMNS "number, id, covered, stats, row_crc"
#define SEALED_HEAD_COLUMNS \
    "sensor, is_late, last_seconds, last_nanos, rank, id, stats, n_bytes, data_crc, row_crc"

/* Parameters 1 to 5, or 1 to 10. The statement borrows `packed`, and the sensor's id, until it is
 * reset. */
void sealed_row_bind_sensor(sqlite3_stmt *statement, const struct sealed_sensor *sensor,
                            uint8_t packed[STATS_PACKED_BYTES]);
void sealed_row_bind_head(sqlite3_stmt *statement, const struct sealed_head *head,
                          uint8_t packed[STATS_PACKED_BYTES]);

/* Parameters 1 to 6: the key of the head's row. */
void sealed_row_bind_head_key(sqlite3_stmt *statement, const struct sealed_head *head);

/* The row that the statement stands on. 0, -EBADMSG if nobody can have written it so, or -ENOMEM.
 * The sensor's id lives until the next step. */
MUST_USE int sealed_row_sensor(sqlite3_stmt *statement, struct sealed_sensor *sensor);
MUST_USE int sealed_row_head(sqlite3_stmt *statement, struct sealed_head *head);
