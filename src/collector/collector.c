/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the product together on a gRPC server: two services made of the handlers' methods, and for
 * each worker a port to the store and a copy of the tokens.
 *
 * To add a method: its file with a `const struct grpc_method`, a line in handlers.h, a line in the
 * service's table below, and the .proto file.
 */
#include "collector/collector.h"

#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/handlers.h"
#include "collector/worker.h"
#include "collector/writing.h"

struct collector {
    struct collector_options options;
    uint64_t started_at_ns; /* by the wall clock */
    struct tokens *tokens;  /* as last read; NULL: anyone may do anything */
    struct grpc_method sensor_methods[4];
    struct grpc_method thermograph_methods[4];
    struct grpc_service sensor_service;
    struct grpc_service thermograph_service;
    const struct grpc_service *services[COLLECTOR_N_SERVICES];
    struct collector_worker **workers;
    unsigned n_workers;
};

int64_t worker_now_s(struct collector_worker *worker) {
    net_loop_renew(worker->loop); /* what the store settles does not come through net */
    if (worker->clock_read_at_ns != worker->loop->now_ns) {
        worker->clock_read_at_ns = worker->loop->now_ns;
        worker->now_s = (int64_t)(worker->collector->options.wall_clock_ns() / NS_PER_S);
    }
    return worker->now_s;
}

int64_t worker_latest_s(struct collector_worker *worker) {
    return worker_now_s(worker) + (int64_t)worker->collector->options.max_future_s;
}

struct store *worker_store(const struct collector_worker *worker) {
    return worker->collector->options.store;
}

struct collector_telemetry *worker_telemetry(const struct collector_worker *worker) {
    return worker->collector->options.telemetry;
}

struct otel_span *worker_span(const struct collector_worker *worker, const struct grpc_call *call) {
    const struct collector_options *options = &worker->collector->options;
    return options->span_of_call ? options->span_of_call(call) : NULL;
}

uint64_t worker_started_at_ns(const struct collector_worker *worker) {
    return worker->collector->started_at_ns;
}

static void collector_fill_services(struct collector *collector) {
    collector->sensor_methods[0] = method_send_single_reading;
    collector->sensor_methods[1] = method_stream_sensor_readings;
    collector->sensor_methods[2] = method_get_sensor_readings;
    collector->sensor_methods[3] = method_sensor_chat;
    collector->thermograph_methods[0] = method_list_sensors;
    collector->thermograph_methods[1] = method_get_statistics;
    collector->thermograph_methods[2] = method_get_status;
    collector->thermograph_methods[3] = method_check_store;
    collector->sensor_service = (struct grpc_service){
        .name = "SensorService",
        .methods = collector->sensor_methods,
        .n_methods = ARRAY_LEN(collector->sensor_methods),
        .user = collector,
    };
    collector->thermograph_service = (struct grpc_service){
        .name = "thermograph.v1.Thermograph",
        .methods = collector->thermograph_methods,
        .n_methods = ARRAY_LEN(collector->thermograph_methods),
        .user = collector,
    };
    collector->services[0] = &collector->sensor_service;
    collector->services[1] = &collector->thermograph_service;
}

int collector_new(const struct collector_options *options, struct collector **collector,
                  struct err_text *why) {
    struct collector *new = mem_new(struct collector);
    if (!new) {
        err_say(why, "out of memory");
        return -ENOMEM;
    }
    new->options = *options;
    if (!new->options.wall_clock_ns)
        new->options.wall_clock_ns = clock_wall_ns;
    new->started_at_ns = new->options.wall_clock_ns();
    int r = options->tokens_file ? tokens_load(options->tokens_file, &new->tokens, why) : 0;
    if (r) {
        collector_free(new);
        return r;
    }
    collector_fill_services(new);
    *collector = new;
    return 0;
}

static void worker_free(struct collector_worker *worker) {
    token_set_unref(worker->token_set);
    mem_free(worker);
}

void collector_free(struct collector *collector) {
    if (!collector)
        return;
    for (unsigned i = 0; i < collector->n_workers; i++)
        worker_free(collector->workers[i]);
    mem_free(collector->workers);
    tokens_free(collector->tokens);
    mem_free(collector);
}

