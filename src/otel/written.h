/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/attributes.h"
#include "otel/prepared_impl.h"
#include "otel/span_data.h"

/*
 * Attributes, events and links of a span as its exporter's encoder writes them into the span's
 * record, each once it is said.
 */

/* Bytes of it that a record has free from the start. The span of a call has 350 of attributes, 250
 * of events and 40 of a link. */
enum {
    WRITTEN_ROOM_FOR_ATTRIBUTES = 704,
    WRITTEN_ROOM_FOR_EVENTS = 448,
    WRITTEN_ROOM_FOR_LINKS = 96,
    WRITTEN_ROOM = WRITTEN_ROOM_FOR_ATTRIBUTES + WRITTEN_ROOM_FOR_EVENTS + WRITTEN_ROOM_FOR_LINKS,
};

/* Before anything is said. */
void written_open(struct record *record, struct otel_span_data *span);

/* To the span's events, or its links. False without room: they are then as they were. */
bool written_event(struct record *record, struct buf *out, const struct otel_event *event,
                   struct otel_lent lent);
bool written_link(struct record *record, struct buf *out, const struct otel_link *link,
                  struct otel_lent lent);

/* Sets or replaces one. They are counted in `span->attributes`; what is over a limit, or finds no
 * room, in its `n_dropped`. */
void written_set(struct record *record, struct otel_span_data *span,
                 const struct attribute_limits *limits, struct bytes key,
                 const struct otel_value *value);

/* Sets all that were prepared at once. False, and nothing is set: they were not written, a key of
 * theirs is there already, or there is no room for all of them. */
bool written_set_prepared(struct record *record, struct otel_span_data *span, size_t n_max,
                          const struct otel_prepared *prepared);
