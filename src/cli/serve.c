/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server as a program: puts store, collector, health, reflection and the gRPC server together,
 * and takes them apart again in the opposite order.
 *
 *     STARTING -> SERVING -> DRAINING -> over
 *                  SIGTERM    a second signal hurries
 *
 * The admin port, if there is one, opens after the listeners and closes before all else: it is
 * there while the server drains, and says so.
 *
 * SIGTERM and SIGINT: health says NOT_SERVING, running calls may finish for --drain-timeout, then
 * the store ends. SIGHUP and a change of the tokens' file read the tokens again. Whatever keeps the
 * server from starting is one line.
 *
 * Whoever started it (cli/service_manager.h) is told of each of these steps, and hears that it
 * lives as long as the loop turns and the store's writer comes to look for work.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/file_watch.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/signals.h"
#include "cli/client.h"
#include "cli/libraries.h"
#include "cli/serve_telemetry.h"
#include "cli/service_manager.h"
#include "cli/verb.h"
#include "collector/collector.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/server.h"
#include "net/loop.h"
#include "net/tls.h"
#include "proto/descriptors.h"
#include "store/backend.h"
#include "store/durable.h"
#include "store/memory.h"
#include "store/store.h"
#include "web/admin.h"

enum {
    TOKENS_WATCH_MS = 1000,
    CERTIFICATE_WARN_DAYS = 30,
    N_BUILT_IN_SERVICES = 3, /* health and both reflections */
    N_SERVICES = COLLECTOR_N_SERVICES + N_BUILT_IN_SERVICES,
};

enum serve_state {
    SERVE_STARTING,
    SERVE_SERVING,
    SERVE_DRAINING,
};

struct serve {
    struct serve_settings settings;
    _Atomic enum serve_state state; /* the main thread sets it, the admin port's reads it */
    bool has_loop;
    struct net_loop loop;
    SSL_CTX *tls;
    int64_t expires_at; /* of the certificate, seconds since 1970; 0: there is none */
    struct serve_telemetry telemetry;
    struct store *store;
    _Atomic bool has_store_failed;
    struct collector *collector;
    struct grpc_health *health;
    const char *service_names[N_SERVICES]; /* borrowed by health and reflection */
    struct grpc_reflection *reflection;
    struct grpc_server *server;
    struct libraries_text version; /* borrowed by the admin port */
    struct admin *admin;
    bool is_watching; /* the two that follow */
    struct signals signals;
    struct file_watch tokens_watch;
    struct service_manager manager;
    uint64_t n_writer_looks; /* when the manager was last told that we live */
};

/* ---- the parts ---- */

static int say_errno(int r, const char *what, struct err_text *why) {
    if (r)
        err_say(why, "cannot start %s: %s", what, strerror(-r));
    return r;
}

static int open_tls(struct serve *serve, struct err_text *why) {
    const struct serve_settings *settings = &serve->settings;
    if (!settings->cert)
        return 0;
    int r = net_tls_server_new(settings->cert, settings->key, &serve->tls, &serve->expires_at, why);
    if (r)
        return r;
    int64_t days = (serve->expires_at - (int64_t)(clock_wall_ns() / NS_PER_S)) / 86400;
    if (days < CERTIFICATE_WARN_DAYS)
        log_warn("the certificate %s expires in %s: make generate_certs RENEW=1", settings->cert,
                 counted((uint64_t)days, "day", "days").text);
    return 0;
}

/* Any thread. */
static void on_store_failed(void *user, const char *words) {
    struct serve *serve = user;
    log_error("%s", words);
    serve->has_store_failed = true;
    service_manager_tell(&serve->manager, "STATUS=readings are refused: %s", words);
    if (serve->health)
        grpc_health_set(serve->health, false);
}

