/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit, on the writer thread:
 *
 *     put      every reading: is it a repeat? else into its sensor's open chunk and the record
 *     sync     the record, once, and look whether its file still has its name; until here nobody
 *              sees anything
 *     publish  move the chunks' marks over what is durable now, count it in the statistics
 *     tidy     give the keeper chunks that are full or hold the journal's oldest end
 *
 * When the sync fails nothing is published, the store takes nothing more, and every reading of the
 * commit is refused, whatever the disk has made of it.
 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/durable_impl.h"

/* Readings appended under one hold of a sensor's lock. */
#define COMMIT_SLICE 256

static struct kept kept_of(const struct store_item *item) {
    return (struct kept){
        .time = {item->seconds, item->nanos},
        .sequence = item->sequence,
        .temperature = item->temperature,
    };
}

/* ---- put ---- */

/* Notes that `item` went to the end of the chunk. */
static void span_add(struct durable *durable, struct history *history, struct open_chunk *chunk,
                     const struct store_item *item) {
    struct span *last = durable->n_spans ? &durable->spans[durable->n_spans - 1] : NULL;
    if (!last || last->chunk != chunk || last->items + last->n != item) {
        last = &durable->spans[durable->n_spans++];
        *last = (struct span){.history = history, .chunk = chunk, .items = item};
    }
    last->n++;
    last->end = chunk_end(&chunk->chunk);
}

/* The room was reserved: for each reading, and for the name of each sensor once. So one that is not
 * known yet is named with its first reading, never for one that memory does not suffice for. */
static void put_in_record(struct durable *durable, struct history *history, bool is_unknown,
                          const struct kept *reading) {
    struct journal *journal = durable->journal;
    int r = is_unknown ? journal_put_sensor(journal, history->number, name_bytes(&history->id)) : 0;
    if (r == 0)
        r = journal_put_reading(journal, history->number, reading);
    assert(r == 0);
    (void)r;
    history->wants_naming = false;
}

/* With the history's lock held. */
static int put_new(struct durable *durable, struct history *history, const struct store_item *item,
                   const struct kept *reading) {
    struct open_chunk *chunk;
    bool is_unknown = history_is_new(history) || history->wants_naming;
    int r = durable_append(durable, history, reading, journal_position(durable->journal), &chunk);
    if (r)
        return r;
    put_in_record(durable, history, is_unknown, reading);
    span_add(durable, history, chunk, item);
    return 0;
}

static void say_doubtful(struct history *history) {
    if (!history->is_doubtful)
        log_warn("sensor '%.*s': repeats of what a damaged chunk held cannot be recognised",
                 BYTES_ARGS(name_bytes(&history->id)));
    history->is_doubtful = true;
}

/*
 * Whether the sensor holds it already. What a damaged chunk hides is taken for new: it has lost
 * what it held. 0; -ENOMEM: it may be there; or another errno, and the store has failed: on a disk
 * that cannot be read nothing is kept once for sure.
 */
static int find_repeat(struct durable *durable, struct history *history, const struct kept *reading,
                       bool *has) {
    *has = false;
    if (reading->sequence == 0 || history_is_newer(history, reading->time))
        return 0;
    int r = seen_has(durable->seen, history, reading, has);
    if (r == 0 || r == -ENOMEM)
        return r;
    if (r != -EBADMSG) {
        durable_fail(durable, "what is kept cannot be read", strerror(-r));
        return r;
    }
    say_doubtful(history);
    return 0;
}

/* The next readings that are newer than all, under one lock. Returns how many; 0 or -ENOMEM in `r`.
 */
static uint32_t put_newer(struct durable *durable, struct history *history,
                          const struct store_item *items, uint32_t n, int *r) {
    uint32_t i = 0;
    *r = 0;
    pthread_mutex_lock(&history->lock);
    for (; i < n && i < COMMIT_SLICE; i++) {
        struct kept reading = kept_of(&items[i]);
        if (reading.sequence != 0 && !history_is_newer(history, reading.time))
            break;
        *r = put_new(durable, history, &items[i], &reading);
        if (*r)
            break;
    }
    pthread_mutex_unlock(&history->lock);
    return i;
}

