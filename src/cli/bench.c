/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `bench`: a load whose figures can be trusted. The main thread has the client's loop and
 * goes from step to step; threads of their own (bench_worker.c) make the load.
 *
 *     count -> fill (server-stream) -> warm up -> measure -> count again -> print
 *
 * A phase ends when every call of it has ended, and the server's processor time is read at both
 * ends of that. So time a reading is exact, whatever the calls' length: nothing that was counted is
 * still on its way, nothing that was worked on is missing.
 *
 * The first Ctrl-C ends the phase that runs and prints what there is, the second ends the program.
 *
 * To add a kind of call: bench_calls.c. A figure: bench_report.c.
 */
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cli/bench_report.h"
#include "cli/bench_verify.h"
#include "cli/client.h"

struct bench {
    struct client client;
    struct bench_settings settings;
    struct bench_readings readings;
    struct bench_worker *workers;
    size_t n_workers;
    size_t n_reported;
    struct mailbox mailbox; /* where the workers report */
    struct bench_count count;
    uint64_t n_held_before;
    struct bench_result result;
    size_t step; /* in `steps` */
    bool is_interrupted;
};

static void go_on(struct bench *bench);

/* ---- phases ---- */

static void begin_phase(struct bench *bench, const struct bench_phase *phase) {
    bench->n_reported = 0;
    for (size_t i = 0; i < bench->n_workers; i++)
        bench_worker_begin(&bench->workers[i], phase);
}

static void add_counts(struct bench_counts *sum, const struct bench_counts *counts) {
    if (sum->began_ns == 0 || counts->began_ns < sum->began_ns)
        sum->began_ns = counts->began_ns;
    if (counts->last_answer_ns > sum->last_answer_ns)
        sum->last_answer_ns = counts->last_answer_ns;
    sum->calls += counts->calls;
    sum->readings += counts->readings;
    sum->kept += counts->kept;
    sum->failed += counts->failed;
    sum->unstarted += counts->unstarted;
    sum->sent_bytes += counts->sent_bytes;
    sum->received_bytes += counts->received_bytes;
}

/* The last phase is the measured one: what came before is forgotten, but not what was kept. */
static void take_results(struct bench *bench) {
    struct bench_result *result = &bench->result;
    result->counts = (struct bench_counts){0};
    memset(&result->latencies, 0, sizeof(result->latencies));
    for (size_t i = 0; i < bench->n_workers; i++) {
        add_counts(&result->counts, &bench->workers[i].counts);
        histogram_add(&result->latencies, &bench->workers[i].latencies);
    }
    result->n_kept += result->counts.kept;
}

static const struct bench_worker *find_failure(const struct bench *bench) {
    for (size_t i = 0; i < bench->n_workers; i++)
        if (bench->workers[i].counts.failed)
            return &bench->workers[i];
    return NULL;
}

static void print(const struct bench *bench) {
    bench_report_print(&bench->settings, &bench->result, bench->client.format);
}

/* Says what the first call that failed was told, and ends. */
static void fail(struct bench *bench, const struct bench_worker *failed) {
    struct err_text why;
    err_say(&why, "%s failed, the first with: %s",
            counted(bench->result.counts.failed, "call", "calls").text, failed->why.text);
    if (bench->result.counts.calls)
        print(bench);
    client_fail(&bench->client, failed->failure, why.text);
}

static void on_reported(struct letter *letter) {
    const struct bench_worker *worker = CONTAINER_OF(letter, struct bench_worker, report);
    struct bench *bench = worker->user;
    if (bench->client.is_finished || ++bench->n_reported < bench->n_workers)
        return;
    take_results(bench);
    const struct bench_worker *failed = find_failure(bench);
    if (failed)
        fail(bench, failed);
    else
        go_on(bench);
}

/* ---- steps ---- */

static void on_counted(struct bench_count *count) {
    struct bench *bench = CONTAINER_OF(count, struct bench, count);
    go_on(bench);
}

static void step_count(struct bench *bench) {
    bench->count = (struct bench_count){
        .client = &bench->client,
        .how = bench->settings.verify,
        .prefix = bench->readings.prefix,
        .counted = on_counted,
    };
    bench_count_start(&bench->count);
}

static void step_fill(struct bench *bench) {
    bench->n_held_before = bench->count.n_held;
    const struct bench_phase fill = {
        .kind = BENCH_CLIENT_STREAM,
        .readings_per_call = bench->settings.readings_per_stream,
    };
    if (bench->settings.kind == BENCH_SERVER_STREAM)
        begin_phase(bench, &fill);
    else
        go_on(bench);
}

static struct bench_phase phase_of(const struct bench *bench, uint64_t duration_ns) {
    const struct bench_settings *settings = &bench->settings;
    double rate = (double)settings->rate;
    if (settings->kind == BENCH_CLIENT_STREAM) {
        double n_sensors =
            (double)settings->n_sensors / (double)(settings->n_connections * settings->n_streams);
        rate /= (double)settings->readings_per_stream * n_sensors;
    }
    return (struct bench_phase){
        .kind = settings->kind,
        .duration_ns = duration_ns,
        .rate = rate,
        .readings_per_call = settings->readings_per_stream,
    };
}

static void step_warm_up(struct bench *bench) {
    const struct bench_phase phase = phase_of(bench, bench->settings.warmup_ns);
    if (phase.duration_ns && !bench->is_interrupted)
        begin_phase(bench, &phase);
    else
        go_on(bench);
}

/* 0, or a negated errno: it was said. */
static int read_usage(struct bench *bench, struct process_usage *usage) {
    pid_t pid = bench->settings.server_pid;
    int r = pid ? process_usage_read(pid, usage) : 0;
    if (r == 0)
        return 0;
    say_failure(bench->client.options, "process %d: %s", pid, strerror(-r));
    client_finish(&bench->client, EXIT_FAILED);
    return r;
}

