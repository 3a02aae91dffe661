/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdbool.h>

/*
 * A gate at which the disk of fault_vfs.h stands still: what a test does meanwhile happens before
 * the operation. It lets everything through once it is open. Any thread may use the functions.
 */
struct fault_gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_held, is_open;
};

/* Closed, and nobody stands at it. */
void fault_gate_init(struct fault_gate *gate);

/* The `hold` of a fault of FAULT_DELAY, whose `user` is the gate. */
void fault_gate_hold(void *gate);

void fault_gate_wait_until_held(struct fault_gate *gate);
void fault_gate_open(struct fault_gate *gate);