/* One that may be a repeat. 0, or as find_repeat(). */
static int put_late(struct durable *durable, struct history *history, const struct store_item *item,
                    struct store_outcome *outcome) {
    struct kept reading = kept_of(item);
    bool is_repeat;
    int r = find_repeat(durable, history, &reading, &is_repeat);
    if (r)
        return r;
    if (is_repeat) {
        outcome->duplicates++;
        return 0;
    }
    pthread_mutex_lock(&history->lock);
    r = put_new(durable, history, item, &reading);
    pthread_mutex_unlock(&history->lock);
    return r;
}

/* `n` readings in a row of one sensor. 0, or as find_repeat(). */
static int put_stretch(struct durable *durable, struct history *history,
                       const struct store_item *items, uint32_t n, struct store_outcome *outcome) {
    for (uint32_t i = 0; i < n;) {
        int r;
        uint32_t n_newer = put_newer(durable, history, items + i, n - i, &r);
        outcome->accepted += n_newer;
        i += n_newer;
        if (r == 0 && n_newer == 0) {
            r = put_late(durable, history, &items[i++], outcome);
            outcome->accepted += r == 0;
        }
        if (r)
            return r;
    }
    return 0;
}

/* 0, -EUSERS, or as find_repeat(). */
static int put_items(void *user, struct bytes id, const struct store_item *items, uint32_t n,
                     struct store_outcome *outcome) {
    struct durable *durable = user;
    struct history *history = durable_find(durable, id);
    int r = history ? 0 : durable_add_sensor(durable, durable->n_numbers, id, &history);
    return r ? r : put_stretch(durable, history, items, n, outcome);
}

static void put_run(struct durable *durable, const struct store_batch *batch,
                    struct store_run *run) {
    store_batch_put_run(batch, run, put_items, durable);
}

/* ---- sync, publish ---- */

static void publish_span(struct durable *durable, const struct span *span) {
    struct history *history = span->history;
    pthread_mutex_lock(&history->lock);
    for (uint32_t i = 0; i < span->n; i++) {
        struct kept reading = kept_of(&span->items[i]);
        stats_add(&span->chunk->stats, reading.time, reading.temperature);
    }
    span->chunk->durable = span->end;
    pthread_mutex_unlock(&history->lock);
    durable_show(durable, history, span->n);
}

/* The record may need a file more, and only the keeper can let go of others. What is in open chunks
 * keeps half the limit at most; a record that asks for more than the rest has to pass it. */
static void wait_for_room(struct durable *durable) {
    uint64_t limit = durable_journal_limit(durable);
    uint64_t others = journal_growth_bytes(durable->journal);
    if (others == 0)
        return;
    others += STORE_SPARE_SEGMENTS * journal_spare_bytes(durable->journal);
    uint64_t from = journal_position_within(durable->journal, others < limit ? limit - others : 0);
    if (from > durable->open_from)
        from = durable->open_from;
    keeper_wait_released(durable->keeper, from);
}

/* Whether what was written will be found. 0, or a negated errno and the store has failed. */
static int look_at_files(struct durable *durable) {
    const struct files_held *journal = journal_held(durable->journal);
    int r = journal ? durable_look(durable, journal) : 0;
    return r ? r : durable_look(durable, &durable->database);
}

/* A file that is gone makes writing fail too: then it is the reason. */
static void fail_journal(struct durable *durable, int r) {
    if (look_at_files(durable) == 0)
        durable_fail(durable, "the journal cannot be written", strerror(-r));
}

