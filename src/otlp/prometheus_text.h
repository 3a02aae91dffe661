/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/value.h"

/*
 * Text that grows piece by piece. The first piece that does not fit is the last: `r` keeps why, all
 * that follows is ignored, and the writer asks once, at its end.
 */
struct prometheus_text {
    struct buf *out;
    int r; /* 0, BUF_E_FULL or -ENOMEM */
};

void prometheus_put(struct prometheus_text *text, struct bytes bytes);
void prometheus_put_str(struct prometheus_text *text, const char *str);
void prometheus_put_unsigned(struct prometheus_text *text, uint64_t value);
void prometheus_put_integer(struct prometheus_text *text, int64_t value);

/* The shortest that reads back the same; `NaN`, `+Inf`, `-Inf`. */
void prometheus_put_number(struct prometheus_text *text, double value);

/* Seconds since 1970, from nanoseconds. */
void prometheus_put_time(struct prometheus_text *text, uint64_t time_ns);

/* With a backslash before itself and before those of `special`, a line feed as `\n`, and U+FFFD for
 * what is not UTF-8. */
void prometheus_put_escaped(struct prometheus_text *text, struct bytes bytes, const char *special);

/* A value of an attribute inside a label's quotes: arrays as JSON, bytes as Base64 (specification,
 * "Common", attribute value in text form). */
void prometheus_put_value(struct prometheus_text *text, const struct otel_value *value);
