/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit is a span of its own, on the writer thread: it serves many calls at once, so it is no
 * child of any. Its context goes as the commit's mark to each of these calls, whose spans link to
 * it.
 *
 * What is counted is counted when the store settles, once for a call and commit, and not for each
 * reading: a stream of millions a second is not to feel it. Everything that merely is at a moment
 * (figures of the store, temperatures) is looked up when somebody collects, on the telemetry
 * thread.
 *
 * To add a metric: a row in `make_measured` or `make_observed`, its place in the struct, a line in
 * docs/telemetry.md.
 */
#include "collector/telemetry.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/limits.h"
#include "otel/instruments.h"

static const char *const refusal_names[TELEMETRY_N_REFUSALS] = {
    [TELEMETRY_INVALID] = "invalid", [TELEMETRY_DENIED] = "permission_denied",
    [TELEMETRY_BUSY] = "busy",       [TELEMETRY_MEMORY] = "memory",
    [TELEMETRY_SENSORS] = "sensors", [TELEMETRY_FAILED] = "store_failed",
};

/* Seconds: a sync takes from tens of microseconds on good disks to whole seconds on bad days. */
static const double commit_bounds[] = {5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, .01,
                                       .02,  .05,  .1,   .25,  .5,   1,    2.5,  5};
static const double readings_bounds[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

struct instruments {
    struct otel_instrument *readings, *refused, *commit_duration, *commit_readings;
    struct otel_instrument *sensors, *kept, *memory, *memory_limit, *is_accepting, *batches;
    struct otel_instrument *disk, *disk_size, *disk_free, *journal_limit, *chunks, *open, *waiting;
    struct otel_instrument *last_sync;
    struct otel_instrument *temperature, *last_reading;
};

struct collector_telemetry {
    struct collector_telemetry_options options;
    char *directory, *sensors;
    struct instruments instruments;
    struct otel_series *accepted, *duplicates, *commit_duration, *commit_readings;
    struct otel_series *refused[TELEMETRY_N_REFUSALS];

    /* the writer thread's own, between a commit's start and its end */
    struct otel_span commit_span;
    uint64_t commit_started_ns;
};

/* What travels as a commit's mark. */
struct commit_context {
    struct otel_trace_id trace_id;
    struct otel_span_id span_id;
    uint64_t ended_ns; /* wall clock */
    uint8_t flags;
};
_Static_assert(sizeof(struct commit_context) <= sizeof(struct store_commit_mark),
               "a mark is small");

/* ---- commits, on the writer thread ---- */

static void on_commit_started(void *user, struct store_commit *commit) {
    struct collector_telemetry *telemetry = user;
    const struct otel_span_options options = {
        .name = bytes_str("store.commit"),
        .parent = &otel_context_none,
    };
    if (telemetry->commit_duration)
        telemetry->commit_started_ns = clock_monotonic_ns();
    if (!telemetry->options.tracer)
        return;
    otel_span_start(telemetry->options.tracer, &options, &telemetry->commit_span);
    const struct otel_span_context *span = &telemetry->commit_span.context.span;
    const struct commit_context context = {
        .trace_id = span->trace_id, .span_id = span->span_id, .flags = span->flags};
    memcpy(commit->mark.bytes, &context, sizeof(context));
}

static void end_commit_span(struct otel_span *span, const struct store_commit *commit,
                            uint64_t ended_ns) {
    if (otel_span_is_recorded(span)) {
        otel_span_set(span, "store.commit.batches", otel_integer((int64_t)commit->n_batches));
        otel_span_set(span, "store.commit.readings", otel_integer((int64_t)commit->n_readings));
        if (commit->refused) {
            otel_span_set(span, "store.commit.refused", otel_integer((int64_t)commit->refused));
            otel_span_status(span, OTEL_STATUS_ERROR, bytes_str("not all readings were kept"));
        }
    }
    otel_span_end(span, ended_ns);
}

/* One look at the clock for all whose readings it kept. */
static uint64_t mark_end(struct store_commit *commit) {
    struct commit_context context;
    memcpy(&context, commit->mark.bytes, sizeof(context));
    context.ended_ns = clock_wall_ns();
    memcpy(commit->mark.bytes, &context, sizeof(context));
    return context.ended_ns;
}

static void on_commit_ended(void *user, struct store_commit *commit) {
    struct collector_telemetry *telemetry = user;
    if (telemetry->commit_duration) {
        double took_ns = (double)(clock_monotonic_ns() - telemetry->commit_started_ns);
        otel_series_record(telemetry->commit_duration, took_ns / (double)NS_PER_S,
                           &telemetry->commit_span.context);
        otel_series_record(telemetry->commit_readings, (double)commit->n_readings,
                           &telemetry->commit_span.context);
    }
    if (telemetry->options.tracer)
        end_commit_span(&telemetry->commit_span, commit, mark_end(commit));
}

/* ---- readings, on the workers ---- */

static void mark_kept(struct otel_span *span, const struct store_outcome *outcome) {
    struct commit_context commit;
    struct otel_link_to link = {0};
    const struct otel_attribute kept[] = {
        otel_attribute("sensor.readings", otel_integer((int64_t)outcome->accepted)),
        otel_attribute("sensor.readings.duplicates", otel_integer((int64_t)outcome->duplicates)),
    };
    memcpy(&commit, outcome->mark->bytes, sizeof(commit));
    size_t n = outcome->duplicates ? ARRAY_LEN(kept) : 1;
    link.context = (struct otel_span_context){
        .trace_id = commit.trace_id, .span_id = commit.span_id, .flags = commit.flags};
    otel_span_event(span, "durable", commit.ended_ns, kept, n);
    otel_span_link(span, &link);
}

static enum telemetry_refusal refusal_of(enum store_refusal reason) {
    if (reason == STORE_REFUSED_MEMORY)
        return TELEMETRY_MEMORY;
    return reason == STORE_REFUSED_SENSORS ? TELEMETRY_SENSORS : TELEMETRY_FAILED;
}

void telemetry_settled(struct collector_telemetry *telemetry, struct otel_span *span,
                       const struct store_outcome *outcome) {
    if (!telemetry)
        return;
    otel_series_add(telemetry->accepted, (int64_t)(outcome->accepted - outcome->duplicates));
    if (outcome->duplicates)
        otel_series_add(telemetry->duplicates, (int64_t)outcome->duplicates);
    if (outcome->refused)
        telemetry_refused(telemetry, refusal_of(outcome->reason), outcome->refused);
    if (span && otel_span_is_recorded(span) && outcome->accepted)
        mark_kept(span, outcome);
}

void telemetry_refused(struct collector_telemetry *telemetry, enum telemetry_refusal reason,
                       uint64_t n) {
    if (telemetry)
        otel_series_add(telemetry->refused[reason], (int64_t)n);
}

/* ---- what is, on the thread that collects ---- */

static void observe_uint(struct otel_observations *out, struct otel_instrument *instrument,
                         uint64_t value) {
    otel_observe(out, instrument, (int64_t)value, NULL, 0);
}

static void observe_file(struct collector_telemetry *telemetry, const char *file, uint64_t bytes,
                         struct otel_observations *out) {
    const struct otel_attribute which = otel_attribute("store.file", otel_str(file));
    otel_observe(out, telemetry->instruments.disk, (int64_t)bytes, &which, 1);
}

static void observe_disk(struct collector_telemetry *telemetry,
                         const struct store_disk_figures *disk, struct otel_observations *out) {
    const struct instruments *instruments = &telemetry->instruments;
    struct statvfs space;
    observe_file(telemetry, "journal", disk->journal_bytes, out);
    observe_file(telemetry, "sqlite", disk->file_bytes, out);
    observe_file(telemetry, "wal", disk->wal_bytes, out);
    observe_uint(out, instruments->journal_limit, disk->journal_limit_bytes);
    observe_uint(out, instruments->chunks, disk->n_chunks);
    observe_uint(out, instruments->open, disk->open_bytes);
    observe_uint(out, instruments->waiting, disk->n_sealings_waiting);
    otel_observe_number(out, instruments->last_sync, (double)disk->last_sync_ns / (double)NS_PER_S,
                        NULL, 0);
    if (telemetry->directory && statvfs(telemetry->directory, &space) == 0) {
        observe_uint(out, instruments->disk_size, (uint64_t)space.f_blocks * space.f_frsize);
        observe_uint(out, instruments->disk_free, (uint64_t)space.f_bavail * space.f_frsize);
    }
}

static void observe_figures(struct collector_telemetry *telemetry, struct otel_observations *out) {
    const struct instruments *instruments = &telemetry->instruments;
    struct store_figures figures;
    store_figures(telemetry->options.store, &figures);
    observe_uint(out, instruments->sensors, figures.n_sensors);
    observe_uint(out, instruments->kept, figures.n_readings);
    observe_uint(out, instruments->memory, figures.memory_bytes);
    if (figures.memory_limit_bytes)
        observe_uint(out, instruments->memory_limit, figures.memory_limit_bytes);
    observe_uint(out, instruments->batches, figures.n_batches_waiting);
    observe_uint(out, instruments->is_accepting, figures.failure.text[0] == '\0');
    if (figures.is_on_disk)
        observe_disk(telemetry, &figures.disk, out);
}

static void observe_sensor(const struct instruments *instruments, const struct store_sensor *sensor,
                           struct otel_observations *out) {
    const struct otel_attribute id = otel_attribute("sensor.id", otel_text(sensor->sensor_id));
    otel_observe_number(out, instruments->temperature, sensor->stats.latest, &id, 1);
    otel_observe(out, instruments->last_reading, sensor->stats.last.seconds, &id, 1);
}

static void observe_sensors(struct collector_telemetry *telemetry, struct otel_observations *out) {
    CLEANUP(mem_freep)
    struct store_sensor *sensors =
        mem_new_array(struct store_sensor, COLLECTOR_MAX_MEASURED_SENSORS);
    const struct store_filter filter = {
        .pattern = bytes_str(telemetry->sensors ? telemetry->sensors : "*"),
        .allowed = bytes_str("*"),
    };
    struct store_page page = {.sensors = sensors, .max = COLLECTOR_MAX_MEASURED_SENSORS};
    if (!sensors || store_list(telemetry->options.store, &filter, &page))
        return;
    for (size_t i = 0; i < page.n; i++)
        observe_sensor(&telemetry->instruments, &sensors[i], out);
}

static void observe(void *user, struct otel_observations *out) {
    observe_figures(user, out);
    observe_sensors(user, out);
}

/* ---- its life ---- */

static int make_measured(struct collector_telemetry *telemetry) {
    struct instruments *all = &telemetry->instruments;
    const struct otel_instrument_row rows[] = {
        {&all->readings,
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "sensor.readings", "{reading}",
                                "Readings that were acknowledged, by whether they were new.")},
        {&all->refused, OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "sensor.readings.refused", "{reading}",
                                               "Readings that were refused, by reason.")},
        {&all->commit_duration,
         OTEL_MEASURES_BUCKETS("store.commit.duration", "s",
                               "Time that a commit takes until its readings are kept.",
                               commit_bounds)},
        {&all->commit_readings, OTEL_MEASURES_BUCKETS("store.commit.readings", "{reading}",
                                                      "Readings of a commit.", readings_bounds)},
    };
    return otel_instruments_new(telemetry->options.meter, rows, ARRAY_LEN(rows));
}

