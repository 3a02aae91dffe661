/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_gate.h"

void fault_gate_init(struct fault_gate *gate) {
    *gate = (struct fault_gate){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
}

void fault_gate_hold(void *user) {
    struct fault_gate *gate = user;
    pthread_mutex_lock(&gate->lock);
    gate->is_held = true;
    pthread_cond_broadcast(&gate->moved);
    while (!gate->is_open)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void fault_gate_wait_until_held(struct fault_gate *gate) {
    pthread_mutex_lock(&gate->lock);
    while (!gate->is_held)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void fault_gate_open(struct fault_gate *gate) {
    pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
}
