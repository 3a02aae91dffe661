/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/sql.h"

/*
 * Which tables the file has, by version: SQLite keeps the version in the file's header
 * (user_version), beside a number that says whose file it is (application_id).
 */
struct sealed_schema {
    const char *const *steps; /* the i-th brings version i to i + 1; version 0 is an empty file */
    int64_t n_steps;          /* the version of this program */
};

/* The one of this program. (Tests bring others.) */
extern const struct sealed_schema sealed_schema;

/*
 * Whether the file is ours or empty, and of which version, looked at without a change to it. 0;
 * -EPROTONOSUPPORT for a newer version, -EBADMSG for a file of somebody else, both with words.
 */
MUST_USE int sealed_schema_identify(struct sql *sql, const struct sealed_schema *schema,
                                    int64_t *version);

/* Brings that version up to this program's, in one transaction: all of it or nothing. */
MUST_USE int sealed_schema_update(struct sql *sql, const struct sealed_schema *schema,
                                  int64_t version);

/*
 * The same from the first bytes of the file, for who does not open it. What SQLite still has in its
 * WAL is not seen: of a young file the version may be 0. 0, or -EBADMSG for a file of somebody
 * else.
 */
#define SEALED_HEADER_SIZE 100
MUST_USE int sealed_schema_read_header(const uint8_t header[SEALED_HEADER_SIZE], int64_t *version);