static int open_backend(struct serve *serve, struct store_backend **backend, struct err_text *why) {
    const struct serve_settings *settings = &serve->settings;
    const struct store_memory_options in_memory = {.limit_bytes = settings->memory_limit_bytes};
    if (!settings->data)
        return say_errno(store_memory_new(&in_memory, backend), "the store", why);
    const struct store_durable_options options = {
        .directory = settings->data,
        .journal_limit_bytes = settings->journal_limit_bytes,
        .memory_limit_bytes = settings->memory_limit_bytes,
        .failed = on_store_failed,
        .user = serve,
    };
    return store_durable_new(&options, backend, why);
}

static int open_store(struct serve *serve, struct err_text *why) {
    struct store_backend *backend;
    int r = open_backend(serve, &backend, why);
    if (r)
        return r;
    r = store_new(&serve->store, backend);
    if (r)
        backend->ops->free(backend);
    return say_errno(r, "the store", why);
}

static int watch_store(struct serve *serve, struct err_text *why) {
    int r =
        serve_telemetry_watch(&serve->telemetry, serve->store, &serve->settings, serve->expires_at);
    return say_errno(r, "telemetry", why);
}

static int open_collector(struct serve *serve, struct err_text *why) {
    const struct collector_options options = {
        .store = serve->store,
        .tokens_file = serve->settings.tokens,
        .max_future_s = serve->settings.max_future_s,
        .telemetry = serve->telemetry.readings,
        .span_of_call = otlp_grpc_call_span,
    };
    if (options.tokens_file)
        file_watch_look(&serve->tokens_watch, options.tokens_file);
    return collector_new(&options, &serve->collector, why);
}

/* Health knows the collector's services; reflection lists those and the built-in ones. */
static int open_health_and_reflection(struct serve *serve, struct err_text *why) {
    const char **names = serve->service_names;
    for (size_t i = 0; i < COLLECTOR_N_SERVICES; i++)
        names[i] = collector_services(serve->collector)[i]->name;
    names[COLLECTOR_N_SERVICES] = "grpc.health.v1.Health";
    names[COLLECTOR_N_SERVICES + 1] = "grpc.reflection.v1.ServerReflection";
    names[COLLECTOR_N_SERVICES + 2] = "grpc.reflection.v1alpha.ServerReflection";
    int r = grpc_health_new(names, COLLECTOR_N_SERVICES, &serve->health);
    if (r)
        return say_errno(r, "the health service", why);
    r = grpc_reflection_new(descriptors_file_set(), names, N_SERVICES, &serve->reflection);
    return say_errno(r, "reflection", why);
}

static int open_server(struct serve *serve, struct err_text *why) {
    const struct grpc_service *services[N_SERVICES];
    struct grpc_server_options options = {
        .n_workers = serve->settings.n_workers,
        .services = services,
        .n_services = N_SERVICES,
        .observer = serve_telemetry_observer(&serve->telemetry),
    };
    for (size_t i = 0; i < COLLECTOR_N_SERVICES; i++)
        services[i] = collector_services(serve->collector)[i];
    services[COLLECTOR_N_SERVICES] = grpc_health_service(serve->health);
    services[COLLECTOR_N_SERVICES + 1] = grpc_reflection_v1(serve->reflection);
    services[COLLECTOR_N_SERVICES + 2] = grpc_reflection_v1alpha(serve->reflection);
    collector_hooks(serve->collector, &options.hooks);
    int r = grpc_server_new(&serve->loop, &options, &serve->server);
    if (r)
        return say_errno(r, "the server", why);
    r = grpc_health_attach(serve->health, serve->server);
    return say_errno(r, "the health service", why);
}

static int open_listeners(struct serve *serve, struct err_text *why) {
    const struct serve_settings *settings = &serve->settings;
    int r = 0;
    for (size_t i = 0; i < settings->n_addresses && r == 0; i++)
        r = grpc_server_listen(serve->server, &settings->addresses[i], serve->tls, why);
    return r;
}

