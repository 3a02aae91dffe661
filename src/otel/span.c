/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How spans are recorded: start decides whether (sampler.h), and if so takes a record from the
 * thread's shard (recorder.h); all that follows is copied into the record's memory, or written
 * there as the bytes that will be sent where the exporter has an encoder (written.h); end queues
 * it.
 *
 * What this costs is counted in nanoseconds, so: a span that is not recorded takes a few random
 * bits and no memory, and the clock is read twice for one that is. Those that are dropped have ways
 * of their own, which do nothing that only a record needs.
 */
#include "otel/span.h"

#include <assert.h>

#include "base/clock.h"
#include "otel/attributes.h"
#include "otel/scopes.h"
#include "otel/span_record.h"
#include "otel/written.h"

enum {
    ROOM = 1536, /* for all that the span of a call has: nine attributes, three events and a link */
};
static_assert((size_t)WRITTEN_ROOM <= ROOM, "what is written has its places");

/* ---- limits ---- */

static const struct recorder_limits *limits_of(const struct span_record *span) {
    return &span->record.recorder->limits[RECORD_SPAN];
}

static bool is_encoded(const struct span_record *span) {
    return span->record.recorder->encoders[RECORD_SPAN];
}

/* Replaces a text in the place it has, or in a new one, twice as large as needed from the second
 * on, so that a text that is replaced for ever takes no memory for ever. Without room it stays. */
static void replace_text(struct span_record *span, struct bytes text, struct bytes *kept,
                         size_t *cap) {
    uint8_t *place = (uint8_t *)(uintptr_t)kept->data;
    if (text.len > *cap) {
        size_t wanted = *cap ? 2 * text.len : text.len;
        place = record_alloc(&span->record, wanted);
        if (!place)
            return;
        *cap = wanted;
    }
    if (text.len)
        memcpy(place, text.data, text.len);
    *kept = bytes_of(place, text.len);
}

static void set(struct span_record *span, struct bytes key, const struct otel_value *value) {
    struct otel_span_data *data = &span->data;
    const struct attribute_limits *limits = &limits_of(span)->attributes;
    if (is_encoded(span))
        written_set(&span->record, data, limits, key, value);
    else
        attributes_set(&span->record, &data->attributes, limits, key, value);
}

static void set_prepared(struct span_record *span, const struct otel_prepared *prepared) {
    if (!prepared)
        return;
    const struct attribute_set *attributes = prepared->set;
    if (written_set_prepared(&span->record, &span->data, limits_of(span)->attributes.n, prepared))
        return;
    for (size_t i = 0; i < attributes->n; i++)
        set(span, attributes->attributes[i].key, &attributes->attributes[i].value);
}

/* ---- start ---- */

/* Ids as words in memory's order: what has just been written as words is read as words, for a
 * processor that is to read it in one larger piece waits until all of it is in its cache. */
struct ids {
    uint64_t trace[2], span;
};

/* `parent`: NULL of a root. */
static inline void make_ids(struct id_source *source, const struct otel_span_context *parent,
                            struct ids *ids) {
    ids->span = id_source_next(source);
    if (parent) {
        memcpy(&ids->trace[0], parent->trace_id.bytes, 8);
        memcpy(&ids->trace[1], parent->trace_id.bytes + 8, 8);
        return;
    }
    ids->trace[0] = id_source_next(source);
    ids->trace[1] = id_source_next(source);
}

/* A thread without a shard still hands out ids. */
static void make_ids_without_shard(const struct otel_span_context *parent, struct ids *ids) {
    struct id_source source;
    if (id_source_init(&source))
        source = (struct id_source){clock_wall_ns(), (uintptr_t)&source};
    make_ids(&source, parent, ids);
}

static void set_trace_id(struct otel_trace_id *id, const struct ids *ids) {
    memcpy(id->bytes, &ids->trace[0], 8);
    memcpy(id->bytes + 8, &ids->trace[1], 8);
}