static void step_measure(struct bench *bench) {
    const struct bench_phase phase = phase_of(bench, bench->settings.duration_ns);
    if (bench->is_interrupted)
        client_finish(&bench->client, EXIT_INTERRUPTED);
    else if (read_usage(bench, &bench->result.before) == 0)
        begin_phase(bench, &phase);
}

static void step_count_again(struct bench *bench) {
    if (read_usage(bench, &bench->result.after) == 0)
        bench_count_start(&bench->count);
}

static void step_print(struct bench *bench) {
    struct bench_result *result = &bench->result;
    result->n_held = bench->count.n_held - bench->n_held_before;
    result->is_verified = bench->settings.verify != BENCH_VERIFY_NONE;
    print(bench);
    if (!result->is_verified || result->n_held == result->n_kept) {
        client_finish(&bench->client, bench->is_interrupted ? EXIT_INTERRUPTED : EXIT_OK);
        return;
    }
    fflush(stdout);
    say_failure(bench->client.options, "%s acknowledged, but the server holds %llu of them",
                counted(result->n_kept, "reading was", "readings were").text,
                (unsigned long long)result->n_held);
    client_finish(&bench->client, EXIT_FAILED);
}

static void (*const steps[])(struct bench *) = {
    step_count, step_fill, step_warm_up, step_measure, step_count_again, step_print,
};

static void go_on(struct bench *bench) {
    steps[bench->step++](bench);
}

/* ---- the verb ---- */

static void on_interrupted(struct client *client) {
    struct bench *bench = CONTAINER_OF(client, struct bench, client);
    if (bench->is_interrupted) {
        client_finish(client, EXIT_INTERRUPTED);
        return;
    }
    bench->is_interrupted = true;
    for (size_t i = 0; i < bench->n_workers; i++)
        bench_worker_stop(&bench->workers[i]);
}

static void on_closing(struct client *client) {
    struct bench *bench = CONTAINER_OF(client, struct bench, client);
    for (size_t i = 0; i < bench->n_workers; i++)
        bench_worker_quit(&bench->workers[i]);
    mailbox_close(&bench->mailbox, NULL);
}

/* 0 or a negated errno; the workers that were started stay. */
static int start_workers(struct bench *bench) {
    size_t n = bench->settings.n_threads;
    bench->workers = mem_new_array(struct bench_worker, n);
    if (!bench->workers)
        return -ENOMEM;
    for (; bench->n_workers < n; bench->n_workers++) {
        struct bench_worker *worker = &bench->workers[bench->n_workers];
        *worker = (struct bench_worker){
            .settings = &bench->settings,
            .readings = &bench->readings,
            .access = &bench->client.access,
            .index = bench->n_workers,
            .owner = &bench->mailbox,
            .reported = on_reported,
            .user = bench,
        };
        int r = bench_worker_start(worker);
        if (r)
            return r;
    }
    return 0;
}

static void start(struct bench *bench) {
    bench->client.interrupted = on_interrupted;
    bench->client.closing = on_closing;
    int r = bench_readings_init(&bench->readings, bench->settings.n_sensors);
    if (r == 0)
        r = start_workers(bench);
    if (r)
        client_fail(&bench->client, GRPC_INTERNAL, strerror(-r));
    else if (read_usage(bench, &bench->result.before) == 0)
        go_on(bench);
}

static int run_client(struct bench *bench) {
    int r = mailbox_init(&bench->mailbox, &bench->client.loop.uv);
    if (r) {
        client_fail(&bench->client, GRPC_INTERNAL, strerror(-r));
        return client_run(&bench->client);
    }
    start(bench);
    int status = client_run(&bench->client);
    for (size_t i = 0; i < bench->n_workers; i++)
        bench_worker_join(&bench->workers[i]);
    mailbox_fini(&bench->mailbox);
    mem_freep(&bench->workers);
    bench_readings_fini(&bench->readings);
    return status;
}

static int run(const struct options *options) {
    struct err_text why;
    CLEANUP(mem_freep) struct bench *bench = mem_new(struct bench);
    if (!bench) {
        say_failure(options, "memory ran out");
        return EXIT_FAILED;
    }
    if (bench_settings_read(options, &bench->settings, &why))
        return say_usage(options, &why);
    int status = client_open(&bench->client, options, CLIENT_UNARY_TIMEOUT_NS);
    return status ? status : run_client(bench);
}

static const enum option_id bench_options[] = {
    OPTION_KIND,     OPTION_CONNECTIONS, OPTION_STREAMS,    OPTION_RATE,
    OPTION_DURATION, OPTION_WARMUP,      OPTION_SENSORS,    OPTION_READINGS_PER_STREAM,
    OPTION_THREADS,  OPTION_VERIFY,      OPTION_SERVER_PID,
};

const struct verb verb_bench = {
    .name = "bench",
    .arguments = "",
    .summary =
        "Load a server, check what it kept, and print rate, latencies and its processor time",
    .more =
        "Without --rate each stream starts its next call when the last one was answered (a closed "
        "loop). With --rate calls are due at fixed times and their latency counts from then, "
        "whether a stream was free or not. Times of readings start in 2001 and move on; sensors are "
        "named bench-RUN-1 and so on, and stay on the server. server-stream first sends what it "
        "reads. The token has to read and write. Ctrl-C prints what there is.\n\n"
        "Examples:\n"
        "  thermograph bench --connections 8 --streams 32\n"
        "  thermograph bench --kind client-stream --server-pid $(pgrep -f 'thermograph serve')\n"
        "  thermograph bench --kind chat --rate 1000 --streams 10 --output json\n",
    .options = bench_options,
    .n_options = ARRAY_LEN(bench_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
