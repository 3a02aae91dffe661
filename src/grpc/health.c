/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health is one yes or no for the whole server and every service on it, read by Check and List as
 * it stands. A Watch is told of each change: the thread that changes it posts one letter to each
 * worker, and the worker tells its watchers. A watcher that reads slowly misses what lay between;
 * it always gets the newest state.
 */
#include "grpc/health.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "grpc/call.h"
#include "grpc/call_impl.h"
#include "grpc/limits.h"
#include "grpc/worker.h"
#include "proto/health.pb-c.h"
#include "proto/message.h"

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

#define SERVING         GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

/* A worker's watchers, and the letter that tells it of a change. */
struct health_worker {
    struct grpc_health *health;
    struct list watchers;
    struct letter letter;
    _Atomic bool is_posted;
};

struct grpc_health {
    const char *const *services;
    size_t n_services;
    _Atomic bool is_serving;
    _Atomic bool is_stopping; /* for good: watchers are let go */
    struct grpc_server *server;
    struct health_worker *workers;
    struct grpc_service service;
};

/* ---- what is asked ---- */

static serving_status current_status(const struct grpc_health *health) {
    return atomic_load(&health->is_serving) ? SERVING : NOT_SERVING;
}

static bool is_known(const struct grpc_health *health, const char *service) {
    if (service[0] == '\0')
        return true;
    for (size_t i = 0; i < health->n_services; i++)
        if (strcmp(health->services[i], service) == 0)
            return true;
    return false;
}

/* The request's service is known, unknown, or the call has been finished. */
enum asked {
    ASKED_KNOWN,
    ASKED_UNKNOWN,
    ASKED_NONSENSE,
};

static enum asked read_request(struct grpc_call *call, struct bytes message) {
    CLEANUP(message_freep) ProtobufCMessage *unpacked = NULL;
    int r = message_unpack(&grpc__health__v1__health_check_request__descriptor, message, &unpacked);
    if (r) {
        grpc_call_finish(call, r == MESSAGE_E_MALFORMED ? GRPC_INTERNAL : GRPC_RESOURCE_EXHAUSTED,
                         "the message is not a HealthCheckRequest, or memory has run out");
        return ASKED_NONSENSE;
    }
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)unpacked;
    return is_known(grpc_call_user(call), request->service) ? ASKED_KNOWN : ASKED_UNKNOWN;
}

/* ---- Check ---- */

/* The names are no secret: List tells them too. As many as there is room for. */
static void finish_as_unknown(struct grpc_call *call) {
    const struct grpc_health *health = grpc_call_user(call);
    char names[GRPC_MAX_STATUS_MESSAGE / 2] = "none";
    size_t len = 0;
    for (size_t i = 0; i < health->n_services && len < sizeof(names); i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
                                health->services[i]);
    grpc_call_finish(call, GRPC_NOT_FOUND,
                     "no such service here: there are %s, and, without a name, the whole server",
                     names);
}

static int check_message(struct grpc_call *call, struct bytes message) {
    Grpc__Health__V1__HealthCheckResponse answer = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    enum asked asked = read_request(call, message);
    answer.status = current_status(grpc_call_user(call));
    if (asked == ASKED_KNOWN)
        grpc_call_answer(call, &answer.base);
    else if (asked == ASKED_UNKNOWN)
        finish_as_unknown(call);
    return 0;
}

/* ---- List ---- */

/* One line of the answer, with the message inside it. */
struct list_entry {
    Grpc__Health__V1__HealthListResponse__StatusesEntry entry;
    Grpc__Health__V1__HealthCheckResponse status;
};

static void list_entry_init(struct list_entry *line, const char *service, serving_status status) {
    grpc__health__v1__health_list_response__statuses_entry__init(&line->entry);
    grpc__health__v1__health_check_response__init(&line->status);
    line->status.status = status;
    line->entry.key = (char *)(uintptr_t)service;
    line->entry.value = &line->status;
}

static int list_message(struct grpc_call *call, struct bytes message) {
    (void)message; /* it has no fields */
    const struct grpc_health *health = grpc_call_user(call);
    size_t n = health->n_services + 1;
    Grpc__Health__V1__HealthListResponse answer = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
    CLEANUP(mem_freep) struct list_entry *lines = mem_new_array(struct list_entry, n);
    CLEANUP(mem_freep)
    Grpc__Health__V1__HealthListResponse__StatusesEntry **entries =
        mem_new_array(Grpc__Health__V1__HealthListResponse__StatusesEntry *, n);
    if (!lines || !entries) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return 0;
    }
    serving_status status = current_status(health);
    for (size_t i = 0; i < n; i++) {
        list_entry_init(&lines[i], i ? health->services[i - 1] : "", status);
        entries[i] = &lines[i].entry;
    }
    answer.statuses = entries;
    answer.n_statuses = n;
    grpc_call_answer(call, &answer.base);
    return 0;
}

