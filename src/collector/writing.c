/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a reading from its message to the store, and of what became of it back to the call.
 *
 * A call keeps a reference to itself while the store owes it an answer: it may be over long before
 * (cancelled, past its deadline), and then what the store says is only counted. Nothing that was
 * handed over is ever taken back: a call that ends early leaves its readings stored,
 * unacknowledged.
 */
#include "collector/writing.h"

#include <inttypes.h>

#include "base/plural.h"
#include "collector/rules.h"
#include "collector/worker.h"

static struct writing *writing_of_writer(struct store_writer *writer) {
    return CONTAINER_OF(writer, struct writing, writer);
}

static struct collector_worker *writing_worker(const struct writing *writing) {
    return grpc_call_worker_state(writing->call);
}

/* NULL: there is none. */
static struct otel_span *writing_span(const struct writing *writing) {
    return worker_span(writing_worker(writing), writing->call);
}

static void writing_count_refused(const struct writing *writing, enum telemetry_refusal reason) {
    telemetry_refused(worker_telemetry(writing_worker(writing)), reason, 1);
}

/* The status says what was wrong, where, and what is kept of the call. */
static void writing_finish_with_verdict(struct writing *writing) {
    if (!writing->is_stream) {
        grpc_call_finish(writing->call, writing->verdict, "%s", writing->why.text);
        return;
    }
    grpc_call_finish(writing->call, writing->verdict, "%s; %s before it %s stored",
                     writing->why.text, counted(writing->accepted, "reading", "readings").text,
                     plural(writing->accepted, "is", "are"));
}

/* Ends the call when nothing more is to be waited for. */
static void writing_try_to_end(struct writing *writing) {
    if (writing->writer.n_pending > 0 || grpc_call_is_over(writing->call))
        return;
    if (writing->verdict != GRPC_OK)
        writing_finish_with_verdict(writing);
    else if (writing->has_all)
        writing->ops->complete(writing);
}

/* Because of the reading that has this index in the call. */
static void writing_condemn(struct writing *writing, uint64_t index, enum grpc_status verdict,
                            const struct err_text *why) {
    writing->verdict = verdict;
    if (writing->is_stream)
        err_say(&writing->why, "reading %" PRIu64 " (counted from 0): %s", index, why->text);
    else
        writing->why = *why;
    grpc_call_hold(writing->call);
}

/* The first refusal replaces a broken rule: that one was met further on, and what lies between the
 * two is not kept. */
static void writing_on_refused(struct writing *writing, enum store_refusal reason) {
    struct err_text why;
    enum grpc_status verdict = GRPC_UNAVAILABLE;
    if (writing->is_refused)
        return;
    writing->is_refused = true;
    if (reason == STORE_REFUSED_MEMORY) {
        verdict = GRPC_RESOURCE_EXHAUSTED;
        err_say(&why, "the server's memory for readings is full");
    } else if (reason == STORE_REFUSED_SENSORS) {
        verdict = GRPC_RESOURCE_EXHAUSTED;
        err_say(&why, "the server has as many sensors as it can keep: readings of known ones are "
                      "taken, those of a new one are not");
    } else {
        err_say(&why, "the server's store has failed and takes nothing more");
    }
    writing_condemn(writing, writing->accepted, verdict, &why);
}

static void writing_tell(const struct writing *writing, const struct store_outcome *outcome) {
    struct otel_span *span = writing_span(writing);
    telemetry_settled(worker_telemetry(writing_worker(writing)), span, outcome);
    if (span)
        otel_span_set(span, "sensor.readings", otel_integer((int64_t)writing->accepted));
}

static void writing_on_settled(struct store_writer *writer, const struct store_outcome *outcome) {
    struct writing *writing = writing_of_writer(writer);
    struct grpc_call *call = writing->call;
    bool was_last = writer->n_pending == 0; /* below, the call may take more */
    writing->accepted += outcome->accepted;
    writing->duplicates += outcome->duplicates;
    writing_tell(writing, outcome);
    if (outcome->refused)
        writing_on_refused(writing,
                           outcome->reason); /* first, so that `progress` lets nothing in */
    if (outcome->accepted && writing->ops->progress && !grpc_call_is_over(call))
        writing->ops->progress(writing, outcome->accepted);
    writing_try_to_end(writing);
    if (was_last)
        grpc_call_unref(call);
}

void writing_init(struct writing *writing, struct grpc_call *call, const struct writing_ops *ops,
                  bool is_stream) {
    writing->writer.settled = writing_on_settled;
    writing->ops = ops;
    writing->call = call;
    writing->is_stream = is_stream;
    list_init(&writing->held);
    caller_init(&writing->caller, call);
}

