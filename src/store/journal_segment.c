/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a segment's head and of a record's, and the names of segments;
 * docs/internals/store.md draws them.
 *
 * The head lies there twice, in two sectors: a power cut while it is written again at a start tears
 * one of them at most. A record's CRC is over the segment's salt and its own position too, so
 * nothing that an earlier use of the file has left passes for a record. A new form needs a new
 * VERSION.
 */
#include "store/journal_segment.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define NAME_PREFIX  "journal-"
#define SPARE_PREFIX "journal-spare-"
#define VERSION      1

static const uint8_t magic[8] = "TGjourn\n";

enum {
    AT_VERSION = 8,
    AT_SALT = 12,
    AT_BASE = 16,
    AT_HEAD_CRC = 24,
    HEAD_USED = 28,
    COPY_AT = 2048,
};

enum {
    AT_LENGTH = 8,
    AT_RECORD_CRC = 12,
};

static void put_u32(uint8_t *to, uint32_t value) {
    value = htole32(value);
    memcpy(to, &value, sizeof(value));
}

static void put_u64(uint8_t *to, uint64_t value) {
    value = htole64(value);
    memcpy(to, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return le32toh(value);
}

static uint64_t get_u64(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return le64toh(value);
}

static uint32_t crc_of(uint32_t start, const uint8_t *data, size_t len) {
    return (uint32_t)crc32_z(start, data, len);
}

/* ---- names ---- */

struct journal_name journal_name_of(uint64_t base) {
    struct journal_name name;
    snprintf(name.text, sizeof(name.text), NAME_PREFIX "%016" PRIx64, base);
    return name;
}

struct journal_name journal_name_of_spare(uint64_t number) {
    struct journal_name name;
    snprintf(name.text, sizeof(name.text), SPARE_PREFIX "%" PRIu64, number);
    return name;
}

bool journal_name_parse(const char *name, uint64_t *base) {
    if (!bytes_start_with(bytes_str(name), NAME_PREFIX))
        return false;
    *base = strtoull(name + strlen(NAME_PREFIX), NULL, 16);
    return strcmp(journal_name_of(*base).text, name) == 0;
}

bool journal_name_is_spare(const char *name, uint64_t *number) {
    if (!bytes_start_with(bytes_str(name), SPARE_PREFIX))
        return false;
    *number = strtoull(name + strlen(SPARE_PREFIX), NULL, 10);
    return true;
}

/* ---- the head ---- */

void journal_head_encode(const struct journal_head *head, uint8_t page[JOURNAL_HEAD_BYTES]) {
    memset(page, 0, JOURNAL_HEAD_BYTES);
    memcpy(page, magic, sizeof(magic));
    put_u32(page + AT_VERSION, VERSION);
    put_u32(page + AT_SALT, head->salt);
    put_u64(page + AT_BASE, head->base);
    put_u32(page + AT_HEAD_CRC, crc_of(0, page, AT_HEAD_CRC));
    memcpy(page + COPY_AT, page, HEAD_USED);
}

static bool is_zero(struct bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i])
            return false;
    return true;
}

/* One of the copies. JOURNAL_E_UNUSED when it is of another segment or was never written. */
static int head_decode_copy(struct bytes copy, uint64_t base, struct journal_head *head) {
    copy.len = copy.len < HEAD_USED ? copy.len : HEAD_USED;
    if (is_zero(copy))
        return JOURNAL_E_UNUSED;
    if (copy.len < HEAD_USED || memcmp(copy.data, magic, sizeof(magic)) != 0 ||
        get_u32(copy.data + AT_HEAD_CRC) != crc_of(0, copy.data, AT_HEAD_CRC))
        return JOURNAL_E_DAMAGED;
    if (get_u32(copy.data + AT_VERSION) > VERSION)
        return -EPROTONOSUPPORT;
    head->base = get_u64(copy.data + AT_BASE);
    head->salt = get_u32(copy.data + AT_SALT);
    return head->base == base ? 0 : JOURNAL_E_UNUSED;
}

int journal_head_decode(struct bytes start, uint64_t base, struct journal_head *head) {
    int first = head_decode_copy(start, base, head);
    if (first <= 0)
        return first;
    int second = JOURNAL_E_UNUSED;
    if (start.len > COPY_AT)
        second = head_decode_copy(bytes_from(start, COPY_AT), base, head);
    if (second <= 0)
        return second;
    return first == second ? first : JOURNAL_E_DAMAGED;
}

/* ---- records ---- */

static uint32_t record_crc(const uint8_t *record, size_t len, uint32_t salt) {
    uint32_t crc = crc_of(salt, record, AT_RECORD_CRC);
    return crc_of(crc, record + JOURNAL_RECORD_HEAD_BYTES, len - JOURNAL_RECORD_HEAD_BYTES);
}

void journal_record_seal(uint8_t *record, size_t payload, uint64_t position, uint32_t salt) {
    put_u64(record, position);
    put_u32(record + AT_LENGTH, (uint32_t)payload);
    put_u32(record + AT_RECORD_CRC, record_crc(record, journal_record_length(payload), salt));
}

bool journal_record_starts(struct bytes bytes, uint64_t position) {
    return bytes.len >= JOURNAL_RECORD_HEAD_BYTES && get_u64(bytes.data) == position;
}

uint64_t journal_record_claims(struct bytes bytes) {
    return journal_record_length(get_u32(bytes.data + AT_LENGTH));
}

bool journal_record_open(struct bytes bytes, uint64_t position, uint32_t salt,
                         struct bytes *payload) {
    if (!journal_record_starts(bytes, position) || journal_record_claims(bytes) > bytes.len)
        return false;
    size_t len = (size_t)journal_record_claims(bytes);
    if (get_u32(bytes.data + AT_RECORD_CRC) != record_crc(bytes.data, len, salt))
        return false;
    *payload = bytes_of(bytes.data + JOURNAL_RECORD_HEAD_BYTES, get_u32(bytes.data + AT_LENGTH));
    return true;
}

int journal_fill(struct file *file, uint64_t from, uint64_t to) {
    static const uint8_t zeros[65536];
    int r = 0;
    while (from < to && r == 0) {
        size_t n = to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);
        r = file->ops->write(file, from, zeros, n);
        from += n;
    }
    return r;
}