/* On the admin port's thread. */
static int collect(void *user, void (*use)(void *use_user, const struct otel_metrics *metrics),
                   void *use_user) {
    const struct serve *serve = user;
    struct otel_sdk *sdk = serve->telemetry.telemetry.sdk;
    if (!sdk)
        return 0; /* not an empty page: it says that metrics are switched off */
    return otel_sdk_collect(sdk, use, use_user);
}

/* On the admin port's thread. */
static const char *why_not_ready(void *user) {
    struct serve *serve = user;
    if (serve->has_store_failed)
        return "the store has failed: readings are refused, and the log says why";
    if (serve->state == SERVE_STARTING)
        return "starting";
    return serve->state == SERVE_DRAINING ? "stopping: only running calls may finish" : NULL;
}

static int open_admin(struct serve *serve, struct err_text *why) {
    if (!serve->settings.has_admin)
        return 0;
    serve->version = libraries_text();
    const struct admin_options options = {
        .address = serve->settings.admin,
        .address_option = "--admin",
        .sources = {.collect = collect,
                    .collect_user = serve,
                    .why_not_ready = why_not_ready,
                    .user = serve,
                    .version = serve->version.text},
    };
    return admin_open(&options, &serve->admin, why);
}

static int open_loop(struct serve *serve, struct err_text *why) {
    int r = net_loop_init(&serve->loop, NULL, NULL);
    serve->has_loop = r == 0;
    return say_errno(r, "the event loop", why);
}

typedef int (*open_fn)(struct serve *serve, struct err_text *why);

/*
 * What has to be closed again is closed by serve_close(), also after a failure. Listeners come
 * last, though a port in use leaves a new directory behind so: nobody is to connect, and wait,
 * while a journal is read.
 */
static int open_all(struct serve *serve, struct err_text *why) {
    static const open_fn parts[] = {
        open_tls,    open_loop,      open_store,
        watch_store, open_collector, open_health_and_reflection,
        open_server, open_listeners, open_admin,
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++)
        r = parts[i](serve, why);
    return r;
}

static int start_threads(struct serve *serve, struct err_text *why) {
    int r = grpc_server_start(serve->server); /* makes the ports, so it comes first */
    if (r)
        return say_errno(r, "the workers", why);
    return say_errno(store_start(serve->store), "the store's writer", why);
}

static void unwatch_world(struct serve *serve) {
    if (!serve->is_watching)
        return;
    serve->is_watching = false;
    signals_close(&serve->signals);
    service_manager_unwatch(&serve->manager);
    if (serve->settings.tokens)
        file_watch_close(&serve->tokens_watch);
}

static void serve_close(struct serve *serve) {
    admin_close(serve->admin);
    unwatch_world(serve);
    if (serve->has_loop)
        net_loop_close(&serve->loop);
    if (serve->store)
        store_stop(serve->store);
    grpc_server_free(serve->server); /* closes the listeners, where the start has failed */
    if (serve->has_loop)
        net_loop_run(&serve->loop);
    grpc_reflection_free(serve->reflection);
    collector_free(serve->collector);
    serve_telemetry_unwatch(&serve->telemetry);
    store_free(serve->store); /* it may still fail, and then tells health */
    grpc_health_free(serve->health);
    SSL_CTX_free(serve->tls);
    if (serve->has_loop)
        net_loop_fini(&serve->loop);
    serve_telemetry_close(&serve->telemetry);
    service_manager_fini(&serve->manager);
}

/* ---- while it serves ---- */

static void warn_of_no_tokens(const struct serve *serve) {
    const char *file = serve->settings.tokens;
    if (file && collector_n_tokens(serve->collector) == 0)
        log_warn("%s holds no tokens, so every call is refused; `thermograph token create --tokens "
                 "%s' adds one",
                 file, file);
}

static void reload_tokens(struct serve *serve) {
    struct err_text why;
    if (!serve->settings.tokens || serve->state != SERVE_SERVING)
        return;
    if (collector_reload_tokens(serve->collector, serve->server, &why))
        log_error("the tokens stay as they were: %s", why.text);
    else
        log_info("tokens read again from %s", serve->settings.tokens);
    warn_of_no_tokens(serve);
}

