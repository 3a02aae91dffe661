/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/backend.h"

/*
 * A backend for tests whose reads stand at a gate: while it is closed no page, list or statistics
 * comes back, as with a disk that does not answer. Writing goes on.
 */
struct read_gate;

/* Takes `inner`; the gate is open. Free it as a backend. */
struct read_gate *read_gate_new(struct store_backend *inner);
struct store_backend *read_gate_base(struct read_gate *gate);

void read_gate_close(struct read_gate *gate);
void read_gate_open(struct read_gate *gate);

/* From now on reads fail with `r`; 0: no longer. */
void read_gate_fail(struct read_gate *gate, int r);

/* Pages are at hand from now on, as in memory: they do not stand at the gate. */
void read_gate_have_pages_at_hand(struct read_gate *gate);

/* Waits until a read stands at the closed gate. */
void read_gate_wait_until_held(struct read_gate *gate);
