/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otlp/prometheus_text.h"

/*
 * Writes attributes as labels, `a="1",b="2"`, without braces, in order of the labels' names. Keys
 * that become one name share it, their values joined by `;` in order of the keys. A name that the
 * page itself uses (`le`, `otel_scope_name`) gets `exported_` in front, as Prometheus does it.
 *
 * 0 or -ENOMEM; what does not fit is the text's affair.
 */
MUST_USE int prometheus_put_labels(struct prometheus_text *text,
                                   const struct otel_attribute *attributes, size_t n_attributes);
