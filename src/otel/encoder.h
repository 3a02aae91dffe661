/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/logger.h"
#include "otel/span_data.h"

/* More attributes of an event or a link, with keys of their own. */
struct otel_lent {
    const struct otel_attribute *attributes;
    size_t n;
};

/*
 * How an exporter writes what is recorded: where it has an encoder, spans and log records become
 * bytes on the thread that records them; a span's attributes, events and links once they are said,
 * the rest at the end.
 *
 * What has just been recorded is in the nearest cache, and what waits for its export is a third as
 * large: a full queue of whole spans would drive a server's own data out of its caches.
 *
 * Called on any thread, on many at once: nothing may be looked at but what is handed in. Each
 * appends to `out`; 0, or BUF_E_FULL or -ENOMEM: part of it may be in `out` then, which counts for
 * nothing. It is tried again where there is more room, or dropped and counted.
 */
struct otel_encoder {
    int (*attribute)(struct bytes key, const struct otel_value *value, struct buf *out);
    int (*event)(const struct otel_event *event, struct otel_lent lent, struct buf *out);
    int (*link)(const struct otel_link *link, struct otel_lent lent, struct buf *out);
    int (*span)(const struct otel_span_data *span, struct buf *out);
    int (*log)(const struct otel_log_data *log, struct buf *out);

    /* The one of this key among attributes that were written, one behind the other; of a key that
     * is not UTF-8 it may be false. */
    bool (*find)(struct bytes attributes, struct bytes key, struct bytes *found);
};

/* A span or log record that has been written. */
struct otel_encoded {
    const struct otel_scope *scope;
    struct bytes bytes;
};