static void on_hang_up(struct serve *serve) {
    if (serve->state != SERVE_SERVING)
        return; /* to say READY=1 would take the end back */
    service_manager_tell_reloading(&serve->manager);
    reload_tokens(serve);
    service_manager_tell(&serve->manager, "READY=1");
}

/* A file that is gone is told by the reading. */
static void on_tokens_changed(void *user) {
    reload_tokens(user);
}

static void on_stopped(void *user) {
    struct serve *serve = user;
    unwatch_world(serve);
    net_loop_close(&serve->loop);
}

static void serve_stop(struct serve *serve) {
    if (serve->state == SERVE_DRAINING) {
        log_info("stopping at once");
        grpc_server_stop(serve->server, 0, on_stopped, serve);
        return;
    }
    serve->state = SERVE_DRAINING;
    service_manager_tell(&serve->manager, "STOPPING=1\nSTATUS=stopping: running calls may finish");
    log_info("stopping; running calls may finish for %llu s (a second signal stops at once)",
             (unsigned long long)(serve->settings.drain_timeout_ns / NS_PER_S));
    grpc_health_stop(serve->health);
    grpc_server_stop(serve->server, serve->settings.drain_timeout_ns, on_stopped, serve);
}

static void on_signal(void *user, int number) {
    struct serve *serve = user;
    if (number == SIGHUP)
        on_hang_up(serve);
    else
        serve_stop(serve);
}

/* Until here a signal ends the program as it always does: a start writes nothing that a crash would
 * hurt. */
static int watch_world(struct serve *serve, struct err_text *why) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    int r = signals_watch(&serve->signals, &serve->loop.uv, signals, on_signal, serve);
    if (r)
        return say_errno(r, "the watch for signals", why);
    if (serve->settings.tokens)
        file_watch_start(&serve->tokens_watch, &serve->loop.uv, TOKENS_WATCH_MS, on_tokens_changed,
                         serve);
    serve->is_watching = true;
    return 0;
}

/* ---- who started it ---- */

/* Without one that can be told, or that watches, the server is as good. */
static void open_manager(struct service_manager *manager) {
    struct err_text why;
    if (service_manager_init(manager, &why))
        log_warn("the service manager: %s", why.text);
}

/* A commit that lasts from one look to the next is a disk that does not answer. */
static bool is_alive(void *user) {
    struct serve *serve = user;
    uint64_t before = serve->n_writer_looks;
    serve->n_writer_looks = store_wake_writer(serve->store);
    return serve->n_writer_looks != before;
}

/* ---- what it says of itself ---- */

static void say_libraries(void) {
    struct library libraries[N_LIBRARIES];
    libraries_list(libraries);
    log_info("thermograph %s with %s %s, %s %s, %s %s", THERMOGRAPH_VERSION, libraries[0].name,
             libraries[0].version, libraries[1].name, libraries[1].version, libraries[2].name,
             libraries[2].version);
}

/* `127.0.0.1:9464` */
struct address_text {
    char text[sizeof(((struct net_address *)NULL)->host) + 10];
};

static struct address_text format_address(const struct net_address *address, uint16_t port) {
    struct address_text out;
    bool is_v6 = strchr(address->host, ':');
    snprintf(out.text, sizeof(out.text), is_v6 ? "[%s]:%u" : "%s:%u", address->host, port);
    return out;
}

static void say_warnings(const struct serve_settings *settings) {
    if (!settings->cert)
        log_warn("no --cert and --key: connections are plaintext, without TLS");
    if (!settings->tokens)
        log_warn("no --tokens: anyone who can connect may write and read everything");
    else if (tokens_file_is_open(settings->tokens))
        log_warn("other users here can read or change %s; run: chmod 600 %s", settings->tokens,
                 settings->tokens);
    if (settings->has_admin && !net_address_is_loopback(&settings->admin))
        log_warn("other machines can reach the admin port, which has neither TLS nor tokens: "
                 "anyone there may read metrics, sensors' names and temperatures among them");
}