/* ---- Watch ---- */

struct watcher {
    struct list link; /* in its worker's watchers */
    struct grpc_call *call;
    bool is_of_known_service;
    serving_status told;
};

static void watcher_tell(struct watcher *watcher, serving_status status) {
    Grpc__Health__V1__HealthCheckResponse answer = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    if (watcher->told == status || grpc_call_is_busy(watcher->call))
        return;
    watcher->told = status;
    answer.status = status;
    if (grpc_call_send(watcher->call, &answer.base))
        grpc_call_finish(watcher->call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
}

/* Tells what there is to tell. A server that stops lets its watchers go, or they would keep it
 * waiting. The call may end in the first step, and must be there for the second. */
static void watcher_update(struct watcher *watcher) {
    struct grpc_call *call = watcher->call;
    const struct grpc_health *health = grpc_call_user(call);
    grpc_call_ref(call);
    watcher_tell(watcher, watcher->is_of_known_service ? current_status(health) : SERVICE_UNKNOWN);
    if (atomic_load(&health->is_stopping))
        grpc_call_finish(call, GRPC_UNAVAILABLE, "the server is stopping");
    grpc_call_unref(call);
}

static void watch_started(struct grpc_call *call) {
    struct watcher *watcher = grpc_call_state(call);
    list_init(&watcher->link);
    watcher->call = call;
}

static int watch_message(struct grpc_call *call, struct bytes message) {
    struct grpc_health *health = grpc_call_user(call);
    struct watcher *watcher = grpc_call_state(call);
    enum asked asked = read_request(call, message);
    if (asked == ASKED_NONSENSE)
        return 0;
    watcher->is_of_known_service = asked == ASKED_KNOWN;
    list_append(&health->workers[call->worker->index].watchers, &watcher->link);
    watcher_update(watcher);
    return 0;
}

static void watch_writable(struct grpc_call *call) {
    watcher_update(grpc_call_state(call));
}

static void watch_ended(struct grpc_call *call) {
    struct watcher *watcher = grpc_call_state(call);
    if (watcher->call)
        list_unlink(&watcher->link);
}

static void health_letter_deliver(struct letter *letter) {
    struct health_worker *worker = CONTAINER_OF(letter, struct health_worker, letter);
    /* Before the state is read: a later change posts anew. */
    atomic_store(&worker->is_posted, false);
    LIST_FOR_EACH (node, &worker->watchers)
        watcher_update(CONTAINER_OF(node, struct watcher, link));
}

static void health_tell_workers(struct grpc_health *health) {
    if (!health->server)
        return;
    for (unsigned i = 0; i < grpc_server_n_workers(health->server); i++) {
        struct health_worker *worker = &health->workers[i];
        if (!atomic_exchange(&worker->is_posted, true) &&
            grpc_server_post(health->server, i, &worker->letter))
            atomic_store(&worker->is_posted, false); /* it has ended, and its watchers with it */
    }
}

void grpc_health_set(struct grpc_health *health, bool is_serving) {
    atomic_store(&health->is_serving, is_serving);
    health_tell_workers(health);
}

void grpc_health_stop(struct grpc_health *health) {
    atomic_store(&health->is_stopping, true);
    grpc_health_set(health, false);
}

/* ---- life ---- */

static const struct grpc_method health_methods[] = {
    {.name = "Check", .kind = GRPC_UNARY, .message = check_message},
    {.name = "List", .kind = GRPC_UNARY, .message = list_message},
    {
        .name = "Watch",
        .kind = GRPC_SERVER_STREAM,
        .state_size = sizeof(struct watcher),
        .started = watch_started,
        .message = watch_message,
        .writable = watch_writable,
        .ended = watch_ended,
    },
};

int grpc_health_new(const char *const *services, size_t n_services, struct grpc_health **health) {
    struct grpc_health *new = mem_new(struct grpc_health);
    if (!new)
        return -ENOMEM;
    new->services = services;
    new->n_services = n_services;
    new->service = (struct grpc_service){
        .name = "grpc.health.v1.Health",
        .methods = health_methods,
        .n_methods = ARRAY_LEN(health_methods),
        .needs_no_token = true,
        .user = new,
    };
    *health = new;
    return 0;
}

const struct grpc_service *grpc_health_service(struct grpc_health *health) {
    return &health->service;
}

int grpc_health_attach(struct grpc_health *health, struct grpc_server *server) {
    unsigned n = grpc_server_n_workers(server);
    health->workers = mem_new_array(struct health_worker, n);
    if (!health->workers)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        health->workers[i].health = health;
        health->workers[i].letter.deliver = health_letter_deliver;
        list_init(&health->workers[i].watchers);
    }
    health->server = server;
    return 0;
}

void grpc_health_free(struct grpc_health *health) {
    if (!health)
        return;
    mem_free(health->workers);
    mem_free(health);
}
