/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include <assert.h>

#include "base/mem.h"
#include "store/limits.h"

enum {
    BATCH_FIRST_CAP = 64
};

void store_batch_init(struct store_batch *batch) {
    *batch = (struct store_batch){0};
    buf_init(&batch->text, (size_t)STORE_BATCH_MAX_READINGS * STORE_ID_MAX_BYTES);
}

void store_batch_fini(struct store_batch *batch) {
    mem_free(batch->items);
    mem_free(batch->names);
    mem_free(batch->runs);
    buf_fini(&batch->text);
    *batch = (struct store_batch){0};
}

void store_batch_reset(struct store_batch *batch) {
    batch->n_items = batch->n_names = batch->n_runs = 0;
    buf_reset(&batch->text);
}

static int batch_grow(struct store_batch *batch) {
    size_t cap = batch->cap ? 2 * batch->cap : BATCH_FIRST_CAP;
    struct store_item *items = mem_resize(batch->items, cap, sizeof(*items));
    if (!items)
        return -ENOMEM;
    batch->items = items;
    struct store_name *names = mem_resize(batch->names, cap, sizeof(*names));
    if (!names)
        return -ENOMEM;
    batch->names = names;
    struct store_run *runs = mem_resize(batch->runs, cap, sizeof(*runs));
    if (!runs)
        return -ENOMEM;
    batch->runs = runs;
    batch->cap = cap;
    return 0;
}

static struct bytes batch_text(const struct store_batch *batch, const struct store_name *name) {
    return bytes_of(batch->text.data + batch->text.start + name->at, name->len);
}

struct bytes store_batch_name(const struct store_batch *batch, const struct store_item *item) {
    return batch_text(batch, &batch->names[item->name]);
}

static int batch_name(struct store_batch *batch, struct bytes id) {
    size_t n = batch->n_names;
    if (n > 0 && bytes_equal_short(batch_text(batch, &batch->names[n - 1]), id))
        return 0;
    size_t at = buf_len(&batch->text);
    int r = buf_append(&batch->text, id);
    if (r)
        return r == BUF_E_FULL ? STORE_BATCH_E_FULL : r;
    batch->names[batch->n_names++] = (struct store_name){(uint32_t)at, (uint32_t)id.len};
    return 0;
}

static struct store_run *batch_run(struct store_batch *batch, struct store_writer *writer) {
    if (batch->n_runs > 0 && batch->runs[batch->n_runs - 1].writer == writer)
        return &batch->runs[batch->n_runs - 1];
    struct store_run *run = &batch->runs[batch->n_runs++];
    *run = (struct store_run){.writer = writer, .first = (uint32_t)batch->n_items};
    return run;
}

int store_batch_append(struct store_batch *batch, struct store_writer *writer,
                       const struct reading *reading) {
    assert(reading->sensor_id.len <= STORE_ID_MAX_BYTES);
    if (batch->n_items == STORE_BATCH_MAX_READINGS)
        return STORE_BATCH_E_FULL;
    int r = batch->n_items == batch->cap ? batch_grow(batch) : 0;
    if (r == 0)
        r = batch_name(batch, reading->sensor_id);
    if (r)
        return r;
    batch_run(batch, writer)->n++;
    batch->items[batch->n_items++] = (struct store_item){
        .name = (uint32_t)(batch->n_names - 1),
        .nanos = reading->nanos,
        .seconds = reading->seconds,
        .sequence = reading->sequence,
        .temperature = reading->temperature,
    };
    return 0;
}

static uint32_t items_of_one_name(const struct store_item *items, uint32_t n) {
    uint32_t same = 1;
    while (same < n && items[same].name == items->name)
        same++;
    return same;
}

static int put_stretches(const struct store_batch *batch, struct store_run *run, store_put_fn put,
                         void *user) {
    const struct store_item *items = batch->items + run->first;
    int r = 0;
    for (uint32_t i = 0, same; i < run->n && r == 0; i += same) {
        same = items_of_one_name(items + i, run->n - i);
        r = put(user, store_batch_name(batch, items + i), items + i, same, &run->outcome);
    }
    return r;
}

void store_batch_put_run(const struct store_batch *batch, struct store_run *run, store_put_fn put,
                         void *user) {
    struct store_writer *writer = run->writer;
    run->outcome = (struct store_outcome){0};
    int r = writer->refusal == STORE_TAKEN ? put_stretches(batch, run, put, user) : 0;
    if (r)
        writer->refusal = r == -EUSERS ? STORE_REFUSED_SENSORS : STORE_REFUSED_MEMORY;
    run->outcome.refused = run->n - run->outcome.accepted;
    run->outcome.reason = writer->refusal;
}
