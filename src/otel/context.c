/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The current context is a stack of the thread's own, linked through the frames of those who
 * attached: no memory to get, nothing to free, and a thread that attaches nothing pays nothing.
 */
#include "otel/context.h"

#include <assert.h>

#include "base/thread.h"

const struct otel_context otel_context_none;

static THREAD_LOCAL struct otel_attached *innermost;

void otel_context_attach(struct otel_attached *attached, const struct otel_context *context) {
    attached->context = context;
    attached->outer = innermost;
    innermost = attached;
}

void otel_context_detach(struct otel_attached *attached) {
    assert(innermost == attached);
    innermost = attached->outer;
}

const struct otel_context *otel_context_current(void) {
    return innermost ? innermost->context : &otel_context_none;
}