static int sync_record(struct durable *durable) {
    if (durable->n_spans == 0) /* repeats only, or nothing was taken */
        return durable->has_failed ? -EIO : look_at_files(durable);
    wait_for_room(durable);
    if (durable->has_failed)
        return -EIO;
    uint64_t started_at_ns = clock_monotonic_ns();
    int r = journal_commit(durable->journal);
    if (r) {
        fail_journal(durable, r);
        return r;
    }
    uint64_t took_ns = clock_monotonic_ns() - started_at_ns;
    durable->last_sync_ns = took_ns;
    if (took_ns > durable->max_sync_ns)
        durable->max_sync_ns = took_ns;
    durable->n_commits++;
    return look_at_files(durable);
}

/* Without memory for it, it is done before the next commit. */
static void tidy(struct durable *durable) {
    if (durable_make_room(durable))
        log_warn("no memory to seal chunks; trying again");
    durable->shown_open_bytes = durable->open_bytes;
}

typedef void (*run_fn)(struct durable *durable, const struct store_batch *batch,
                       struct store_run *run);

static void each_run(struct durable *durable, struct store_batch *const *batches, size_t n,
                     run_fn fn) {
    for (size_t i = 0; i < n; i++)
        for (size_t run = 0; run < batches[i]->n_runs; run++)
            fn(durable, batches[i], &batches[i]->runs[run]);
}

static void refuse(struct store_run *run, enum store_refusal reason) {
    run->writer->refusal = reason;
    run->outcome = (struct store_outcome){.refused = run->n, .reason = reason};
}

static void refuse_failed(struct durable *durable, const struct store_batch *batch,
                          struct store_run *run) {
    (void)durable;
    (void)batch;
    refuse(run, STORE_REFUSED_FAILED);
}

static void refuse_memory(struct durable *durable, const struct store_batch *batch,
                          struct store_run *run) {
    (void)durable;
    (void)batch;
    refuse(run, STORE_REFUSED_MEMORY);
}

/* After it nothing that is put can be lost between chunk and journal for want of memory, and the
 * keeper can make the room in the journal that its record needs. 0; -ENOMEM, and the next commit
 * may have more luck; or another errno: the journal is done for. */
static int reserve(struct durable *durable, struct store_batch *const *batches, size_t n) {
    size_t n_readings = 0, n_id_bytes = 0;
    int r = durable_make_room(durable);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++) {
        n_readings += batches[i]->n_items;
        n_id_bytes += buf_len(&batches[i]->text);
    }
    return journal_reserve(durable->journal, n_readings, n_id_bytes);
}

/* What is to be done with the runs. */
static run_fn begin(struct durable *durable, struct store_batch *const *batches, size_t n) {
    int r = durable->has_failed ? -EIO : reserve(durable, batches, n);
    if (r == -ENOMEM)
        return refuse_memory;
    if (r)
        fail_journal(durable, r);
    return r ? refuse_failed : put_run;
}

static void commit_group(struct durable *durable, struct store_batch *const *batches, size_t n) {
    durable->n_spans = 0;
    each_run(durable, batches, n, begin(durable, batches, n));
    if (durable->has_failed || sync_record(durable)) {
        each_run(durable, batches, n, refuse_failed);
        return;
    }
    for (size_t i = 0; i < durable->n_spans; i++)
        publish_span(durable, &durable->spans[i]);
    tidy(durable);
}

/* Batches from the first on that make one record: at least one. */
static size_t group_size(struct store_batch *const *batches, size_t n) {
    size_t i = 0, n_readings = 0;
    do
        n_readings += batches[i++]->n_items;
    while (i < n && n_readings + batches[i]->n_items <= STORE_COMMIT_MAX_READINGS);
    return i;
}

void durable_commit(struct store_backend *backend, struct store_batch *const *batches, size_t n) {
    for (size_t i = 0, group; i < n; i += group) {
        group = group_size(batches + i, n - i);
        commit_group(durable_of(backend), batches + i, group);
    }
}
