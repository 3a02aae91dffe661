/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collection is over when the exporter has taken what it needs of it, which it does at once: who
 * else wants to collect, such as a page of metrics, does not wait for a receiver that does not
 * answer. An interval that comes while an export is under way is left out: sums are cumulative, so
 * nothing is lost by that.
 */
#include "otel/reader.h"

#include "base/clock.h"

static void export_done(void *user) {
    struct reader *reader = user;
    if (reader->flush == READER_FLUSHING)
        reader->flush = READER_FLUSHED;
    reader->changed(reader->user);
}

void reader_init(struct reader *reader, const struct reader_options *options) {
    *reader = (struct reader){.metering = options->metering,
                              .metrics = options->metrics,
                              .interval_ns = options->interval_ns,
                              .timeout_ns = options->timeout_ns,
                              .due_ns = options->now_ns + options->interval_ns,
                              .changed = options->changed,
                              .user = options->user};
    const struct export_options of_exports = {.signal = OTEL_METRICS,
                                              .exporter = options->exporter,
                                              .endpoint = options->endpoint,
                                              .metrics = options->metrics,
                                              .done = export_done,
                                              .user = reader};
    export_init(&reader->export, &of_exports);
}

/* 0 or -ENOMEM, which the next interval makes up for. */
static int collect(struct reader *reader, const struct otel_metrics **metrics) {
    uint64_t start_ns = clock_monotonic_ns();
    int r = otel_metering_collect(reader->metering, clock_wall_ns(), metrics);
    sdk_metrics_collected(reader->metrics, clock_monotonic_ns() - start_ns, r != 0);
    return r;
}

static void collect_and_export(struct reader *reader, uint64_t now_ns) {
    const struct otel_metrics *metrics;
    bool is_flush = reader->flush == READER_FLUSH_WANTED;
    reader->flush = READER_FLUSHED;
    if (collect(reader, &metrics))
        return;
    if (metrics->n_points == 0) {
        otel_metering_end(reader->metering);
        return;
    }
    if (is_flush)
        reader->flush = READER_FLUSHING;
    const struct otel_batch batch = {.signal = OTEL_METRICS,
                                     .resource = metrics->resource,
                                     .metrics = metrics,
                                     .n = metrics->n_points,
                                     .deadline_ns = now_ns + reader->timeout_ns};
    export_start(&reader->export, &batch, now_ns);
    otel_metering_end(reader->metering);
}

uint64_t reader_turn(struct reader *reader, uint64_t now_ns) {
    export_check(&reader->export, now_ns);
    bool is_due = now_ns >= reader->due_ns;
    if (is_due)
        reader->due_ns = now_ns + reader->interval_ns;
    if (!reader->export.is_under_way && (is_due || reader->flush == READER_FLUSH_WANTED))
        collect_and_export(reader, now_ns);
    uint64_t check_ns = export_due_ns(&reader->export);
    return check_ns < reader->due_ns ? check_ns : reader->due_ns;
}

void reader_flush(struct reader *reader) {
    reader->flush = READER_FLUSH_WANTED;
}
