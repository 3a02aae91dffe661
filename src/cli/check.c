/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `check DIR` reads the files itself, and takes care that nobody begins to use them meanwhile.
 * `check` asks the server, which checks what it has open. Both print the same.
 */
#include <stdio.h>
#include <string.h>

#include "cli/check_report.h"
#include "cli/client.h"
#include "cli/verb.h"
#include "proto/message.h"
#include "proto/thermograph.pb-c.h"

/* ---- the files ---- */

static void on_found(void *user, const struct check_finding *finding) {
    check_report_finding(user, finding);
}

static int status_of(uint64_t n_findings) {
    return n_findings ? EXIT_FAILED : EXIT_OK;
}

/* What could not be checked is not said to be well. */
static int check_all(struct check *check, struct check_report *report, struct err_text *why) {
    int r;
    while ((r = check_step(check, on_found, report, why)) == 0)
        check_report_progress(report, check_percent(check));
    if (r < 0)
        check_report_break_off(report);
    return r < 0 ? r : 0;
}

static int check_directory(const struct options *options, struct check_report *report) {
    const struct check_options of = {.directory = options->arguments[0], .is_offline = true};
    struct check *check;
    struct check_counts counts = {0};
    struct err_text why;
    int r = check_new(&of, &check, &why);
    if (r == 0) {
        r = check_all(check, report, &why);
        check_counts(check, &counts);
        check_free(check);
    }
    if (r) {
        say_failure(options, "%s", why.text);
        return EXIT_FAILED;
    }
    check_report_sum(report, &counts);
    return finish_output(options, status_of(counts.n_findings));
}

static int run_offline(const struct options *options) {
    struct check_report report;
    struct err_text why;
    unsigned format = OUTPUT_TABLE;
    if (options_choice(options, OPTION_OUTPUT, &format, &why))
        return say_usage(options, &why);
    if (!options->arguments[0][0]) {
        err_say(&why, "DIR is empty: give the directory of a server that does not run");
        return say_usage(options, &why);
    }
    check_report_init(&report, (enum output_format)format);
    return check_directory(options, &report);
}

/* ---- the server ---- */

struct asking {
    struct client client;
    struct check_report report;
    bool has_sum;
    struct check_counts counts;
};

static struct stats_instant instant_of(const Thermograph__V1__Time *time) {
    return time ? (struct stats_instant){time->seconds, time->nanos} : (struct stats_instant){0, 0};
}

static void take_finding(struct asking *asking, const Thermograph__V1__CheckFinding *from) {
    struct check_finding finding = {
        .kind = from->kind,
        .is_note = from->is_note,
        .sensor_id = bytes_str(from->sensor_id),
        .chunk = from->chunk,
        .has_times = from->from && from->to,
        .from = instant_of(from->from),
        .to = instant_of(from->to),
        .file = from->file,
    };
    err_say(&finding.words, "%s", from->words);
    check_report_finding(&asking->report, &finding);
}

static void take_sum(struct asking *asking, const Thermograph__V1__CheckSum *sum) {
    asking->has_sum = true;
    asking->counts = (struct check_counts){
        .n_sensors = sum->sensors,
        .n_chunks = sum->chunks,
        .n_readings = sum->readings,
        .n_bytes = sum->bytes,
        .n_findings = sum->findings,
        .n_notes = sum->notes,
        .n_unchecked = sum->unchecked_readings,
    };
}

/* What a newer server says beyond these is left alone. */
static void take_event(struct asking *asking, const Thermograph__V1__CheckStoreResponse *event) {
    switch (event->event_case) {
    case THERMOGRAPH__V1__CHECK_STORE_RESPONSE__EVENT_PROGRESS:
        check_report_progress(&asking->report, event->progress->percent);
        break;
    case THERMOGRAPH__V1__CHECK_STORE_RESPONSE__EVENT_FINDING:
        take_finding(asking, event->finding);
        break;
    case THERMOGRAPH__V1__CHECK_STORE_RESPONSE__EVENT_SUM:
        take_sum(asking, event->sum);
        break;
    default:
        break;
    }
}

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct asking *asking = grpc_client_call_user(call);
    CLEANUP(message_freep) ProtobufCMessage *unpacked = NULL;
    if (message_unpack(&thermograph__v1__check_store_response__descriptor, message, &unpacked))
        client_fail(&asking->client, GRPC_INTERNAL, "a message of the answer cannot be read");
    else
        take_event(asking, (const Thermograph__V1__CheckStoreResponse *)unpacked);
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct asking *asking = grpc_client_call_user(call);
    struct client *client = &asking->client;
    check_report_break_off(&asking->report);
    if (status == GRPC_OK && !asking->has_sum)
        client_fail(client, GRPC_INTERNAL, "the answer has no sum");
    else if (status != GRPC_OK)
        client_fail(client, status, text);
    else if (!client->is_finished)
        check_report_sum(&asking->report, &asking->counts);
    client_finish(client, status_of(asking->counts.n_findings));
}

static const struct grpc_client_ops ops = {.message = on_message, .status = on_status};

static void ask(struct asking *asking) {
    const Thermograph__V1__CheckStoreRequest request = THERMOGRAPH__V1__CHECK_STORE_REQUEST__INIT;
    struct grpc_client_call *call;
    if (client_call(&asking->client, "/thermograph.v1.Thermograph/CheckStore", &ops, asking, &call))
        return;
    int r = grpc_client_call_send(call, &request.base);
    if (r)
        client_fail(&asking->client, GRPC_INTERNAL, strerror(-r));
    else
        grpc_client_call_half_close(call);
}

static int run(const struct options *options) {
    struct asking asking = {0};
    if (options->n_arguments)
        return run_offline(options);
    int status = client_open(&asking.client, options, 0);
    if (status)
        return status;
    check_report_init(&asking.report, asking.client.format);
    ask(&asking);
    return client_run(&asking.client);
}

const struct verb verb_check = {
    .name = "check",
    .arguments = "[DIR]",
    .max_arguments = 1,
    .summary = "Check what is kept: every checksum, order and sum; succeeds only if all is well",
    .more = "With DIR it reads that directory of a server that does not run, the journal too, and "
            "changes nothing. Without, a server checks itself while it serves: all that is in "
            "store.sqlite, and not the newest readings, which are in its journal and memory; how "
            "many these are is said. This needs a token that may read everything.\n\n"
            "Examples:\n"
            "  thermograph check /var/lib/thermograph\n"
            "  thermograph check --token-file all.token --output json\n",
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
