/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/value.h"

/* Scopes as they are kept and found again: tracers, meters and loggers each are one of a scope. */

/* The same name, version and schema URL. */
bool scope_is(const struct otel_scope *a, const struct otel_scope *b);

/* Room that a copy's texts take. */
size_t scope_text_bytes(const struct otel_scope *scope);

/* A copy whose texts lie in `texts`, which has that room. */
struct otel_scope scope_copy(const struct otel_scope *scope, char *texts);
