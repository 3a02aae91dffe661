/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "store/files.h"

/*
 * The format of a segment file. All numbers are little-endian.
 *
 *     0     head: magic 8, version 4, salt 4, base 8, CRC 4 of what is before; zeros
 *     2048  the same again: a sector that cannot be read costs no segment
 *     4096  records back to back, each a multiple of 8 bytes long; then zeros, or what the file
 *           held in an earlier use
 *
 *     record: position 8, length of the payload 4, CRC 4, payload, zeros up to a multiple of 8
 *
 * A record's place follows from its position: it lies at 4096 + position - base. The CRC is over
 * all of the record but itself and starts with the segment's salt, a random number. So neither what
 * is left of an earlier use nor bytes that somebody sends inside a reading are taken for a record.
 */
#define JOURNAL_HEAD_BYTES        4096
#define JOURNAL_RECORD_HEAD_BYTES 16

struct journal_name {
    char text[40];
};

/* `journal-` and the position in 16 hexadecimal digits. */
struct journal_name journal_name_of(uint64_t base);

/* `journal-spare-` and a number: made ahead, without content. */
struct journal_name journal_name_of_spare(uint64_t number);

bool journal_name_parse(const char *name, uint64_t *base);
bool journal_name_is_spare(const char *name, uint64_t *number);

struct journal_head {
    uint64_t base; /* position of the first record */
    uint32_t salt;
};

enum {
    JOURNAL_E_UNUSED = 1,  /* zeros, or the head of an earlier use: nothing in it was committed */
    JOURNAL_E_DAMAGED = 2, /* neither copy of the head can be read */
};

/* Fills the first JOURNAL_HEAD_BYTES of a segment. */
void journal_head_encode(const struct journal_head *head, uint8_t page[JOURNAL_HEAD_BYTES]);

/* The head of the segment that is named after `base`. `start` is the file's start, as much as there
 * is. 0, an outcome, or -EPROTONOSUPPORT: a newer version has written it. */
MUST_USE int journal_head_decode(struct bytes start, uint64_t base, struct journal_head *head);

/* Length of the whole record with that payload. */
static inline size_t journal_record_length(size_t payload) {
    return (JOURNAL_RECORD_HEAD_BYTES + payload + 7) & ~(size_t)7;
}

/* Writes the head of a record whose `payload` bytes of payload and zeros behind them are in place.
 */
void journal_record_seal(uint8_t *record, size_t payload, uint64_t position, uint32_t salt);

/* Whether bytes begin as the record at `position` does, sound or torn. */
bool journal_record_starts(struct bytes bytes, uint64_t position);

/* The payload of the record that bytes begin with, or false if there is no sound one. */
bool journal_record_open(struct bytes bytes, uint64_t position, uint32_t salt,
                         struct bytes *payload);

/* Bytes that the record at `position` claims; only after journal_record_starts(). */
uint64_t journal_record_claims(struct bytes bytes);

/* Writes zeros from `from` up to `to`. 0 or a negated errno. */
MUST_USE int journal_fill(struct file *file, uint64_t from, uint64_t to);