void writing_fini(struct writing *writing) {
    if (!writing->call)
        return; /* it ended before it started */
    list_unlink(&writing->held);
    caller_fini(&writing->caller);
}

static bool writing_id_is_checked(const struct writing *writing, struct bytes id) {
    return id.len && bytes_equal_short(id, bytes_of(writing->checked_id, writing->checked_len));
}

/* Rule and right of the id; GRPC_OK or the verdict. */
static enum grpc_status writing_check_id(struct writing *writing, struct bytes id,
                                         struct err_text *why) {
    if (writing_id_is_checked(writing, id))
        return GRPC_OK;
    if (rules_check_sensor_id(id, why))
        return GRPC_INVALID_ARGUMENT;
    if (!caller_may_write(&writing->caller, id)) {
        err_say(why, "this token may not write to sensor '%.*s'", BYTES_ARGS(id));
        return GRPC_PERMISSION_DENIED;
    }
    writing->checked_len = (uint8_t)id.len;
    memcpy(writing->checked_id, id.data, id.len);
    return GRPC_OK;
}

static enum grpc_status writing_check(struct writing *writing, struct bytes message,
                                      struct reading *reading, struct err_text *why) {
    if (reading_decode(message, reading)) {
        err_say(why, "the message is not a SensorReading");
        return GRPC_INTERNAL;
    }
    enum grpc_status verdict = writing_check_id(writing, reading->sensor_id, why);
    if (verdict != GRPC_OK)
        return verdict;
    int64_t latest_s = worker_latest_s(writing_worker(writing));
    return rules_check_values(reading, latest_s, why) ? GRPC_INVALID_ARGUMENT : GRPC_OK;
}

/* A call's span names its first sensor; mostly it has no other. */
static void writing_name_sensor(const struct writing *writing, struct bytes id) {
    struct otel_span *span = writing_span(writing);
    if (span)
        otel_span_set(span, "sensor.id", otel_text(id));
}

static int writing_append(struct writing *writing, const struct reading *reading) {
    struct collector_worker *worker = writing_worker(writing);
    bool is_first = writing->writer.n_pending == 0;
    int r = store_port_append(worker->port, &writing->writer, reading);
    if (r == STORE_E_FULL) {
        list_unlink(&writing->held);
        list_append(&worker->held, &writing->held);
        return GRPC_E_HOLD;
    }
    if (r) {
        struct err_text why;
        err_say(&why, "the server is out of memory");
        writing_count_refused(writing, TELEMETRY_MEMORY);
        writing_condemn(writing, writing->n_taken, GRPC_RESOURCE_EXHAUSTED, &why);
        return 0;
    }
    if (writing->n_taken++ == 0)
        writing_name_sensor(writing, reading->sensor_id);
    if (is_first)
        grpc_call_ref(writing->call); /* until the store has settled all */
    return 0;
}

/* A reading that breaks a rule, or for whose sensor there is no right. */
static void writing_refuse(struct writing *writing, enum grpc_status verdict,
                           const struct err_text *why) {
    writing_count_refused(writing,
                          verdict == GRPC_PERMISSION_DENIED ? TELEMETRY_DENIED : TELEMETRY_INVALID);
    writing_condemn(writing, writing->n_taken, verdict, why);
}

int writing_take(struct writing *writing, struct bytes message, double *temperature) {
    struct reading reading;
    struct err_text why;
    if (writing->verdict != GRPC_OK)
        return 0;
    enum grpc_status verdict = writing_check(writing, message, &reading, &why);
    if (verdict != GRPC_OK)
        writing_refuse(writing, verdict, &why);
    else if (writing_append(writing, &reading))
        return GRPC_E_HOLD;
    if (temperature)
        *temperature = reading.temperature;
    writing_try_to_end(writing);
    return 0;
}

void writing_half_close(struct writing *writing) {
    writing->has_all = true;
    writing_try_to_end(writing);
}

void writing_break(struct writing *writing, enum grpc_status status, const struct err_text *why) {
    if (writing->verdict == GRPC_OK)
        writing_condemn(writing, writing->n_taken, status, why);
    writing_try_to_end(writing);
}

void writing_refuse_full(struct writing *writing) {
    struct err_text why;
    list_unlink(&writing->held);
    writing_count_refused(writing, TELEMETRY_BUSY);
    err_say(&why, "the server has too many readings waiting to be stored; try again shortly");
    writing_condemn(writing, writing->n_taken, GRPC_RESOURCE_EXHAUSTED, &why);
    writing_try_to_end(writing);
}

void writing_resume_held(struct list *held) {
    struct list ready;
    list_init(&ready);
    list_move_all(&ready, held);
    for (struct list *node; (node = list_pop(&ready));)
        grpc_call_release(CONTAINER_OF(node, struct writing, held)->call);
}