/* `127.0.0.1:50051, [::1]:50051` */
static void format_addresses(const struct serve *serve, char *out, size_t cap) {
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < serve->settings.n_addresses && n < cap; i++) {
        const struct net_address *address = &serve->settings.addresses[i];
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "",
                              format_address(address, grpc_server_port(serve->server, i)).text);
    }
}

static void say_serving(const struct serve *serve) {
    const struct serve_settings *settings = &serve->settings;
    char addresses[1024];
    format_addresses(serve, addresses, sizeof(addresses));
    log_info("serving on %s (%s, %s%s, %s, readings in %s)", addresses,
             settings->cert ? "TLS" : "plaintext", settings->tokens ? "tokens from " : "no tokens",
             settings->tokens ? settings->tokens : "",
             counted(settings->n_workers, "worker", "workers").text,
             settings->data ? settings->data : "memory");
    if (serve->admin)
        log_info("admin port on %s",
                 format_address(&settings->admin, admin_port(serve->admin)).text);
}

static void tell_ready(struct serve *serve) {
    char addresses[1024];
    format_addresses(serve, addresses, sizeof(addresses));
    service_manager_tell(&serve->manager, "READY=1\nSTATUS=serving on %s", addresses);
    serve->n_writer_looks = store_wake_writer(serve->store);
    service_manager_watch(&serve->manager, &serve->loop.uv, is_alive, serve);
}

/* ---- the verb ---- */

static int run_server(struct serve *serve, struct err_text *why) {
    int r = open_all(serve, why);
    if (r == 0)
        r = watch_world(serve, why);
    if (r == 0)
        r = start_threads(serve, why);
    if (r)
        return r;
    say_warnings(&serve->settings);
    warn_of_no_tokens(serve);
    serve->state = SERVE_SERVING;
    grpc_health_set(serve->health, true);
    if (serve->has_store_failed)
        grpc_health_set(serve->health, false);
    say_serving(serve);
    tell_ready(serve);
    net_loop_run(&serve->loop);
    return 0;
}

static int run(const struct options *options) {
    struct serve serve = {.state = SERVE_STARTING};
    struct err_text why;
    if (serve_settings_read(options, &serve.settings, &why))
        return say_usage(options, &why);
    open_manager(&serve.manager);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit (ulimit -f) is a full disk, not the end */
    int r = serve_telemetry_open(&serve.telemetry, &serve.settings, options, &why);
    say_libraries(); /* now the line is a record too */
    if (r == 0)
        r = run_server(&serve, &why);
    if (r) {
        log_error("%s", why.text);
        service_manager_tell(&serve.manager, "STATUS=not started: %s", why.text);
    }
    serve_close(&serve);
    if (r == 0)
        log_info("stopped");
    return r ? EXIT_FAILED : EXIT_OK;
}

const struct verb verb_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Serve: take readings in, keep them, answer questions about them",
    .more = "SIGTERM and Ctrl-C stop it gracefully, a second one at once. A changed tokens file is "
            "read by itself, or on SIGHUP. With --data DIR an answer means that the reading is "
            "on disk. Started by systemd with Type=notify it tells when it serves and, with "
            "WatchdogSec, that it lives.\n\n"
            "Examples:\n"
            "  thermograph serve --data /var/lib/thermograph --cert server.crt --key server.key "
            "--tokens tokens.yaml\n"
            "  thermograph serve --listen :50051 --listen [::1]:50052 --config serve.yaml\n"
            "  thermograph serve --data none --allow-anyone    (to try it, on this machine only)\n",
    .options = serve_options,
    .n_options = SERVE_N_OPTIONS,
    .run = run,
};