static void set_context(struct otel_span_context *context, const struct ids *ids, uint8_t flags,
                        struct bytes trace_state) {
    set_trace_id(&context->trace_id, ids);
    memcpy(context->span_id.bytes, &ids->span, 8);
    context->flags = flags;
    context->is_remote = false;
    context->trace_state = trace_state;
}

/* NULL: a span with this parent is a root. */
static inline const struct otel_span_context *valid(const struct otel_context *parent) {
    return otel_span_context_is_valid(&parent->span) ? &parent->span : NULL;
}

static uint8_t flags_below(const struct otel_span_context *parent) {
    return parent ? parent->flags & OTEL_FLAG_RANDOM : OTEL_FLAG_RANDOM;
}

static enum record_origin origin_of(const struct otel_span_context *parent) {
    if (!parent)
        return ORIGIN_NONE;
    return parent->is_remote ? ORIGIN_REMOTE : ORIGIN_LOCAL;
}

/* One by one: to zero the whole of it as one takes longer than all else at a start but the clock.
 */
static void empty(struct span_record *span) {
    struct otel_span_data *data = &span->data;
    span->name_cap = span->status_cap = 0;
    data->name = data->status_text = (struct bytes){0};
    data->end_ns = 0;
    data->attributes = (struct otel_kept_attributes){0};
    data->first_event = data->last_event = NULL;
    data->n_events = data->n_dropped_events = 0;
    data->first_link = data->last_link = NULL;
    data->n_links = data->n_dropped_links = 0;
    data->status = OTEL_STATUS_UNSET;
}

static void fill(struct span_record *span, const struct otel_span_options *options) {
    struct otel_span_data *data = &span->data;
    data->kind = options->kind ? options->kind : OTEL_KIND_INTERNAL;
    data->start_ns = options->start_ns ? options->start_ns : clock_wall_ns();
    replace_text(span, options->name, &data->name, &span->name_cap);
    for (size_t i = 0; i < options->n_prepared; i++)
        set_prepared(span, options->prepared[i]);
    for (size_t i = 0; i < options->n_attributes; i++)
        set(span, options->attributes[i].key, &options->attributes[i].value);
}

/* `parent`: NULL of a root. */
static void set_place(struct span_record *span, const struct ids *ids, uint8_t flags,
                      const struct otel_span_context *parent) {
    struct otel_span_data *data = &span->data;
    struct bytes trace_state = {0};
    data->parent = parent ? parent->span_id : (struct otel_span_id){{0}};
    data->has_remote_parent = parent && parent->is_remote;
    if (parent && !record_copy(&span->record, parent->trace_state, &trace_state))
        trace_state = (struct bytes){0};
    set_context(&data->context, ids, flags, trace_state);
}

static struct span_record *span_record_new(struct otel_tracer *tracer,
                                           struct recorder_shard *shard) {
    struct recorder *recorder = tracer->scoped.recorder;
    struct span_record *span = record_new(recorder, shard, sizeof(*span), ROOM);
    if (!span) {
        recorder_count(recorder, shard, COUNT_NO_ROOM + RECORD_SPAN);
        recorder_count(recorder, shard, COUNT_ENDED); /* it never lives */
        return NULL;
    }
    empty(span);
    if (is_encoded(span))
        written_open(&span->record, &span->data);
    else
        span->data.written_attributes = span->data.written_events = span->data.written_links =
            (struct buf){0};
    span->data.scope = &tracer->scoped.scope;
    return span;
}

/* What is known of a span before it is decided whether it is recorded. */
struct beginning {
    struct recorder_shard *shard; /* NULL: this thread gets none */
    const struct otel_context *parent;
    const struct otel_span_context *of; /* the parent's; NULL: it is not valid, this is a root */
    struct ids ids;
};

/* Last, for the parent may be what was in this very span. */
static inline void set_span(struct otel_span *span, const struct beginning *beginning,
                            uint8_t flags, struct span_record *record) {
    const struct otel_span_context *of = beginning->of;
    struct bytes trace_state = of ? of->trace_state : (struct bytes){0};
    span->context.baggage = beginning->parent->baggage;
    set_context(&span->context.span, &beginning->ids, flags, trace_state);
    span->record = record;
}

