/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/context.h"
#include "otel/limits.h"

/*
 * Context between processes, as text fields: `traceparent` and `tracestate` (W3C Trace Context,
 * levels 1 and 2), `baggage` (W3C Baggage). What cannot be read counts as not there: a caller's
 * call never fails for it.
 */
struct otel_baggage_member {
    struct bytes key;      /* a token (RFC 7230) */
    struct bytes value;    /* percent-decoded, UTF-8 */
    struct bytes metadata; /* as it came: `a=1;b` */
};

struct otel_baggage {
    struct otel_baggage_member members[OTEL_MAX_BAGGAGE_MEMBERS];
    size_t n_members;
    char text[OTEL_MAX_BAGGAGE_BYTES]; /* that members lie in */
    size_t n_text;
};

struct otel_propagators {
    bool has_trace_context;
    bool has_baggage;
};

/* How fields are read from and written to whatever carries them. */
struct otel_carrier {
    void *user;
    /* All values of a field, in order, joined by commas if there are several, into `out`; its data
     * is NULL when there is none. Borrowed for the time of the extract. */
    struct bytes (*get)(void *user, const char *name);
    /* `value` is borrowed. */
    void (*set)(void *user, const char *name, struct bytes value);
};

/*
 * What the carrier says. `context` is all zero but for what was found; its trace_state borrows from
 * the carrier, its baggage is `baggage` (may be NULL: then it is not read). `baggage` needs no
 * preparation and is touched only if there is some.
 */
void otel_propagation_extract(const struct otel_propagators *propagators,
                              const struct otel_carrier *carrier, struct otel_context *context,
                              struct otel_baggage *baggage);

/* Sets the fields of what there is: none of a span context that is not valid, none of no baggage.
 */
void otel_propagation_inject(const struct otel_propagators *propagators,
                             const struct otel_context *context,
                             const struct otel_carrier *carrier);

/* ---- the parts ---- */

enum {
    OTEL_TRACE_PARENT_LEN = 55,
    OTEL_E_MALFORMED = 1, /* the field is not what its specification says */
};

/* Sets ids, flags and is_remote. 0 or OTEL_E_MALFORMED. */
MUST_USE int otel_trace_parent_parse(struct bytes field, struct otel_span_context *context);
/* Writes OTEL_TRACE_PARENT_LEN characters and a NUL. */
void otel_trace_parent_format(const struct otel_span_context *context,
                              char out[OTEL_TRACE_PARENT_LEN + 1]);

/* 0 or OTEL_E_MALFORMED: the whole list is then ignored. */
MUST_USE int otel_trace_state_check(struct bytes field);
/* The value of a key, data NULL when there is none. `field` has been checked. */
struct bytes otel_trace_state_get(struct bytes field, const char *key);

/* Reads as many whole members as there is room for, in order; what is malformed is left out, and of
 * two with the same key the later one counts. */
void otel_baggage_parse(struct bytes field, struct otel_baggage *baggage);
/* At most `cap` bytes, whole members only; how many. */
size_t otel_baggage_format(const struct otel_baggage *baggage, char *out, size_t cap);
/* Sets or replaces a member, without metadata; neither text lies in `baggage`. 0, or -ENOSPC at a
 * limit; -EINVAL for a key that is no token. */
MUST_USE int otel_baggage_set(struct otel_baggage *baggage, struct bytes key, struct bytes value);
void otel_baggage_remove(struct otel_baggage *baggage, const char *key);
/* Data NULL when there is none. */
struct bytes otel_baggage_get(const struct otel_baggage *baggage, const char *key);
