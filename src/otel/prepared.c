/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is prepared is what a record will hold: the attributes as the encoder writes them, so that a
 * start is one copy (written.h).
 *
 * That is done only where it comes to the same as setting them one by one: all of them fit under
 * the limits. And only as long as it does: a span that has one of these keys, or too many others,
 * sets them one by one, and so does one without an encoder. For that the attributes stay as data.
 */
#include "otel/prepared_impl.h"

#include "base/mem.h"
#include "otel/attributes.h"
#include "otel/limits.h"
#include "otel/scopes.h"

static void prepared_freep(struct otel_prepared **prepared) {
    otel_prepared_free(*prepared);
}

static int write_all(struct otel_prepared *prepared, const struct recorder *recorder) {
    const struct otel_encoder *encoder = recorder->encoders[RECORD_SPAN];
    const struct attribute_set *set = prepared->set;
    int r = 0;
    if (!encoder ||
        !attributes_fit(&recorder->limits[RECORD_SPAN].attributes, set->attributes, set->n))
        return 0;
    for (size_t i = 0; r == 0 && i < set->n; i++)
        r = encoder->attribute(set->attributes[i].key, &set->attributes[i].value,
                               &prepared->written);
    if (r == BUF_E_FULL) {
        buf_release(&prepared->written);
        r = 0;
    }
    return r;
}

static struct otel_prepared *prepared_of(struct attribute_set *set) {
    struct otel_prepared *prepared =
        mem_zalloc(1, sizeof(*prepared) + set->n * sizeof(*prepared->keys));
    if (!prepared) {
        mem_free(set);
        return NULL;
    }
    prepared->set = set;
    buf_init(&prepared->written, OTEL_MAX_PREPARED_BYTES);
    for (size_t i = 0; i < set->n; i++) {
        prepared->keys[i] = attributes_key_bits(set->attributes[i].key);
        prepared->all_keys |= prepared->keys[i];
    }
    return prepared;
}

struct otel_prepared *otel_prepared_new(struct otel_tracer *tracer,
                                        const struct otel_attribute *attributes, size_t n) {
    struct attribute_set *set;
    if (!tracer || attribute_set_new(attributes, n, &set))
        return NULL;
    CLEANUP(prepared_freep) struct otel_prepared *prepared = prepared_of(set);
    if (!prepared || write_all(prepared, tracer->scoped.recorder))
        return NULL;
    return STEAL(prepared);
}

void otel_prepared_free(struct otel_prepared *prepared) {
    if (!prepared)
        return;
    buf_fini(&prepared->written);
    mem_free(prepared->set);
    mem_free(prepared);
}

const struct otel_attribute *otel_prepared_attributes(const struct otel_prepared *prepared,
                                                      size_t *n) {
    *n = prepared ? prepared->set->n : 0;
    return prepared ? prepared->set->attributes : NULL;
}