static inline void start_dropped(struct recorder *recorder, const struct beginning *beginning,
                                 struct otel_span *span) {
    recorder_count(recorder, beginning->shard, COUNT_STARTED + origin_of(beginning->of));
    set_span(span, beginning, flags_below(beginning->of), NULL);
}

static void start_sampled(struct otel_tracer *tracer, const struct otel_span_options *options,
                          const struct beginning *beginning, struct otel_span *span) {
    struct recorder *recorder = tracer->scoped.recorder;
    struct recorder_shard *shard = beginning->shard;
    const struct otel_span_context *of = beginning->of;
    uint8_t flags = flags_below(of) | OTEL_FLAG_SAMPLED;
    struct span_record *recorded = span_record_new(tracer, shard);
    recorder_count(recorder, shard, COUNT_STARTED + RECORD_ORIGINS + origin_of(of));
    if (recorded) {
        set_place(recorded, &beginning->ids, flags, of);
        fill(recorded, options);
    }
    set_span(span, beginning, flags, recorded);
    for (size_t i = 0; i < options->n_links; i++)
        otel_span_link(span, &options->links[i]);
}

/* `parent`: NULL of a root. `low`: of the trace id. */
static inline bool is_dropped(const struct recorder *recorder,
                              const struct otel_span_context *parent, uint64_t low) {
    return otel_sampler_decide(&recorder->sampler, parent, low) == OTEL_DROP;
}

static bool is_asked_for(const struct recorder *recorder, const struct otel_span_options *options,
                         const struct beginning *beginning) {
    struct otel_sampling sampling = {.parent = beginning->parent, .options = options};
    set_trace_id(&sampling.trace_id, &beginning->ids);
    return otel_sampler_is_sampled(&recorder->sampler, &sampling);
}

/* Whoever is asked may use other SDKs, so many that this thread loses its shard (shards.c). */
static bool is_wanted(struct recorder *recorder, const struct otel_span_options *options,
                      struct beginning *beginning) {
    if (recorder->sampler.kind != OTEL_SAMPLED_BY)
        return true;
    bool is_sampled = is_asked_for(recorder, options, beginning);
    beginning->shard = recorder_mine(recorder);
    return is_sampled;
}

/* Of a span that may be recorded. Not inline: those that are not need few registers. */
__attribute__((noinline)) static void start_described(struct otel_tracer *tracer,
                                                      const struct otel_span_options *options,
                                                      struct beginning *beginning,
                                                      struct otel_span *span) {
    struct recorder *recorder = tracer->scoped.recorder;
    struct otel_span_options described;
    if (options->description) {
        described = *options;
        options->description->say(options->description, &described);
        options = &described;
        beginning->shard = recorder_mine(recorder);
    }
    if (is_wanted(recorder, options, beginning))
        start_sampled(tracer, options, beginning, span);
    else
        start_dropped(recorder, beginning, span);
}

/* What the two ways below leave: a child that is sampled, and threads that have no shard yet, or
 * get none. */
__attribute__((noinline)) static void start_in_full(struct otel_tracer *tracer,
                                                    const struct otel_span_options *options,
                                                    const struct otel_context *parent,
                                                    struct otel_span *span) {
    struct recorder *recorder = tracer->scoped.recorder;
    struct beginning beginning = {recorder_mine(recorder), parent, valid(parent), {{0}, 0}};
    if (beginning.shard)
        make_ids(&beginning.shard->ids, beginning.of, &beginning.ids);
    else
        make_ids_without_shard(beginning.of, &beginning.ids);
    if (is_dropped(recorder, beginning.of, beginning.ids.trace[1]))
        start_dropped(recorder, &beginning, span);
    else
        start_described(tracer, options, &beginning, span);
}

/* Its trace id is known, so nothing has to be made up to decide that it is dropped. */
static inline bool is_dropped_child(const struct recorder *recorder,
                                    const struct otel_span_context *parent) {
    uint64_t low;
    memcpy(&low, parent->trace_id.bytes + 8, sizeof(low));
    return is_dropped(recorder, parent, low);
}

