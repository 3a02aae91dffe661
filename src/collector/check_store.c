/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the store while it serves: a step in the worker pool, what it has found is sent, the next
 * step when the client has taken most of it. So a client that goes ends the check, and one that
 * reads slowly holds up its own check alone.
 *
 *     request -> [a step -> send what it found -> wait for `writable`] ... -> send the sum -> OK
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "collector/background.h"
#include "collector/handlers.h"
#include "collector/matching.h"
#include "collector/request.h"
#include "proto/message.h"
#include "proto/thermograph.pb-c.h"
#include "store/check.h"

/* A finding, and what it borrows. */
struct found {
    struct check_finding finding;
    char sensor_id[COLLECTOR_MAX_SENSOR_ID + 1];
    char file[64];
};

struct checking {
    struct background background;
    struct caller caller;
    struct check *check;
    int result; /* of the last step */
    struct err_text why;
    struct found *found; /* by the last step; CHECK_MAX_FINDINGS of all steps together */
    size_t n_found, cap_found;
    size_t n_sent; /* of these */
    unsigned percent_sent;
};

static struct checking *checking_of(struct background *background) {
    return CONTAINER_OF(background, struct checking, background);
}

static void checking_release(struct checking *checking) {
    check_free(STEAL(checking->check));
    mem_free(STEAL(checking->found));
    checking->n_found = checking->n_sent = 0;
}

/* ---- in the pool ---- */

/* Room for one more, or NULL. */
static struct found *next_found(struct checking *checking) {
    if (checking->n_found == checking->cap_found) {
        size_t cap = checking->cap_found ? 2 * checking->cap_found : 8;
        struct found *grown = mem_resize(checking->found, cap, sizeof(*grown));
        if (!grown)
            return NULL;
        checking->found = grown;
        checking->cap_found = cap;
    }
    return &checking->found[checking->n_found];
}

/* Without memory it is told no more than that: it is counted in any case. */
static void on_found(void *user, const struct check_finding *finding) {
    struct checking *checking = user;
    struct found *found = next_found(checking);
    if (!found)
        return;
    *found = (struct found){.finding = *finding};
    if (finding->sensor_id.len <= COLLECTOR_MAX_SENSOR_ID && finding->sensor_id.len > 0)
        memcpy(found->sensor_id, finding->sensor_id.data, finding->sensor_id.len);
    if (finding->file)
        snprintf(found->file, sizeof(found->file), "%s", finding->file);
    checking->n_found++;
}

static void checking_step(struct background *background) {
    struct checking *checking = checking_of(background);
    const struct collector_worker *worker = grpc_call_worker_state(background->call);
    if (checking->check)
        checking->result = check_step(checking->check, on_found, checking, &checking->why);
    else
        checking->result = store_check(worker_store(worker), &checking->check, &checking->why);
}

/* ---- what is sent ---- */

static int send_event(struct checking *checking, Thermograph__V1__CheckStoreResponse *response) {
    return grpc_call_send(checking->background.call, &response->base);
}

static int send_finding(struct checking *checking, struct found *found) {
    Thermograph__V1__CheckStoreResponse response = THERMOGRAPH__V1__CHECK_STORE_RESPONSE__INIT;
    Thermograph__V1__CheckFinding finding = THERMOGRAPH__V1__CHECK_FINDING__INIT;
    Thermograph__V1__Time from = matching_time(found->finding.from);
    Thermograph__V1__Time to = matching_time(found->finding.to);
    finding.kind = (char *)found->finding.kind;
    finding.is_note = found->finding.is_note;
    finding.sensor_id = found->sensor_id;
    finding.chunk = found->finding.chunk;
    finding.from = found->finding.has_times ? &from : NULL;
    finding.to = found->finding.has_times ? &to : NULL;
    finding.file = found->file;
    finding.words = found->finding.words.text;
    response.event_case = THERMOGRAPH__V1__CHECK_STORE_RESPONSE__EVENT_FINDING;
    response.finding = &finding;
    return send_event(checking, &response);
}

static int send_progress(struct checking *checking) {
    Thermograph__V1__CheckStoreResponse response = THERMOGRAPH__V1__CHECK_STORE_RESPONSE__INIT;
    Thermograph__V1__CheckProgress progress = THERMOGRAPH__V1__CHECK_PROGRESS__INIT;
    progress.percent = check_percent(checking->check);
    if (progress.percent == checking->percent_sent)
        return 0;
    checking->percent_sent = progress.percent;
    response.event_case = THERMOGRAPH__V1__CHECK_STORE_RESPONSE__EVENT_PROGRESS;
    response.progress = &progress;
    return send_event(checking, &response);
}

