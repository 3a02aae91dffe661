/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/arena.h"
#include "http2/session.h"

/*
 * Custom metadata (gRPC over HTTP/2, "Custom-Metadata"): the header fields that are neither HTTP's
 * nor gRPC's own. Keys that end in
 * `-bin` carry bytes, base64 on the wire; all others printable ASCII.
 */
struct grpc_entry {
    struct bytes key;
    struct bytes value; /* of a -bin key: the bytes */
};

/* The first value of `name` among header fields as they came; data is NULL when there is none. */
struct bytes grpc_fields_find(const struct h2_field *fields, size_t n, const char *name);

/*
 * The custom metadata of a header block, in order, into the arena. A -bin value is decoded, padded
 * or not, and split at commas first. A value that cannot be decoded is left out. 0 or -ENOMEM.
 */
MUST_USE int grpc_metadata_of_fields(const struct h2_field *fields, size_t n, struct arena *arena,
                                     struct grpc_entry **entries, size_t *n_entries);

/*
 * The bytes of the field `name`, which ends in `-bin`, gRPC's own included
 * (`grpc-status-details-bin`). Data is NULL when there is none, or none that can be decoded. 0 or
 * -ENOMEM.
 */
MUST_USE int grpc_fields_find_binary(const struct h2_field *fields, size_t n, const char *name,
                                     struct arena *arena, struct bytes *value);

enum {
    GRPC_METADATA_E_INVALID = 1, /* a key or value that may not be sent */
};

/* The header field that carries an entry, coded into the arena. */
MUST_USE int grpc_metadata_to_field(const struct grpc_entry *entry, struct arena *arena,
                                    struct h2_field *field);