static int make_observed(struct collector_telemetry *telemetry) {
    struct instruments *all = &telemetry->instruments;
    const struct otel_instrument_row rows[] = {
        {&all->sensors,
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.sensors", "{sensor}", "Sensors.")},
        {&all->kept, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.readings", "{reading}",
                                            "Readings kept.")},
        {&all->batches,
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.batches.waiting", "{batch}",
                                "Batches of readings that wait for the writer.")},
        {&all->memory, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.memory.usage", "By",
                                              "Memory that the store uses for readings.")},
        {&all->memory_limit, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.memory.limit",
                                                    "By", "What it may use.")},
        {&all->is_accepting,
         OTEL_MEASURES_INTEGERS(OTEL_GAUGE, "store.accepting", "1",
                                "1 while the store takes readings, 0 once it has failed.")},
        {&all->disk, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.disk.usage", "By",
                                            "Bytes on disk, by file.")},
        {&all->disk_size, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.disk.size", "By",
                                                 "Size of the disk of the data.")},
        {&all->disk_free, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.disk.free", "By",
                                                 "Space left on the disk of the data.")},
        {&all->journal_limit, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.journal.limit",
                                                     "By", "What the journal may grow to.")},
        {&all->chunks, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.chunks", "{chunk}",
                                              "Chunks that are sealed.")},
        {&all->open, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.chunks.open.memory", "By",
                                            "Memory of chunks that are open.")},
        {&all->waiting, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "store.sealings.waiting",
                                               "{chunk}", "Chunks that wait to be sealed.")},
        {&all->last_sync, OTEL_MEASURES_NUMBERS(OTEL_GAUGE, "store.sync.last_duration", "s",
                                                "What the last sync took.")},
        {&all->temperature, OTEL_MEASURES_NUMBERS(OTEL_GAUGE, "sensor.temperature", "Cel",
                                                  "The latest temperature, by time.")},
        {&all->last_reading,
         OTEL_MEASURES_INTEGERS(OTEL_GAUGE, "sensor.last_reading.time", "s",
                                "When the latest reading was taken, since 1970.")},
    };
    return otel_instruments_new(telemetry->options.meter, rows, ARRAY_LEN(rows));
}

