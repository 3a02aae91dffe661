/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "base/err.h"

/* A thread's own, at a place that is known when the program starts: to look for it would be a call,
 * around which a hot path would have to save what it has in registers. */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))

typedef void *(*thread_fn)(void *arg);

/*
 * Starts a thread that no signal is ever delivered to: a signal to the process is the business of
 * the thread that started it all, whose loop waits for it, and system calls of the others are not
 * interrupted. `name` (15 bytes at most, what `top -H` and a debugger show) is copied.
 *
 * 0 or a negated errno. The caller joins it.
 */
MUST_USE int thread_start(pthread_t *thread, const char *name, thread_fn run, void *arg);