/* Word by word, as the parent may be what was in this very span. */
static inline void drop_child(struct recorder *recorder, struct recorder_shard *shard,
                              const struct otel_context *parent, struct otel_span *span) {
    struct otel_span_context *context = &span->context.span;
    uint64_t id = id_source_next(&shard->ids);
    recorder_count(recorder, shard, COUNT_STARTED + origin_of(&parent->span));
    memcpy(context->trace_id.bytes, parent->span.trace_id.bytes, 8);
    memcpy(context->trace_id.bytes + 8, parent->span.trace_id.bytes + 8, 8);
    memcpy(context->span_id.bytes, &id, 8);
    context->flags = flags_below(&parent->span);
    context->is_remote = false;
    context->trace_state.data = parent->span.trace_state.data;
    context->trace_state.len = parent->span.trace_state.len;
    span->context.baggage = parent->baggage;
    span->record = NULL;
}

/* Not inline, so that a child saves no registers for it. */
__attribute__((noinline)) static void start_root(struct otel_tracer *tracer,
                                                 const struct otel_span_options *options,
                                                 const struct otel_context *parent,
                                                 struct recorder_shard *shard,
                                                 struct otel_span *span) {
    struct recorder *recorder = tracer->scoped.recorder;
    struct ids ids;
    make_ids(&shard->ids, NULL, &ids);
    const struct beginning beginning = {shard, parent, NULL, ids};
    if (is_dropped(recorder, NULL, ids.trace[1])) {
        start_dropped(recorder, &beginning, span);
        return;
    }
    struct beginning kept = beginning; /* so that the other one stays in registers */
    start_described(tracer, options, &kept, span);
}

void otel_span_start_traced(struct otel_tracer *tracer, const struct otel_span_options *options,
                            struct otel_span *span) {
    const struct otel_context *parent = options->parent ? options->parent : otel_context_current();
    struct recorder *recorder = tracer->scoped.recorder;
    struct recorder_shard *shard = shards_at_hand(&recorder->shards);
    const struct otel_span_context *of = valid(parent);
    if (!shard || (of && !is_dropped_child(recorder, of)))
        start_in_full(tracer, options, parent, span);
    else if (of)
        drop_child(recorder, shard, parent, span);
    else
        start_root(tracer, options, parent, shard, span);
}

/* ---- while it runs ---- */

void otel_span_set_recorded(struct otel_span *span, struct bytes key,
                            const struct otel_value *value) {
    set(span->record, key, value);
}

void otel_span_rename(struct otel_span *span, struct bytes name) {
    if (span->record)
        replace_text(span->record, name, &span->record->data.name, &span->record->name_cap);
}

/* They are written as they are; what the limits change is copied to `kept`, and written from there.
 */
static struct otel_lent lend(struct span_record *span, const struct attribute_limits *limits,
                             const struct otel_attribute *attributes, size_t n,
                             struct otel_kept_attributes *kept) {
    if (attributes_fit(limits, attributes, n))
        return (struct otel_lent){attributes, n};
    attributes_set_all(&span->record, kept, limits, attributes, n);
    return (struct otel_lent){0};
}

static bool write_event(struct span_record *span, struct otel_event *said,
                        const struct otel_attribute *attributes, size_t n) {
    const struct attribute_limits *limits = &limits_of(span)->of_events;
    struct otel_lent lent = lend(span, limits, attributes, n, &said->attributes);
    return written_event(&span->record, &span->data.written_events, said, lent);
}

static bool keep_event(struct span_record *span, const struct otel_event *said,
                       const struct otel_attribute *attributes, size_t n) {
    struct otel_span_data *data = &span->data;
    struct otel_event *event = record_alloc(&span->record, sizeof(*event));
    if (!event)
        return false;
    *event = *said;
    if (!record_copy(&span->record, said->name, &event->name))
        return false;
    attributes_set_all(&span->record, &event->attributes, &limits_of(span)->of_events, attributes,
                       n);
    if (data->last_event)
        data->last_event->next = event;
    else
        data->first_event = event;
    data->last_event = event;
    return true;
}