/* About: readings come and are sealed meanwhile. */
static uint64_t n_unchecked(const struct checking *checking, const struct check_counts *counts) {
    const struct collector_worker *worker = grpc_call_worker_state(checking->background.call);
    struct store_figures figures;
    store_figures(worker_store(worker), &figures);
    return figures.n_readings > counts->n_sealed_readings
               ? figures.n_readings - counts->n_sealed_readings
               : 0;
}

static int send_sum(struct checking *checking) {
    Thermograph__V1__CheckStoreResponse response = THERMOGRAPH__V1__CHECK_STORE_RESPONSE__INIT;
    Thermograph__V1__CheckSum sum = THERMOGRAPH__V1__CHECK_SUM__INIT;
    struct check_counts counts;
    check_counts(checking->check, &counts);
    sum.sensors = counts.n_sensors;
    sum.chunks = counts.n_chunks;
    sum.readings = counts.n_readings;
    sum.bytes = counts.n_bytes;
    sum.findings = counts.n_findings;
    sum.notes = counts.n_notes;
    sum.unchecked_readings = n_unchecked(checking, &counts);
    response.event_case = THERMOGRAPH__V1__CHECK_STORE_RESPONSE__EVENT_SUM;
    response.sum = &sum;
    return send_event(checking, &response);
}

/* What was found, as far as there is room, and how far the check is. */
static int send_news(struct checking *checking) {
    int r = 0;
    while (r == 0 && checking->n_sent < checking->n_found &&
           !grpc_call_is_busy(checking->background.call))
        r = send_finding(checking, &checking->found[checking->n_sent++]);
    if (r || checking->n_sent < checking->n_found)
        return r;
    checking->n_sent = checking->n_found = 0;
    return send_progress(checking);
}

/* ---- step by step ---- */

static void checking_finish(struct checking *checking) {
    struct grpc_call *call = checking->background.call;
    int r = send_sum(checking);
    if (r)
        grpc_call_finish(call, GRPC_INTERNAL, "the check's answer cannot be sent: %s",
                         strerror(-r));
    else
        grpc_call_finish(call, GRPC_OK, "%s", "");
}

static void checking_continue(struct checking *checking) {
    struct grpc_call *call = checking->background.call;
    if (checking->background.is_running || !checking->check || grpc_call_is_busy(call))
        return;
    int r = send_news(checking);
    if (r)
        grpc_call_finish(call, GRPC_INTERNAL, "the check's answer cannot be sent: %s",
                         strerror(-r));
    else if (checking->n_sent == checking->n_found && checking->result == CHECK_E_DONE)
        checking_finish(checking);
    else if (checking->n_sent == checking->n_found)
        background_start(&checking->background, call);
}

static void checking_on_step(struct background *background) {
    struct checking *checking = checking_of(background);
    struct grpc_call *call = background->call;
    if (grpc_call_is_over(call))
        checking_release(checking);
    else if (checking->result < 0)
        grpc_call_finish(call, GRPC_INTERNAL, "the store cannot be checked: %s",
                         checking->why.text);
    else if (!checking->check)
        grpc_call_finish(call, GRPC_FAILED_PRECONDITION,
                         "readings are in memory only: there is nothing to check");
    else
        checking_continue(checking);
}

static void checking_started(struct grpc_call *call) {
    struct checking *checking = grpc_call_state(call);
    checking->background.work = checking_step;
    checking->background.done = checking_on_step;
    caller_init(&checking->caller, call);
}

static int checking_message(struct grpc_call *call, struct bytes message) {
    struct checking *checking = grpc_call_state(call);
    CLEANUP(message_freep)
    ProtobufCMessage *unpacked =
        request_unpack(call, &thermograph__v1__check_store_request__descriptor, message);
    if (!unpacked)
        return 0;
    if (caller_may_read_everything(&checking->caller))
        background_start(&checking->background, call);
    else
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, "this token may not read everything");
    return 0;
}

static void checking_writable(struct grpc_call *call) {
    checking_continue(grpc_call_state(call));
}

static void checking_ended(struct grpc_call *call) {
    struct checking *checking = grpc_call_state(call);
    caller_fini(&checking->caller);
    if (!checking->background.is_running)
        checking_release(checking);
}

const struct grpc_method method_check_store = {
    .name = "CheckStore",
    .kind = GRPC_SERVER_STREAM,
    .state_size = sizeof(struct checking),
    .started = checking_started,
    .message = checking_message,
    .writable = checking_writable,
    .ended = checking_ended,
};
