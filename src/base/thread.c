/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new thread inherits its starter's signal mask, so the mask is changed before it is made and not
 * by the thread itself: there is no moment in which a signal could still find it. Faults of the
 * thread's own (SIGSEGV and the like) are not masked: they belong to it.
 */
#include "base/thread.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#define THREAD_NAME_MAX 15 /* pthread_setname_np(3) */

static void all_but_faults(sigset_t *signals) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigfillset(signals);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(signals, faults[i]);
}

int thread_start(pthread_t *thread, const char *name, thread_fn run, void *arg) {
    sigset_t masked, before;
    assert(strlen(name) <= THREAD_NAME_MAX);
    all_but_faults(&masked);
    pthread_sigmask(SIG_SETMASK, &masked, &before);
    int r = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        return -r;
    pthread_setname_np(*thread, name);
    return 0;
}