const struct grpc_service *const *collector_services(const struct collector *collector) {
    return collector->services;
}

static void worker_on_resumed(void *user) {
    struct collector_worker *worker = user;
    writing_resume_held(&worker->held);
}

/* A set with a copy of the tokens. 0 or -ENOMEM. */
static int set_of_tokens(const struct tokens *tokens, struct token_set **set) {
    struct tokens *copy = NULL;
    if (tokens && !(copy = tokens_copy(tokens)))
        return -ENOMEM;
    int r = token_set_new(copy, set);
    if (r)
        tokens_free(copy);
    return r;
}

/* Puts an empty worker at the end of the collector's array. 0 or -ENOMEM. */
static int add_worker(struct collector *collector, struct collector_worker **worker) {
    struct collector_worker **workers =
        mem_resize(collector->workers, collector->n_workers + 1, sizeof(*workers));
    if (!workers)
        return -ENOMEM;
    collector->workers = workers;
    *worker = mem_new(struct collector_worker);
    if (!*worker)
        return -ENOMEM;
    workers[collector->n_workers++] = *worker;
    return 0;
}

static int worker_init(void *user, unsigned index, struct net_loop *loop, void **state) {
    struct collector *collector = user;
    struct collector_worker *worker;
    assert(index == collector->n_workers);
    int r = add_worker(collector, &worker);
    if (r)
        return err_trace(r);
    worker->collector = collector;
    worker->loop = loop;
    list_init(&worker->held);
    r = set_of_tokens(collector->tokens, &worker->token_set);
    if (r)
        return err_trace(r);
    r = store_port_new(collector->options.store, &loop->uv, worker_on_resumed, worker,
                       &worker->port);
    *state = worker;
    return err_trace(r);
}

static void worker_on_turn_ended(void *state) {
    struct collector_worker *worker = state;
    store_port_end_turn(worker->port);
}

static void worker_on_closing(void *state) {
    struct collector_worker *worker = state;
    store_port_close(worker->port);
}

void collector_hooks(struct collector *collector, struct grpc_server_hooks *hooks) {
    *hooks = (struct grpc_server_hooks){
        .user = collector,
        .worker_init = worker_init,
        .turn_ended = worker_on_turn_ended,
        .worker_closing = worker_on_closing,
        .admit = collector_admit,
        .connection_state_size = sizeof(struct caller_connection),
    };
}

/* A new set of tokens on its way to a worker. */
struct token_letter {
    struct letter letter;
    struct collector_worker *worker;
    struct token_set *set;
};

static void token_letter_deliver(struct letter *letter) {
    struct token_letter *mail = CONTAINER_OF(letter, struct token_letter, letter);
    token_set_unref(mail->worker->token_set);
    mail->worker->token_set = mail->set;
    mem_free(mail);
}

static int send_tokens(struct collector *collector, struct grpc_server *server, unsigned index) {
    struct token_letter *mail = mem_new(struct token_letter);
    if (!mail || set_of_tokens(collector->tokens, &mail->set)) {
        mem_free(mail);
        return -ENOMEM;
    }
    mail->letter.deliver = token_letter_deliver;
    mail->worker = collector->workers[index];
    if (grpc_server_post(server, index, &mail->letter)) {
        token_set_unref(mail->set); /* the worker has ended and needs no tokens */
        mem_free(mail);
    }
    return 0;
}

int collector_reload_tokens(struct collector *collector, struct grpc_server *server,
                            struct err_text *why) {
    struct tokens *tokens;
    int r = tokens_load(collector->options.tokens_file, &tokens, why);
    if (r)
        return r;
    tokens_free(collector->tokens);
    collector->tokens = tokens;
    for (unsigned i = 0; i < collector->n_workers; i++) {
        r = send_tokens(collector, server, i);
        if (r) {
            err_say(why, "out of memory: some workers still have the old tokens");
            return r;
        }
    }
    return 0;
}

size_t collector_n_tokens(const struct collector *collector) {
    return collector->tokens ? collector->tokens->n : 0;
}