static bool add_event(struct span_record *span, struct otel_event *said,
                      const struct otel_attribute *attributes, size_t n) {
    if (span->data.n_events >= limits_of(span)->n_events)
        return false;
    return is_encoded(span) ? write_event(span, said, attributes, n)
                            : keep_event(span, said, attributes, n);
}

void otel_span_event(struct otel_span *span, const char *name, uint64_t time_ns,
                     const struct otel_attribute *attributes, size_t n_attributes) {
    struct span_record *recorded = span->record;
    if (!recorded)
        return;
    struct otel_event said = {.name = bytes_str(name),
                              .time_ns = time_ns ? time_ns : clock_wall_ns()};
    if (add_event(recorded, &said, attributes, n_attributes))
        recorded->data.n_events++;
    else
        recorded->data.n_dropped_events++;
}

static bool says_something(const struct otel_link_to *link) {
    return otel_span_context_is_valid(&link->context) || link->n_attributes ||
           link->context.trace_state.len;
}

static bool write_link(struct span_record *span, struct otel_link *said,
                       const struct otel_attribute *attributes, size_t n) {
    const struct attribute_limits *limits = &limits_of(span)->of_links;
    struct otel_lent lent = lend(span, limits, attributes, n, &said->attributes);
    return written_link(&span->record, &span->data.written_links, said, lent);
}

static bool keep_link(struct span_record *span, const struct otel_link *said,
                      const struct otel_attribute *attributes, size_t n) {
    struct otel_span_data *data = &span->data;
    struct otel_link *link = record_alloc(&span->record, sizeof(*link));
    if (!link)
        return false;
    *link = *said;
    if (!record_copy(&span->record, said->context.trace_state, &link->context.trace_state))
        return false;
    attributes_set_all(&span->record, &link->attributes, &limits_of(span)->of_links, attributes, n);
    if (data->last_link)
        data->last_link->next = link;
    else
        data->first_link = link;
    data->last_link = link;
    return true;
}

static bool add_link(struct span_record *span, struct otel_link *said,
                     const struct otel_attribute *attributes, size_t n) {
    if (span->data.n_links >= limits_of(span)->n_links)
        return false;
    return is_encoded(span) ? write_link(span, said, attributes, n)
                            : keep_link(span, said, attributes, n);
}

void otel_span_link(struct otel_span *span, const struct otel_link_to *to) {
    struct span_record *recorded = span->record;
    if (!recorded || !says_something(to))
        return;
    struct otel_link said = {.context = to->context};
    if (add_link(recorded, &said, to->attributes, to->n_attributes))
        recorded->data.n_links++;
    else
        recorded->data.n_dropped_links++;
}

void otel_span_status(struct otel_span *span, enum otel_status status, struct bytes text) {
    struct span_record *recorded = span->record;
    if (!recorded || status == OTEL_STATUS_UNSET || recorded->data.status == OTEL_STATUS_OK)
        return;
    recorded->data.status = status;
    if (status != OTEL_STATUS_ERROR)
        text.len = 0;
    replace_text(recorded, text, &recorded->data.status_text, &recorded->status_cap);
}

/* ---- end ---- */

/* The wall clock may be set back meanwhile; no span ends before it starts. */
static uint64_t end_after(uint64_t start_ns, uint64_t end_ns) {
    if (end_ns == 0)
        end_ns = clock_wall_ns();
    return end_ns > start_ns ? end_ns : start_ns;
}

void otel_span_end_recorded(struct otel_span *span, uint64_t end_ns) {
    struct span_record *recorded = span->record;
    struct recorder *recorder = recorded->record.recorder;
    span->record = NULL;
    recorded->data.end_ns = end_after(recorded->data.start_ns, end_ns);
    struct recorder_shard *shard = recorder_mine(recorder);
    recorder_count(recorder, shard, COUNT_ENDED);
    recorder_queue(shard, RECORD_SPAN, &recorded->record);
}