/* Of a counter. It is there before it counts: a rate sees a rise only from a zero that it saw. */
static struct otel_series *series_from_zero(struct otel_instrument *counter, const char *key,
                                            const char *value) {
    const struct otel_attribute attribute = otel_attribute(key, otel_str(value));
    struct otel_series *series = otel_series_of(counter, &attribute, 1);
    otel_series_add(series, 0);
    return series;
}

static void bind_series(struct collector_telemetry *telemetry) {
    const struct instruments *all = &telemetry->instruments;
    telemetry->accepted = series_from_zero(all->readings, "sensor.readings.outcome", "new");
    telemetry->duplicates = series_from_zero(all->readings, "sensor.readings.outcome", "duplicate");
    for (size_t i = 0; i < TELEMETRY_N_REFUSALS; i++)
        telemetry->refused[i] = series_from_zero(all->refused, "error.type", refusal_names[i]);
    telemetry->commit_duration = otel_series_of(all->commit_duration, NULL, 0);
    telemetry->commit_readings = otel_series_of(all->commit_readings, NULL, 0);
}

static int copy_text(const char *text, char **copy) {
    *copy = text ? mem_copy_text(text, strlen(text)) : NULL;
    return text && !*copy ? -ENOMEM : 0;
}

static void telemetry_freep(struct collector_telemetry **telemetry) {
    collector_telemetry_free(*telemetry);
}

int collector_telemetry_new(const struct collector_telemetry_options *options,
                            struct collector_telemetry **out) {
    CLEANUP(telemetry_freep)
    struct collector_telemetry *telemetry = mem_new(struct collector_telemetry);
    if (!telemetry)
        return -ENOMEM;
    telemetry->options = *options;
    int r = copy_text(options->directory, &telemetry->directory);
    if (r == 0)
        r = copy_text(options->sensors, &telemetry->sensors);
    if (r == 0)
        r = make_measured(telemetry);
    if (r == 0)
        r = make_observed(telemetry);
    if (r == 0)
        r = otel_meter_observe(options->meter, observe, telemetry);
    if (r)
        return err_trace(r);
    bind_series(telemetry);
    store_observe(options->store, &(struct store_observer){
                                      .user = telemetry,
                                      .commit_started = on_commit_started,
                                      .commit_ended = on_commit_ended,
                                  });
    *out = STEAL(telemetry);
    return 0;
}

void collector_telemetry_free(struct collector_telemetry *telemetry) {
    if (!telemetry)
        return;
    otel_meter_forget(telemetry->options.meter, observe, telemetry);
    mem_free(telemetry->directory);
    mem_free(telemetry->sensors);
    mem_free(telemetry);
}
