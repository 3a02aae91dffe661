/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instrument's series are found by their attributes under its lock; whoever measures often keeps
 * what it has found. A series that has been bound stays, since its holder may be anywhere; one that
 * was only ever observed goes with the first collection that it is not reported in, so that what
 * comes and goes (connections, sensors) does not use the limit up.
 *
 * The limit counts the series that are bound, or those of one observation: one less than
 * OTEL_MAX_SERIES, and the overflow.
 *
 * Views would stand between instrument and series: what an instrument is renamed to, which
 * attributes are kept and what tally it gets are known here, in instrument_new() and
 * find_or_make().
 */
#include "otel/instrument.h"

#include "base/log.h"
#include "base/mem.h"
#include "otel/limits.h"

/* Metrics SDK, explicit bucket histogram: milliseconds, as it was meant. */
static const double default_bounds[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                        500, 750, 1000, 2500, 5000, 7500, 10000};

/* ---- names, units and bounds ---- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Metrics API, instrument name syntax. */
static bool is_name(const char *name) {
    if (!name || !is_letter(name[0]))
        return false;
    size_t len = 1;
    for (; name[len]; len++)
        if (!is_letter(name[len]) && !is_digit(name[len]) && !strchr("_.-/", name[len]))
            return false;
    return len <= OTEL_MAX_NAME;
}

/* Metrics API, instrument unit: ASCII. */
static bool is_unit(const char *unit) {
    size_t len = 0;
    for (; unit && unit[len]; len++)
        if (unit[len] < ' ' || unit[len] > '~')
            return false;
    return len <= OTEL_MAX_UNIT;
}

static bool are_bounds(const double *bounds, size_t n) {
    if (n > OTEL_MAX_BOUNDS)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            return false;
    return true;
}

static bool has_own_bounds(const struct otel_instrument_options *options) {
    return options->bounds && are_bounds(options->bounds, options->n_bounds);
}

int instrument_check(const struct otel_instrument_options *options) {
    if (!is_name(options->name)) {
        log_warn("instrument %.*s: not a name: a letter, then letters, digits, _ . - /, "
                 "at most %d characters",
                 OTEL_MAX_NAME, options->name ? options->name : "", OTEL_MAX_NAME);
        return -EINVAL;
    }
    if (!is_unit(options->unit)) {
        log_warn("instrument %s: its unit is not ASCII or has more than %d characters",
                 options->name, OTEL_MAX_UNIT);
        return -EINVAL;
    }
    if (options->kind == OTEL_HISTOGRAM && options->bounds && !has_own_bounds(options))
        log_warn("instrument %s: bounds are numbers, each above the one before, at most %d; "
                 "the default ones are taken",
                 options->name, OTEL_MAX_BOUNDS);
    return 0;
}

struct bytes instrument_key_of(const char *name, char *key) {
    size_t len = 0;
    for (; name[len]; len++)
        key[len] = (char)(name[len] >= 'A' && name[len] <= 'Z' ? name[len] + 'a' - 'A' : name[len]);
    key[len] = '\0';
    return bytes_of(key, len);
}

struct bytes instrument_key(const void *instrument) {
    return bytes_str(((const struct otel_instrument *)instrument)->key);
}

static bool is_integer(const struct otel_instrument_options *options) {
    return options->is_integer && options->kind != OTEL_HISTOGRAM;
}

bool instrument_is(const struct otel_instrument *instrument,
                   const struct otel_instrument_options *options) {
    return instrument->shape.kind == options->kind &&
           instrument->shape.is_integer == is_integer(options) &&
           strcmp(instrument->unit, options->unit ? options->unit : "") == 0;
}

/* ---- its life ---- */

static char *copy_text(const char *text) {
    return text ? mem_copy_text(text, strlen(text)) : mem_copy_text("", 0);
}

static int copy_texts(struct otel_instrument *instrument,
                      const struct otel_instrument_options *options) {
    instrument->name = copy_text(options->name);
    instrument->key = copy_text(options->name);
    instrument->unit = copy_text(options->unit);
    instrument->description = copy_text(options->description);
    if (!instrument->name || !instrument->key || !instrument->unit || !instrument->description)
        return -ENOMEM;
    instrument_key_of(options->name, instrument->key);
    return 0;
}

static int copy_bounds(struct otel_instrument *instrument,
                       const struct otel_instrument_options *options) {
    bool is_own = has_own_bounds(options);
    const double *bounds = is_own ? options->bounds : default_bounds;
    size_t n = is_own ? options->n_bounds : ARRAY_LEN(default_bounds);
    instrument->bounds = mem_new_array(double, n);
    if (!instrument->bounds)
        return -ENOMEM;
    memcpy(instrument->bounds, bounds, n * sizeof(*bounds));
    instrument->shape.bounds = instrument->bounds;
    instrument->shape.n_bounds = n;
    bucket_index_init(&instrument->shape.index, instrument->bounds, n);
    return 0;
}

int instrument_new(struct measuring *measuring, const struct otel_instrument_options *options,
                   struct otel_instrument **instrument) {
    CLEANUP(instrument_freep) struct otel_instrument *made = mem_new(struct otel_instrument);
    if (!made)
        return err_trace(-ENOMEM);
    made->measuring = measuring;
    made->shape = (struct tally_shape){.kind = options->kind, .is_integer = is_integer(options)};
    list_init(&made->link);
    list_init(&made->series);
    pthread_mutex_init(&made->lock, NULL);
    int r = table_init(&made->by_attributes, otel_series_key);
    if (!r)
        r = copy_texts(made, options);
    if (!r && options->kind == OTEL_HISTOGRAM)
        r = copy_bounds(made, options);
    if (r)
        return err_trace(r);
    *instrument = STEAL(made);
    return 0;
}

