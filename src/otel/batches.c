/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a record is, and as what it counts:
 *
 *     a shard's list ──gather──> waiting ──export──> exporting ──done──> freed
 *     └────── queued, up to max_queue ──┘            one batch
 *
 * `wake_at` of the queue is what recording threads look at: a full batch while no export is under
 * way, and nothing meanwhile, for then a turn could do nothing about it.
 */
#include "otel/batches.h"

#include "base/mem.h"
#include "otel/encoded_record.h"
#include "otel/log_record.h"
#include "otel/span_record.h"

static const enum otel_signal signals[RECORD_KINDS] = {
    [RECORD_SPAN] = OTEL_TRACES,
    [RECORD_LOG] = OTEL_LOGS,
};

static struct record_queue *queue_of(const struct batches *batches) {
    return &batches->recorder->queues[batches->kind];
}

/* How many are worth an export before the delay is over; without a delay each one is. */
static size_t wanted(const struct batches *batches) {
    return batches->settings.delay_ns ? batches->settings.max_batch : 1;
}

static uint64_t after_delay(const struct batches *batches, uint64_t now_ns) {
    uint64_t delay_ns = batches->settings.delay_ns;
    return delay_ns ? now_ns + delay_ns : UINT64_MAX;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static void export_done(void *user);

int batches_init(struct batches *batches, const struct batches_options *options) {
    *batches = (struct batches){.kind = options->kind,
                                .recorder = options->recorder,
                                .settings = *options->settings,
                                .resource = options->resource,
                                .changed = options->changed,
                                .user = options->user};
    batches->due_ns = after_delay(batches, options->now_ns);
    const struct export_options of_exports = {.signal = signals[options->kind],
                                              .exporter = options->exporter,
                                              .endpoint = options->endpoint,
                                              .metrics = options->metrics,
                                              .done = export_done,
                                              .user = batches};
    export_init(&batches->export, &of_exports);
    batches->exporting = mem_new_array(struct record *, batches->settings.max_batch);
    batches->view = mem_new_array(void *, batches->settings.max_batch);
    if (!batches->exporting || !batches->view)
        return -ENOMEM;
    atomic_store(&queue_of(batches)->wake_at, wanted(batches));
    return 0;
}

void batches_fini(struct batches *batches) {
    outage_end(&batches->export.outage, batches->waiting.n);
    mem_free(batches->exporting);
    mem_free(batches->view);
    batches->exporting = NULL;
    batches->view = NULL;
}

/* ---- a batch ---- */

static struct record *pop(struct record_list *list) {
    struct record *record = list->first;
    list->first = record->next;
    if (!list->first)
        list->last = NULL;
    list->n--;
    return record;
}

static bool is_encoded(const struct batches *batches) {
    return batches->recorder->encoders[batches->kind];
}

static void show(struct batches *batches, size_t i, struct record *record) {
    if (is_encoded(batches))
        batches->encoded[i] = &CONTAINER_OF(record, struct encoded_record, record)->data;
    else if (batches->kind == RECORD_SPAN)
        batches->spans[i] = &CONTAINER_OF(record, struct span_record, record)->data;
    else
        batches->logs[i] = &CONTAINER_OF(record, struct log_record, record)->data;
}

static void take(struct batches *batches, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct record *record = pop(&batches->waiting);
        show(batches, i, record);
        batches->exporting[i] = record;
    }
    batches->n_exporting = n;
    batches->n_due -= smaller(batches->n_due, n);
    batches->n_processed += n;
    recorder_took(batches->recorder, batches->kind, n);
}

static void export_batch(struct batches *batches, uint64_t now_ns) {
    size_t n = smaller(batches->waiting.n, batches->settings.max_batch);
    take(batches, n);
    struct otel_batch batch = {.signal = batches->export.signal,
                               .resource = batches->resource,
                               .n = n,
                               .deadline_ns = now_ns + batches->settings.timeout_ns};
    if (is_encoded(batches))
        batch.encoded = batches->encoded;
    else if (batches->kind == RECORD_SPAN)
        batch.spans = batches->spans;
    else
        batch.logs = batches->logs;
    export_start(&batches->export, &batch, now_ns);
}

static void export_done(void *user) {
    struct batches *batches = user;
    batches->n_to_flush -= smaller(batches->n_to_flush, batches->n_exporting);
    record_free_all(batches->exporting, batches->n_exporting);
    batches->n_exporting = 0;
    batches->changed(batches->user);
}

/* ---- turns ---- */

static void say_drops(struct batches *batches, uint64_t now_ns) {
    struct outage *outage = &batches->export.outage;
    const _Atomic uint64_t *totals = batches->recorder->totals;
    uint64_t n_overflowed = totals[COUNT_QUEUE_FULL + batches->kind];
    uint64_t n_without_room = totals[COUNT_NO_ROOM + batches->kind];
    outage_overflow(outage, n_overflowed - batches->n_overflowed, queue_of(batches)->max, now_ns);
    outage_no_room(outage, n_without_room - batches->n_without_room, now_ns);
    batches->n_overflowed = n_overflowed;
    batches->n_without_room = n_without_room;
}

static bool is_due(const struct batches *batches) {
    return batches->n_due > 0 || batches->waiting.n >= wanted(batches);
}

/* More may have come than a batch while nobody was to be woken for it. */
static bool is_full(struct batches *batches) {
    atomic_store(&queue_of(batches)->wake_at, wanted(batches));
    return atomic_load(&queue_of(batches)->n) >= wanted(batches);
}

uint64_t batches_turn(struct batches *batches, uint64_t now_ns) {
    export_check(&batches->export, now_ns);
    if (now_ns >= batches->due_ns) {
        batches->n_due = batches->waiting.n;
        batches->due_ns = after_delay(batches, now_ns);
    }
    atomic_store(&queue_of(batches)->wake_at, SIZE_MAX);
    while (!batches->export.is_under_way && is_due(batches))
        export_batch(batches, now_ns);
    say_drops(batches, now_ns);
    if (batches->export.is_under_way)
        return export_due_ns(&batches->export);
    return is_full(batches) ? now_ns : batches->due_ns;
}

void batches_flush(struct batches *batches) {
    batches->n_due = batches->waiting.n;
    batches->n_to_flush = batches->n_exporting + batches->waiting.n;
}
