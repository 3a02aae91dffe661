/* SPDX-License-Identifier: Apache-2.0 */
/* How the server and its store are doing. The figures are at hand, so nothing is done in the pool.
 */
#include "base/clock.h"
#include "collector/handlers.h"
#include "collector/request.h"
#include "collector/worker.h"
#include "proto/message.h"
#include "proto/thermograph.pb-c.h"
#include "store/store.h"

static Thermograph__V1__DiskStatus disk_status(const struct store_disk_figures *figures) {
    Thermograph__V1__DiskStatus disk = THERMOGRAPH__V1__DISK_STATUS__INIT;
    disk.journal_bytes = figures->journal_bytes;
    disk.journal_limit_bytes = figures->journal_limit_bytes;
    disk.file_bytes = figures->file_bytes;
    disk.wal_bytes = figures->wal_bytes;
    disk.chunks = figures->n_chunks;
    disk.open_bytes = figures->open_bytes;
    disk.sealings_waiting = figures->n_sealings_waiting;
    disk.commits = figures->n_commits;
    disk.last_sync_ns = figures->last_sync_ns;
    disk.longest_sync_ns = figures->max_sync_ns;
    return disk;
}

static Thermograph__V1__StoreStatus store_status(struct store_figures *figures) {
    Thermograph__V1__StoreStatus store = THERMOGRAPH__V1__STORE_STATUS__INIT;
    store.sensors = figures->n_sensors;
    store.readings = figures->n_readings;
    store.refused = figures->n_refused;
    store.memory_bytes = figures->memory_bytes;
    store.memory_limit_bytes = figures->memory_limit_bytes;
    store.failure = figures->failure.text;
    return store;
}

static Thermograph__V1__Time time_of(uint64_t wall_ns) {
    Thermograph__V1__Time time = THERMOGRAPH__V1__TIME__INIT;
    time.seconds = (int64_t)(wall_ns / NS_PER_S);
    time.nanos = (int32_t)(wall_ns % NS_PER_S);
    return time;
}

static void status_answer(struct grpc_call *call) {
    const struct collector_worker *worker = grpc_call_worker_state(call);
    struct store_figures figures;
    store_figures(worker_store(worker), &figures);
    Thermograph__V1__DiskStatus disk = disk_status(&figures.disk);
    Thermograph__V1__StoreStatus store = store_status(&figures);
    Thermograph__V1__Time started = time_of(worker_started_at_ns(worker));
    Thermograph__V1__Time now = time_of(clock_wall_ns());
    Thermograph__V1__Status status = THERMOGRAPH__V1__STATUS__INIT;
    if (figures.is_on_disk)
        store.disk = &disk;
    status.version = THERMOGRAPH_VERSION;
    status.started = &started;
    status.now = &now;
    status.store = &store;
    grpc_call_answer(call, &status.base);
}

static void status_started(struct grpc_call *call) {
    caller_init(grpc_call_state(call), call);
}

static int status_message(struct grpc_call *call, struct bytes message) {
    const struct caller *caller = grpc_call_state(call);
    CLEANUP(message_freep)
    ProtobufCMessage *unpacked =
        request_unpack(call, &thermograph__v1__get_status_request__descriptor, message);
    if (!unpacked)
        return 0;
    if (caller_may_read_any(caller, bytes_str("*")))
        status_answer(call);
    else
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, "this token may not read anything");
    return 0;
}

static void status_ended(struct grpc_call *call) {
    caller_fini(grpc_call_state(call));
}

const struct grpc_method method_get_status = {
    .name = "GetStatus",
    .kind = GRPC_UNARY,
    .state_size = sizeof(struct caller),
    .started = status_started,
    .message = status_message,
    .ended = status_ended,
};
