/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/bench_worker.h"

/*
 * The four kinds of calls. An operation is what has a latency: a call, or in a chat a reading and
 * its answer.
 */

/* Starts an operation; its end is told to the worker. */
void bench_slot_begin(struct bench_slot *slot);

/* The phase is over: a call that streams ends as soon as what was sent is answered. */
void bench_slot_cut(struct bench_slot *slot);
