/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's integers are signed, ours are not: ranks and positions stay below 2^63, so that their
 * order is the same in both. Each row carries a CRC over its values; a row that is read must fit
 * it, and what it says must make sense, since whoever makes a damaged file can make a CRC too.
 */
#include "store/sealed_row.h"

#include <assert.h>
#include <zlib.h>

#include "store/chunk.h"
#include "store/limits.h"

static uint32_t crc_number(uint32_t crc, uint64_t value) {
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return (uint32_t)crc32_z(crc, bytes, sizeof(bytes));
}

static uint32_t crc_bytes(uint32_t crc, struct bytes bytes) {
    return (uint32_t)crc32_z(crc, bytes.data, bytes.len);
}

static uint32_t sensor_crc(const struct sealed_sensor *sensor,
                           const uint8_t packed[STATS_PACKED_BYTES]) {
    uint32_t crc = crc_bytes(0, bytes_of(packed, STATS_PACKED_BYTES));
    crc = crc_number(crc, sensor->number);
    crc = crc_number(crc, sensor->covered);
    return crc_bytes(crc, sensor->id);
}

static uint32_t head_crc(const struct sealed_head *head, const uint8_t packed[STATS_PACKED_BYTES]) {
    uint32_t crc = crc_bytes(0, bytes_of(packed, STATS_PACKED_BYTES));
    crc = crc_number(crc, (uint64_t)head->id);
    crc = crc_number(crc, head->sensor);
    crc = crc_number(crc, head->is_late);
    crc = crc_number(crc, head->rank);
    crc = crc_number(crc, head->n_bytes);
    return crc_number(crc, head->crc);
}

/* Numbers and borrowed bytes are bound without memory, so it cannot fail. */
static void bind_number(sqlite3_stmt *statement, int parameter, int64_t number) {
    int code = sqlite3_bind_int64(statement, parameter, number);
    assert(code == SQLITE_OK);
    (void)code;
}

static void bind_bytes(sqlite3_stmt *statement, int parameter, struct bytes bytes) {
    int code = sqlite3_bind_blob64(statement, parameter, bytes.data, bytes.len, SQLITE_STATIC);
    assert(code == SQLITE_OK);
    (void)code;
}

static void bind_order(sqlite3_stmt *statement, int parameter, uint64_t number) {
    assert(number <= INT64_MAX);
    bind_number(statement, parameter, (int64_t)number);
}

void sealed_row_bind_sensor(sqlite3_stmt *statement, const struct sealed_sensor *sensor,
                            uint8_t packed[STATS_PACKED_BYTES]) {
    stats_pack(&sensor->stats, packed);
    bind_number(statement, 1, sensor->number);
    bind_bytes(statement, 2, sensor->id);
    bind_order(statement, 3, sensor->covered);
    bind_bytes(statement, 4, bytes_of(packed, STATS_PACKED_BYTES));
    bind_number(statement, 5, sensor_crc(sensor, packed));
}

void sealed_row_bind_head_key(sqlite3_stmt *statement, const struct sealed_head *head) {
    bind_number(statement, 1, head->sensor);
    bind_number(statement, 2, head->is_late);
    bind_number(statement, 3, head->stats.last.seconds);
    bind_number(statement, 4, head->stats.last.nanos);
    bind_order(statement, 5, head->rank);
    bind_number(statement, 6, head->id);
}

void sealed_row_bind_head(sqlite3_stmt *statement, const struct sealed_head *head,
                          uint8_t packed[STATS_PACKED_BYTES]) {
    stats_pack(&head->stats, packed);
    sealed_row_bind_head_key(statement, head);
    bind_bytes(statement, 7, bytes_of(packed, STATS_PACKED_BYTES));
    bind_number(statement, 8, head->n_bytes);
    bind_number(statement, 9, head->crc);
    bind_number(statement, 10, head_crc(head, packed));
}

static struct bytes column_bytes(sqlite3_stmt *statement, int column) {
    const void *data = sqlite3_column_blob(statement, column);
    return bytes_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

static bool is_out_of_memory(sqlite3_stmt *statement) {
    return sqlite3_errcode(sqlite3_db_handle(statement)) == SQLITE_NOMEM;
}

int sealed_row_sensor(sqlite3_stmt *statement, struct sealed_sensor *sensor) {
    struct bytes packed = column_bytes(statement, 3);
    sensor->number = (uint32_t)sqlite3_column_int64(statement, 0);
    sensor->id = column_bytes(statement, 1);
    sensor->covered = (uint64_t)sqlite3_column_int64(statement, 2);
    if (is_out_of_memory(statement))
        return -ENOMEM;
    bool is_sound = packed.len == STATS_PACKED_BYTES && sensor->id.len >= 1 &&
                    sensor->id.len <= STORE_ID_MAX_BYTES && sensor->covered <= INT64_MAX &&
                    sqlite3_column_int64(statement, 4) == sensor_crc(sensor, packed.data) &&
                    stats_unpack(packed.data, &sensor->stats) == 0;
    return is_sound ? 0 : -EBADMSG;
}

static bool is_last(sqlite3_stmt *statement, struct stats_instant last) {
    return sqlite3_column_int64(statement, 2) == last.seconds &&
           sqlite3_column_int64(statement, 3) == last.nanos;
}

int sealed_row_head(sqlite3_stmt *statement, struct sealed_head *head) {
    struct bytes packed = column_bytes(statement, 6);
    head->sensor = (uint32_t)sqlite3_column_int64(statement, 0);
    head->is_late = sqlite3_column_int64(statement, 1) != 0;
    head->rank = (uint64_t)sqlite3_column_int64(statement, 4);
    head->id = sqlite3_column_int64(statement, 5);
    head->n_bytes = (uint32_t)sqlite3_column_int64(statement, 7);
    head->crc = (uint32_t)sqlite3_column_int64(statement, 8);
    if (is_out_of_memory(statement))
        return -ENOMEM;
    bool is_sound = packed.len == STATS_PACKED_BYTES && head->rank <= INT64_MAX &&
                    sqlite3_column_int64(statement, 9) == head_crc(head, packed.data) &&
                    stats_unpack(packed.data, &head->stats) == 0 && head->stats.count > 0 &&
                    head->stats.count <= CHUNK_MAX_READINGS && is_last(statement, head->stats.last);
    return is_sound ? 0 : -EBADMSG;
}
