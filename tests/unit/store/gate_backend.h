/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "store/backend.h"

/*
 * A backend for tests whose commit stands at a gate: while it is closed nothing gets kept, as with
 * a disk that does not answer. Everything else goes to the backend inside, and so does the commit
 * when the gate opens. Any thread may use the functions.
 */
struct gate_backend;

/* Takes `inner`; the gate is open. Free it as a backend. NULL when memory runs out. */
struct gate_backend *gate_backend_new(struct store_backend *inner);

struct store_backend *gate_backend_base(struct gate_backend *gate);

void gate_backend_close(struct gate_backend *gate);
void gate_backend_open(struct gate_backend *gate);

/* Waits until a commit stands at the closed gate; returns how many batches it has. */
size_t gate_backend_wait_until_held(struct gate_backend *gate);

/* Commits that have passed the gate and are done. */
size_t gate_backend_n_commits(struct gate_backend *gate);
