/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page is a list of families: all samples of one name, under one line that says their type. Two
 * metrics of different scopes may have one name, and two names may become one, so the families are
 * sorted by name before anything is written, and what would make the page invalid is left out and
 * told (struct prometheus_clashes): another type under the same name, a second metric of the same
 * scope, a name that a histogram's or a counter's samples have already, and a point whose labels
 * another point has (`1` as a number and as a text).
 *
 * Samples carry no time: it is that of the scrape. Numbers are written alike in both formats (`le`
 * too), so that a series stays itself when the scraper changes its format.
 */
#include "otlp/prometheus.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/table.h"
#include "otlp/prometheus_labels.h"
#include "otlp/prometheus_names.h"

struct family_member {
    struct prometheus_name name;
    const struct otel_metric *metric;
    const struct otel_scope *scope;
    size_t place; /* in the order of scopes and their metrics: the first of a name counts */
    bool is_left_out;
};

struct page {
    enum prometheus_format format;
    struct prometheus_text text;
    struct family_member *members; /* by name, then by place */
    size_t n_members;
    struct buf labels;  /* of the point at hand */
    struct arena arena; /* labels of the metric at hand: no more than the page takes */
    struct prometheus_clashes *clashes;
};

const char *prometheus_content_type(enum prometheus_format format) {
    return format == PROMETHEUS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* A sum that may fall is a gauge to Prometheus. */
static enum otel_instrument_kind type_of(const struct family_member *member) {
    enum otel_instrument_kind kind = member->metric->kind;
    return kind == OTEL_UP_DOWN_COUNTER ? OTEL_GAUGE : kind;
}

static const char *type_name(const struct family_member *member) {
    static const char *const names[] = {
        [OTEL_COUNTER] = "counter", [OTEL_HISTOGRAM] = "histogram", [OTEL_GAUGE] = "gauge"};
    return names[type_of(member)];
}

/* ---- which metrics are on it ---- */

static void tell_clash(struct page *page, const struct otel_metric *metric, const char *reason) {
    struct prometheus_clashes *clashes = page->clashes;
    if (clashes->n++ == 0)
        err_say(&clashes->first, "%s: %s", metric->name, reason);
}

static void leave_out(struct page *page, struct family_member *member, const char *reason) {
    member->is_left_out = true;
    tell_clash(page, member->metric, reason);
}

static int member_compare(const void *a, const void *b) {
    const struct family_member *x = a, *y = b;
    int order = strcmp(x->name.family, y->name.family);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static bool is_same_scope(const struct otel_scope *a, const struct otel_scope *b) {
    return bytes_equal(a->name, b->name) && bytes_equal(a->version, b->version);
}

static const struct family_member *find_family(const struct page *page, const char *name,
                                               size_t len) {
    size_t from = 0, to = page->n_members;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const char *other = page->members[middle].name.family;
        int order = strncmp(other, name, len);
        if (order == 0 && other[len] == '\0')
            return &page->members[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* `x_count` beside the histogram `x`, `x_total` beside the counter. */
static bool is_sample_of_another(const struct page *page, const struct family_member *member) {
    static const struct {
        const char *suffix;
        enum otel_instrument_kind type;
    } samples[] = {
        {"_total", OTEL_COUNTER},     {"_created", OTEL_COUNTER}, {"_bucket", OTEL_HISTOGRAM},
        {"_created", OTEL_HISTOGRAM}, {"_count", OTEL_HISTOGRAM}, {"_sum", OTEL_HISTOGRAM},
    };
    const char *name = member->name.family;
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        size_t suffix = strlen(samples[i].suffix);
        if (len <= suffix || strcmp(name + len - suffix, samples[i].suffix) != 0)
            continue;
        const struct family_member *other = find_family(page, name, len - suffix);
        if (other && type_of(other) == samples[i].type)
            return true;
    }
    return false;
}

/* `first` is the one whose name and type count; `member` comes after it in the same family. */
static const char *clash_in_family(const struct family_member *first,
                                   const struct family_member *member) {
    if (type_of(first) != type_of(member))
        return "its Prometheus name is that of a metric of another type";
    for (; first < member; first++)
        if (!first->is_left_out && is_same_scope(first->scope, member->scope))
            return "its Prometheus name is that of another metric";
    return NULL;
}

static void leave_clashes_out(struct page *page) {
    struct family_member *first = page->members;
    for (size_t i = 0; i < page->n_members; i++) {
        struct family_member *member = &page->members[i];
        const char *family = member->name.family, *reason = NULL;
        if (strcmp(family, first->name.family) != 0)
            first = member;
        if (strcmp(family, "target") == 0 || strcmp(family, "target_info") == 0)
            reason = "its Prometheus name is that of the target's own metric";
        else if (is_sample_of_another(page, member))
            reason = "its Prometheus name is that of another metric's samples";
        else if (member != first)
            reason = clash_in_family(first, member);
        if (reason)
            leave_out(page, member, reason);
    }
}

static void gather_scope(struct page *page, const struct otel_scope_metrics *scope) {
    for (size_t i = 0; i < scope->n_metrics; i++) {
        const struct otel_metric *metric = &scope->metrics[i];
        struct family_member *member = &page->members[page->n_members];
        *member = (struct family_member){
            .metric = metric, .scope = scope->scope, .place = page->n_members};
        if (prometheus_name_make(metric->name, metric->unit, metric->kind, &member->name))
            leave_out(page, member, "its name is none that Prometheus allows");
        else
            page->n_members++;
    }
}

/* 0 or -ENOMEM. */
static int gather(struct page *page, const struct otel_metrics *metrics) {
    size_t n = 0;
    for (size_t i = 0; i < metrics->n_scopes; i++)
        n += metrics->scopes[i].n_metrics;
    page->members = mem_new_array(struct family_member, n);
    if (!page->members)
        return -ENOMEM;
    for (size_t i = 0; i < metrics->n_scopes; i++)
        gather_scope(page, &metrics->scopes[i]);
    qsort(page->members, page->n_members, sizeof(*page->members), member_compare);
    leave_clashes_out(page);
    return 0;
}

/* ---- lines ---- */

static void put_all(struct page *page, const char *const *pieces, size_t n) {
    for (size_t i = 0; i < n; i++)
        prometheus_put_str(&page->text, pieces[i]);
}

#define PUT(page, ...)                                \
    put_all(page, (const char *const[]){__VA_ARGS__}, \
            ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void put_help(struct page *page, const char *family, const char *suffix,
                     const char *description) {
    if (!*description)
        return;
    PUT(page, "# HELP ", family, suffix, " ");
    prometheus_put_escaped(&page->text, bytes_str(description),
                           page->format == PROMETHEUS_OPENMETRICS ? "\"" : "");
    PUT(page, "\n");
}

/* The older format has no families: a counter's lines name its samples. */
static void put_metadata(struct page *page, const struct family_member *member) {
    bool is_text = page->format == PROMETHEUS_TEXT;
    const char *family = member->name.family, *unit = member->name.unit;
    const char *suffix = is_text && member->metric->kind == OTEL_COUNTER ? "_total" : "";
    put_help(page, family, suffix, member->metric->description);
    PUT(page, "# TYPE ", family, suffix, " ", type_name(member), "\n");
    if (!is_text && *unit)
        PUT(page, "# UNIT ", family, " ", unit, "\n");
}

/* Name and labels of a sample, up to the value. `le` is NULL but for a bucket. */
static void put_series(struct page *page, const struct family_member *member, const char *suffix,
                       const double *le) {
    struct bytes labels = buf_bytes(&page->labels);
    PUT(page, member->name.family, suffix, "{");
    prometheus_put(&page->text, labels);
    if (le) {
        PUT(page, labels.len ? ",le=\"" : "le=\"");
        prometheus_put_number(&page->text, *le);
        PUT(page, "\"");
    }
    PUT(page, "} ");
}

static bool has_trace(const struct otel_exemplar *exemplar) {
    static const struct otel_trace_id none;
    return memcmp(&exemplar->trace_id, &none, sizeof(none)) != 0;
}

static void put_exemplar(struct page *page, const struct otel_exemplar *exemplar) {
    char trace_id[33], span_id[17];
    otel_trace_id_format(&exemplar->trace_id, trace_id);
    otel_span_id_format(&exemplar->span_id, span_id);
    if (has_trace(exemplar))
        PUT(page, " # {trace_id=\"", trace_id, "\",span_id=\"", span_id, "\"} ");
    else
        PUT(page, " # {} ");
    prometheus_put_number(&page->text, exemplar->value);
    PUT(page, " ");
    prometheus_put_time(&page->text, exemplar->time_ns);
}

static void end_sample(struct page *page, const struct otel_exemplar *exemplar) {
    if (exemplar && page->format == PROMETHEUS_OPENMETRICS)
        put_exemplar(page, exemplar);
    PUT(page, "\n");
}

static void put_created(struct page *page, const struct family_member *member,
                        const struct otel_point *point) {
    if (page->format != PROMETHEUS_OPENMETRICS || point->start_ns == 0)
        return;
    put_series(page, member, "_created", NULL);
    prometheus_put_time(&page->text, point->start_ns);
    end_sample(page, NULL);
}

/* ---- samples ---- */

static void put_scalar(struct page *page, const struct family_member *member,
                       const struct otel_point *point) {
    const struct otel_exemplar *newest = NULL;
    bool is_counter = member->metric->kind == OTEL_COUNTER;
    for (size_t i = 0; is_counter && i < point->n_exemplars; i++)
        if (!newest || point->exemplars[i].time_ns >= newest->time_ns)
            newest = &point->exemplars[i];
    put_series(page, member, is_counter ? "_total" : "", NULL);
    if (member->metric->is_integer)
        prometheus_put_integer(&page->text, point->integer);
    else
        prometheus_put_number(&page->text, point->number);
    end_sample(page, newest);
    if (is_counter)
        put_created(page, member, point);
}

/* The largest one in (`above`, `up_to`]. */
static const struct otel_exemplar *exemplar_between(const struct otel_point *point, double above,
                                                    double up_to) {
    const struct otel_exemplar *largest = NULL;
    for (size_t i = 0; i < point->n_exemplars; i++) {
        const struct otel_exemplar *exemplar = &point->exemplars[i];
        if (exemplar->value > above && exemplar->value <= up_to &&
            (!largest || exemplar->value > largest->value))
            largest = exemplar;
    }
    return largest;
}

static void put_buckets(struct page *page, const struct family_member *member,
                        const struct otel_point *point) {
    const struct otel_histogram_data *data = &point->histogram;
    double above = -(double)INFINITY;
    uint64_t n = 0;
    for (size_t i = 0; i <= data->n_bounds; i++) {
        double le = i < data->n_bounds ? data->bounds[i] : (double)INFINITY;
        n += data->counts[i];
        put_series(page, member, "_bucket", &le);
        prometheus_put_unsigned(&page->text, n);
        end_sample(page, exemplar_between(point, above, le));
        above = le;
    }
}

/*
 * A sum of values below zero may fall, which Prometheus would take for a restart, so there is none;
 * OpenMetrics has no count then either (section 5.1.3, "If and only if a Sum Value is present").
 */
static void put_histogram(struct page *page, const struct family_member *member,
                          const struct otel_point *point) {
    const struct otel_histogram_data *data = &point->histogram;
    bool has_sum = data->count == 0 || data->min >= 0;
    put_buckets(page, member, point);
    if (has_sum || page->format == PROMETHEUS_TEXT) {
        put_series(page, member, "_count", NULL);
        prometheus_put_unsigned(&page->text, data->count);
        end_sample(page, NULL);
    }
    if (has_sum) {
        put_series(page, member, "_sum", NULL);
        prometheus_put_number(&page->text, data->sum);
        end_sample(page, NULL);
    }
    put_created(page, member, point);
}

/* The labels of all samples of a point, written once. 0 or a negated errno. */
static int take_labels(struct page *page, const struct otel_scope *scope,
                       const struct otel_point *point) {
    struct prometheus_text labels = {.out = &page->labels};
    buf_reset(&page->labels);
    int r = prometheus_put_labels(&labels, point->attributes, point->n_attributes);
    prometheus_put_str(&labels, point->n_attributes ? ",otel_scope_name=\"" : "otel_scope_name=\"");
    prometheus_put_escaped(&labels, scope->name, "\"");
    prometheus_put_str(&labels, "\",otel_scope_version=\"");
    prometheus_put_escaped(&labels, scope->version, "\"");
    prometheus_put_str(&labels, "\"");
    return r ? r : labels.r;
}

static struct bytes labels_of(const void *object) {
    return *(const struct bytes *)object;
}

/* Whether an earlier point of the metric had the labels at hand; from now on one has. */
static bool is_repeated(struct page *page, struct table *seen) {
    struct bytes labels = buf_bytes(&page->labels);
    if (table_find(seen, labels))
        return true;
    struct bytes *copy = arena_alloc(&page->arena, sizeof(*copy));
    if (!copy || arena_copy(&page->arena, labels, copy) || table_add(seen, copy))
        page->text.r = -ENOMEM;
    return false;
}

static void put_points(struct page *page, const struct family_member *member, struct table *seen) {
    const struct otel_metric *metric = member->metric;
    for (size_t i = 0; i < metric->n_points && page->text.r == 0; i++) {
        const struct otel_point *point = &metric->points[i];
        page->text.r = take_labels(page, member->scope, point);
        if (metric->n_points > 1 && page->text.r == 0 && is_repeated(page, seen))
            tell_clash(page, metric, "two of its series have the same labels");
        else if (metric->kind == OTEL_HISTOGRAM)
            put_histogram(page, member, point);
        else
            put_scalar(page, member, point);
    }
}

static void put_member(struct page *page, const struct family_member *member) {
    CLEANUP(table_fini) struct table seen;
    int r = table_init(&seen, labels_of);
    if (page->text.r == 0)
        page->text.r = r;
    put_points(page, member, &seen);
    arena_reset(&page->arena);
}

/* Who reports. */
static void put_target(struct page *page, const struct otel_resource *resource) {
    bool is_text = page->format == PROMETHEUS_TEXT;
    const char *family = is_text ? "target_info" : "target";
    if (!resource || resource->n_attributes == 0)
        return;
    put_help(page, family, "", "Target metadata");
    PUT(page, "# TYPE ", family, is_text ? " gauge\n" : " info\n", "target_info{");
    int r = prometheus_put_labels(&page->text, resource->attributes, resource->n_attributes);
    if (r)
        page->text.r = r;
    PUT(page, "} 1\n");
}

static void put_families(struct page *page) {
    const struct family_member *before = NULL;
    for (size_t i = 0; i < page->n_members; i++) {
        const struct family_member *member = &page->members[i];
        if (member->is_left_out)
            continue;
        if (!before || strcmp(before->name.family, member->name.family) != 0)
            put_metadata(page, member);
        put_member(page, member);
        before = member;
    }
}

static void page_fini(struct page *page) {
    mem_free(page->members);
    buf_fini(&page->labels);
    arena_fini(&page->arena);
}

int prometheus_write(const struct otel_metrics *metrics, enum prometheus_format format,
                     struct buf *out, struct prometheus_clashes *clashes) {
    CLEANUP(page_fini)
    struct page page = {.format = format, .text = {.out = out}, .clashes = clashes};
    *clashes = (struct prometheus_clashes){0};
    buf_init(&page.labels, out->max);
    arena_init(&page.arena, SIZE_MAX);
    int r = gather(&page, metrics);
    if (r)
        return r;
    put_target(&page, metrics->resource);
    put_families(&page);
    if (format == PROMETHEUS_OPENMETRICS)
        PUT(&page, "# EOF\n");
    return page.text.r;
}
