/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why no ring is lost: `is_rung` is only ever exchanged, so all rings and waits are in one order.
 * A ring either finds it false, and then posts; or finds it true, and then the called thread's
 * exchange is still to come, and sees all that was done before this ring. The semaphore never
 * counts above 1 plus the wait that is just ending.
 */
#include "store/bell.h"

int bell_init(struct bell *bell) {
    atomic_init(&bell->is_rung, false);
    return sem_init(&bell->calls, 0, 0) ? -errno : 0;
}

void bell_fini(struct bell *bell) {
    sem_destroy(&bell->calls);
}

void bell_ring(struct bell *bell) {
    if (!atomic_exchange(&bell->is_rung, true))
        sem_post(&bell->calls);
}

void bell_wait(struct bell *bell) {
    while (sem_wait(&bell->calls) != 0 && errno == EINTR)
        continue;
    atomic_exchange(&bell->is_rung, false);
}
