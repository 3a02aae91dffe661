/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What several disks of a test hang on, so that they go dark at one instant. Operations that change
 * a disk are counted, of all of them together; one of them is cut. Any thread.
 */
struct power {
    pthread_mutex_t lock;
    size_t n_drawn; /* operations since it was turned on */
    size_t cut_at;  /* the number of the one that is cut; 0: none */
    bool is_off;
};

static inline void power_init(struct power *power) {
    *power = (struct power){.lock = PTHREAD_MUTEX_INITIALIZER};
}

/* Turns it on; it goes off at the `cut_at`-th operation (1 is the next; 0: it does not). */
static inline void power_on(struct power *power, size_t cut_at) {
    pthread_mutex_lock(&power->lock);
    power->n_drawn = 0;
    power->cut_at = cut_at;
    power->is_off = false;
    pthread_mutex_unlock(&power->lock);
}

static inline void power_off(struct power *power) {
    pthread_mutex_lock(&power->lock);
    power->is_off = true;
    pthread_mutex_unlock(&power->lock);
}

static inline bool power_is_off(struct power *power) {
    pthread_mutex_lock(&power->lock);
    bool is_off = power->is_off;
    pthread_mutex_unlock(&power->lock);
    return is_off;
}

static inline size_t power_drawn(struct power *power) {
    pthread_mutex_lock(&power->lock);
    size_t n_drawn = power->n_drawn;
    pthread_mutex_unlock(&power->lock);
    return n_drawn;
}

enum power_state {
    POWER_ON,
    POWER_FAILS, /* during this operation */
    POWER_OFF,
};

/* An operation begins. */
static inline enum power_state power_draw(struct power *power, bool is_change) {
    pthread_mutex_lock(&power->lock);
    enum power_state state = power->is_off ? POWER_OFF : POWER_ON;
    if (state == POWER_ON && is_change && ++power->n_drawn == power->cut_at) {
        power->is_off = true;
        state = POWER_FAILS;
    }
    pthread_mutex_unlock(&power->lock);
    return state;
}
