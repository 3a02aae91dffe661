/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/meter.h"

#include "base/log.h"
#include "base/mem.h"
#include "otel/limits.h"
#include "otel/scope.h"

struct observer {
    struct list link;
    void (*observe)(void *user, struct otel_observations *out);
    void *user;
};

/* ---- its life ---- */

int meter_new(struct measuring *measuring, struct meter_locks *locks,
              const struct otel_scope *scope, struct otel_meter **meter) {
    CLEANUP(meter_freep)
    struct otel_meter *made = mem_zalloc(1, sizeof(*made) + scope_text_bytes(scope));
    if (!made)
        return err_trace(-ENOMEM);
    made->measuring = measuring;
    made->locks = locks;
    list_init(&made->link);
    list_init(&made->instruments);
    list_init(&made->observers);
    int r = table_init(&made->by_name, instrument_key);
    if (r)
        return err_trace(r);
    made->scope = scope_copy(scope, made->texts);
    *meter = STEAL(made);
    return 0;
}

void meter_free(struct otel_meter *meter) {
    LIST_FOR_EACH (link, &meter->instruments)
        instrument_free(CONTAINER_OF(link, struct otel_instrument, link));
    LIST_FOR_EACH (link, &meter->observers)
        mem_free(CONTAINER_OF(link, struct observer, link));
    table_fini(&meter->by_name);
    mem_free(meter);
}

void meter_freep(struct otel_meter **meter) {
    if (*meter)
        meter_free(*meter);
}

/* ---- instruments ---- */

static int add_instrument(struct otel_meter *meter, const struct otel_instrument_options *options,
                          struct otel_instrument **instrument) {
    CLEANUP(instrument_freep) struct otel_instrument *made = NULL;
    if (meter->by_name.n_objects == OTEL_MAX_INSTRUMENTS)
        return -ENOBUFS;
    int r = instrument_new(meter->measuring, options, &made);
    if (!r)
        r = table_add(&meter->by_name, made);
    if (r)
        return err_trace(r);
    list_append(&meter->instruments, &made->link);
    *instrument = STEAL(made);
    return 0;
}

/* Under the lock. `*complains` is set when this is to be said. */
static int find_or_add(struct otel_meter *meter, const struct otel_instrument_options *options,
                       struct otel_instrument **instrument, bool *complains) {
    char key[OTEL_MAX_NAME + 1];
    struct otel_instrument *found =
        table_find(&meter->by_name, instrument_key_of(options->name, key));
    if (!found)
        return add_instrument(meter, options, instrument);
    if (instrument_is(found, options)) {
        *instrument = found;
        return 0;
    }
    *complains = !found->has_complained;
    found->has_complained = true;
    return -EINVAL;
}

int otel_instrument_new(struct otel_meter *meter, const struct otel_instrument_options *options,
                        struct otel_instrument **instrument) {
    bool complains = false;
    *instrument = NULL;
    if (!meter)
        return 0;
    int r = instrument_check(options);
    if (r)
        return r;
    pthread_mutex_lock(&meter->locks->structure);
    r = find_or_add(meter, options, instrument, &complains);
    pthread_mutex_unlock(&meter->locks->structure);
    if (complains)
        log_warn("instrument %s: there is one of this name with another kind, unit or type of "
                 "value; what the second one measures is left out",
                 options->name);
    if (r == -ENOBUFS)
        log_warn("instrument %s: left out; its meter has %d already", options->name,
                 OTEL_MAX_INSTRUMENTS);
    return r;
}

/* ---- observers ---- */

int otel_meter_observe(struct otel_meter *meter,
                       void (*observe)(void *user, struct otel_observations *out), void *user) {
    if (!meter)
        return 0;
    struct observer *observer = mem_new(struct observer);
    if (!observer)
        return err_trace(-ENOMEM);
    *observer = (struct observer){.observe = observe, .user = user};
    pthread_mutex_lock(&meter->locks->observing);
    list_append(&meter->observers, &observer->link);
    pthread_mutex_unlock(&meter->locks->observing);
    return 0;
}

void otel_meter_forget(struct otel_meter *meter,
                       void (*observe)(void *user, struct otel_observations *out), void *user) {
    if (!meter)
        return;
    pthread_mutex_lock(&meter->locks->observing);
    LIST_FOR_EACH (link, &meter->observers) {
        struct observer *observer = CONTAINER_OF(link, struct observer, link);
        if (observer->observe != observe || observer->user != user)
            continue;
        list_unlink(link);
        mem_free(observer);
    }
    pthread_mutex_unlock(&meter->locks->observing);
}

void meter_observe(struct otel_meter *meter, struct otel_observations *out) {
    LIST_FOR_EACH (link, &meter->observers) {
        struct observer *observer = CONTAINER_OF(link, struct observer, link);
        observer->observe(observer->user, out);
    }
}

static void observe(struct otel_observations *out, struct otel_instrument *instrument,
                    struct measurement measurement, const struct otel_attribute *attributes,
                    size_t n_attributes) {
    struct otel_series *series;
    int r = instrument_observed(instrument, attributes, n_attributes, &series);
    if (r)
        out->trouble = r;
    else
        otel_series_observe(series, measurement);
}

static bool can_be_observed(const struct otel_instrument *instrument) {
    return instrument && instrument->shape.kind != OTEL_HISTOGRAM;
}

void otel_observe(struct otel_observations *out, struct otel_instrument *instrument, int64_t value,
                  const struct otel_attribute *attributes, size_t n_attributes) {
    struct measurement measurement = {0};
    if (can_be_observed(instrument) &&
        measurement_of_integer(&instrument->shape, value, &measurement))
        observe(out, instrument, measurement, attributes, n_attributes);
}

void otel_observe_number(struct otel_observations *out, struct otel_instrument *instrument,
                         double value, const struct otel_attribute *attributes,
                         size_t n_attributes) {
    struct measurement measurement = {0};
    if (can_be_observed(instrument) &&
        measurement_of_number(&instrument->shape, value, &measurement))
        observe(out, instrument, measurement, attributes, n_attributes);
}