void instrument_free(struct otel_instrument *instrument) {
    LIST_FOR_EACH (link, &instrument->series)
        otel_series_free(CONTAINER_OF(link, struct otel_series, link));
    table_fini(&instrument->by_attributes);
    pthread_mutex_destroy(&instrument->lock);
    mem_free(instrument->name);
    mem_free(instrument->key);
    mem_free(instrument->unit);
    mem_free(instrument->description);
    mem_free(instrument->bounds);
    mem_free(instrument);
}

void instrument_freep(struct otel_instrument **instrument) {
    if (*instrument)
        instrument_free(*instrument);
}

/* ---- series by their attributes; under the lock ---- */

static struct otel_series *find(const struct otel_instrument *instrument,
                                const struct attribute_set *attributes) {
    return table_find(&instrument->by_attributes, attributes->key);
}

/* Takes `*attributes`, and leaves NULL there. */
static int make(struct otel_instrument *instrument, struct attribute_set **attributes,
                struct otel_series **series) {
    struct otel_series *made = NULL;
    int r = otel_series_new(instrument->measuring, &instrument->shape, &instrument->lock,
                            *attributes, &made);
    if (r)
        return r;
    *attributes = NULL;
    r = table_add(&instrument->by_attributes, made);
    if (r) {
        otel_series_free(made);
        return err_trace(r);
    }
    list_append(&instrument->series, &made->link);
    instrument->n_series++;
    *series = made;
    return 0;
}

static int find_or_make(struct otel_instrument *instrument, const struct otel_attribute *attributes,
                        size_t n, struct otel_series **series) {
    CLEANUP(mem_freep) struct attribute_set *set = NULL;
    int r = attribute_set_new(attributes, n, &set);
    if (r)
        return r;
    *series = find(instrument, set);
    return *series ? 0 : make(instrument, &set, series);
}

static int find_overflow(struct otel_instrument *instrument, struct otel_series **series) {
    const struct otel_attribute overflow =
        otel_attribute("otel.metric.overflow", otel_boolean(true));
    int r = find_or_make(instrument, &overflow, 1, series);
    if (!r)
        (*series)->is_overflow = true;
    return r;
}

static void bind(struct otel_instrument *instrument, struct otel_series *series) {
    if (!series->is_bound && !series->is_overflow)
        instrument->n_bound++;
    otel_series_bind(series);
}

/* `*set` is taken when a series is made of it. */
static int find_or_bind(struct otel_instrument *instrument, struct attribute_set **set,
                        struct otel_series **series) {
    *series = find(instrument, *set);
    bool is_bound = *series && (*series)->is_bound;
    int r = 0;
    if (!is_bound && instrument->n_bound == OTEL_MAX_SERIES - 1)
        r = find_overflow(instrument, series);
    else if (!*series)
        r = make(instrument, set, series);
    if (!r)
        bind(instrument, *series);
    return r;
}

struct otel_series *otel_series_of(struct otel_instrument *instrument,
                                   const struct otel_attribute *attributes, size_t n_attributes) {
    CLEANUP(mem_freep) struct attribute_set *set = NULL;
    struct otel_series *series = NULL;
    if (!instrument || attribute_set_new(attributes, n_attributes, &set))
        return NULL;
    pthread_mutex_lock(&instrument->lock);
    int r = find_or_bind(instrument, &set, &series);
    pthread_mutex_unlock(&instrument->lock);
    return r ? NULL : series;
}

/* ---- observed ---- */

static int find_or_observe(struct otel_instrument *instrument, struct attribute_set **set,
                           struct otel_series **series) {
    *series = find(instrument, *set);
    if (*series && otel_series_is_gathered(*series))
        return 0;
    if (instrument->n_observed == OTEL_MAX_SERIES - 1)
        return find_overflow(instrument, series);
    int r = *series ? 0 : make(instrument, set, series);
    if (!r && !(*series)->is_overflow)
        instrument->n_observed++;
    return r;
}

int instrument_observed(struct otel_instrument *instrument, const struct otel_attribute *attributes,
                        size_t n, struct otel_series **series) {
    CLEANUP(mem_freep) struct attribute_set *set = NULL;
    int r = attribute_set_new(attributes, n, &set);
    if (r)
        return r;
    uint64_t collection = atomic_load(&instrument->measuring->n_collections);
    pthread_mutex_lock(&instrument->lock);
    if (instrument->observed_in != collection)
        instrument->n_observed = 0;
    instrument->observed_in = collection;
    r = find_or_observe(instrument, &set, series);
    pthread_mutex_unlock(&instrument->lock);
    return r;
}

void instrument_forget_unobserved(struct otel_instrument *instrument) {
    LIST_FOR_EACH (link, &instrument->series) {
        struct otel_series *series = CONTAINER_OF(link, struct otel_series, link);
        if (series->is_bound || otel_series_is_gathered(series))
            continue;
        table_remove(&instrument->by_attributes, otel_series_key(series));
        list_unlink(link);
        instrument->n_series--;
        otel_series_free(series);
    }
}
