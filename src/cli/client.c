/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of every verb that is a client. The process has one loop and one channel; standard
 * output is flushed once for each turn of the loop, so a line is out as soon as its message came,
 * and a million lines cost few writes.
 *
 * When whoever reads our output has gone (`thermograph get ... | head`), the verb ends at once and
 * without a word.
 */
#include "cli/client.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/hints.h"
#include "net/tls.h"

#define DEFAULT_PORT 50051

/* What a connection's last bytes may take. */
#define END_PATIENCE_MS 1000

/* ---- words ---- */

void say_failure(const struct options *options, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "thermograph: %s: ", options->verb->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int say_usage(const struct options *options, const struct err_text *why) {
    say_failure(options, "%s", why->text);
    return EXIT_USAGE;
}

static int say_unusable(const struct options *options, int r, const struct err_text *why) {
    say_failure(options, "%s", why->text);
    return options_exit_status(r);
}

const char *client_hint(const struct client *client, enum grpc_status status, const char *text) {
    struct hint_situation situation = {
        .has_token = options_given(client->options, OPTION_TOKEN) ||
                     options_given(client->options, OPTION_TOKEN_FILE),
        .has_certificate = options_given(client->options, OPTION_CLIENT_CERT),
        .plaintext_from = client->options->values[OPTION_PLAINTEXT].source,
    };
    struct err_text unused;
    int r = options_flag(client->options, OPTION_PLAINTEXT, &situation.is_plaintext, &unused);
    (void)r; /* it was checked when the client was opened */
    return hint_for(status, text, situation);
}

void client_fail(struct client *client, enum grpc_status status, const char *text) {
    if (client->is_finished)
        return;
    const char *hint = client_hint(client, status, text);
    fflush(stdout);
    say_failure(client->options, "%s: %s%s%s%s", grpc_status_name(status), text, hint ? " (" : "",
                hint ? hint : "", hint ? ")" : "");
    client_finish(client, EXIT_FAILED);
}

bool client_say_if_unsent(const struct client *client) {
    if (grpc_channel_was_ready(client->channel))
        return false;
    say_failure(client->options, "nothing was sent: there has been no connection");
    return true;
}

/* stdio keeps that a write has failed, and not why. */
static int why_output_failed(void) {
    struct pollfd output = {.fd = STDOUT_FILENO};
    bool is_seen = poll(&output, 1, 0) == 1;
    return is_seen && (output.revents & (POLLERR | POLLHUP)) ? -EPIPE : -EIO;
}

/* What has failed since the start counts, also when a later write went well. 0 or a negated errno.
 */
static int flush_output(void) {
    if (fflush(stdout))
        return -errno;
    return ferror(stdout) ? why_output_failed() : 0;
}

static void say_unwritten(const struct options *options, int r) {
    if (r != -EPIPE)
        say_failure(options, "cannot write: %s", strerror(-r));
}

int finish_output(const struct options *options, int exit_status) {
    int r = flush_output();
    if (r == 0 || exit_status != EXIT_OK)
        return exit_status;
    say_unwritten(options, r);
    return EXIT_FAILED;
}

/* ---- the token ---- */

/* A token travels in a header, so it is printable ASCII without spaces. */
static bool is_token(const char *text) {
    const char *at = text;
    while (*at > ' ' && *at <= '~')
        at++;
    return *text != '\0' && *at == '\0';
}

int client_read_token(FILE *file, const char *name, struct client_token *token,
                      struct err_text *why) {
    if (!fgets(token->text, sizeof(token->text), file)) {
        int r = ferror(file) ? -errno : -EBADMSG;
        err_say(why, "%s: %s", name, ferror(file) ? strerror(errno) : "there is no token in it");
        return r;
    }
    size_t len = strcspn(token->text, "\r\n");
    token->text[len] = '\0';
    while (len > 0 && token->text[len - 1] == ' ')
        token->text[--len] = '\0';
    if (is_token(token->text))
        return 0;
    err_say(why, "%s: its first line is no token", name);
    return -EBADMSG;
}

static int blame_file(const struct options *options, enum option_id id, int r,
                      struct err_text *why) {
    int unused = options_blame(options, id, why);
    (void)unused; /* it would say that the usage was wrong */
    return r;
}

/* It is a secret, unlike the hashes in a server's file of tokens. */
static void warn_of_readers(FILE *file, const char *name) {
    struct stat stat;
    if (fstat(fileno(file), &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & S_IROTH))
        log_warn("the token in %s can be read by every user here; run: chmod 600 %s", name, name);
}

static int read_token_file(const struct options *options, struct client_token *token,
                           struct err_text *why) {
    const char *name = options_text(options, OPTION_TOKEN_FILE);
    FILE *file = fopen(name, "re");
    if (!file) {
        int r = -errno;
        err_say(why, "%s: %s%s", name, strerror(-r),
                r == -ENOENT ? " (it holds what `thermograph token create' has printed)"
                             : err_reading_remedy(r));
        return blame_file(options, OPTION_TOKEN_FILE, r, why);
    }
    warn_of_readers(file, name);
    int r = client_read_token(file, name, token, why);
    fclose(file);
    return r ? blame_file(options, OPTION_TOKEN_FILE, r, why) : 0;
}

/* The words do not repeat it. */
static int check_token(const struct options *options, const char *token, struct err_text *why) {
    if (is_token(token))
        return 0;
    err_say(why, *token ? "it has a space or another character that no token has" : "it is empty");
    return options_blame(options, OPTION_TOKEN, why);
}

/* Of --token and --token-file the one from the stronger source counts. `*text` may become NULL. */
static int choose_token(const struct options *options, struct client_token *token,
                        const char **text, struct err_text *why) {
    enum option_source direct = options->values[OPTION_TOKEN].source;
    enum option_source in_file = options->values[OPTION_TOKEN_FILE].source;
    *text = NULL;
    if (direct == in_file && direct != SOURCE_NONE) {
        err_say(why, "there is a token-file too; give one of them");
        return options_blame(options, OPTION_TOKEN, why);
    }
    if (direct > in_file)
        *text = options_text(options, OPTION_TOKEN);
    if (*text)
        return check_token(options, *text, why);
    if (direct == in_file)
        return 0;
    *text = token->text;
    return read_token_file(options, token, why);
}

/* ---- opening ---- */

/* Everything that is read from the options. 0; -EINVAL when these are wrong, something else when a
 * file is that they name; each with words. */
static int read_settings(struct client *client, struct err_text *why) {
    const struct options *options = client->options;
    struct grpc_channel_options *access = &client->access;
    bool is_plaintext = false;
    unsigned format = OUTPUT_TABLE;
    const char *server = options_text(options, OPTION_SERVER);
    if (net_address_parse(server, DEFAULT_PORT, &access->address, why))
        return options_blame(options, OPTION_SERVER, why);
    int r = options_flag(options, OPTION_PLAINTEXT, &is_plaintext, why);
    if (r == 0)
        r = options_duration(options, OPTION_TIMEOUT, &client->timeout_ns, why);
    if (r == 0)
        r = options_choice(options, OPTION_OUTPUT, &format, why);
    if (r == 0)
        r = choose_token(options, &client->token, &access->token, why);
    client->format = (enum output_format)format;
    if (r || is_plaintext)
        return r;
    const struct net_tls_client_options tls = {
        .ca_file = options_text(options, OPTION_CA),
        .cert_file = options_text(options, OPTION_CLIENT_CERT),
        .key_file = options_text(options, OPTION_CLIENT_KEY)};
    return net_tls_client_new(&tls, &access->tls, why) ? -EBADMSG : 0;
}

static void on_turn_ended(void *user) {
    struct client *client = user;
    int r = client->is_finished ? 0 : flush_output();
    if (r == 0)
        return;
    say_unwritten(client->options, r);
    client_finish(client, EXIT_FAILED);
}

static void on_signal(void *user, int number) {
    struct client *client = user;
    (void)number;
    if (client->interrupted)
        client->interrupted(client);
    else
        client_finish(client, EXIT_INTERRUPTED);
}

/* All else is closed, or closes. */
static void end_loop(struct client *client) {
    uv_close((uv_handle_t *)&client->end, NULL);
    net_loop_run(&client->loop);
    net_loop_fini(&client->loop);
}

/* 0 or a negated errno. */
static int start_loop(struct client *client) {
    static const int signals[] = {SIGINT, SIGTERM, 0};
    int r = net_loop_init(&client->loop, on_turn_ended, client);
    if (r)
        return r;
    uv_timer_init(&client->loop.uv, &client->end);
    client->end.data = client;
    uv_unref((uv_handle_t *)&client->end);
    r = grpc_channel_new(&client->loop, &client->access, &client->channel);
    if (r == 0)
        r = signals_watch(&client->signals, &client->loop.uv, signals, on_signal, client);
    if (r == 0)
        return 0;
    if (client->channel)
        grpc_channel_close(STEAL(client->channel));
    net_loop_close(&client->loop);
    end_loop(client);
    return r;
}

/* What nobody uses any more, in whatever state it is. */
static void release(struct client *client) {
    SSL_CTX_free(client->access.tls);
    otlp_grpc_client_free(client->calls);
    telemetry_close(&client->telemetry);
}

/* By _exit(2): exit(3) comes to a destructor of libuv, which waits for the resolver. */
static void leave(struct client *client) {
    int exit_status = finish_output(client->options, client->exit_status);
    release(client);
    fflush(NULL);
    _exit(exit_status);
}

/* 0 or a negated errno with words. */
static int start_telemetry(struct client *client, struct err_text *why) {
    int r = telemetry_read(&client->telemetry, why);
    if (r == 0)
        r = telemetry_start(&client->telemetry, "thermograph-client", false, why);
    if (r || !client->telemetry.sdk)
        return r;
    const struct otlp_grpc_options options = telemetry_of_calls(&client->telemetry);
    r = otlp_grpc_client_new(&options, &client->access.address, &client->calls);
    if (r)
        err_say(why, "cannot start telemetry: %s", strerror(-r));
    else
        client->access.observer = otlp_grpc_client_observer(client->calls);
    return r;
}

int client_read(struct client *client, const struct options *options, uint64_t timeout_ns,
                struct err_text *why) {
    client->options = options;
    client->timeout_ns = timeout_ns;
    client->access = (struct grpc_channel_options){0};
    client->may_leave = false;
    client->telemetry = (struct telemetry){0};
    client->calls = NULL;
    return read_settings(client, why);
}

int client_start(struct client *client, struct err_text *why) {
    int r = start_loop(client);
    if (r == 0)
        return 0;
    err_say(why, "cannot start: %s", strerror(-r));
    release(client);
    return r;
}

static int open_client(struct client *client, const struct options *options, uint64_t timeout_ns,
                       bool is_watched) {
    struct err_text why;
    int r = client_read(client, options, timeout_ns, &why);
    if (r)
        return say_unusable(options, r, &why);
    client->may_leave = true;
    if (is_watched)
        r = start_telemetry(client, &why);
    if (r)
        release(client);
    else
        r = client_start(client, &why);
    if (r == 0)
        return EXIT_OK;
    say_failure(options, "%s", why.text);
    return EXIT_FAILED;
}

int client_open(struct client *client, const struct options *options, uint64_t timeout_ns) {
    return open_client(client, options, timeout_ns, true);
}

int client_open_unwatched(struct client *client, const struct options *options,
                          uint64_t timeout_ns) {
    return open_client(client, options, timeout_ns, false);
}

/* ---- running ---- */

int client_call(struct client *client, const char *path, const struct grpc_client_ops *ops,
                void *user, struct grpc_client_call **call) {
    const struct grpc_call_options options = {.path = path, .timeout_ns = client->timeout_ns};
    net_loop_renew(&client->loop);
    int r = grpc_client_call_start(client->channel, &options, ops, user, call);
    if (r == 0)
        return 0;
    client_fail(client, GRPC_INTERNAL, strerror(-r));
    return -EINVAL;
}

int client_send_reading(struct grpc_client_call *call, const struct reading *reading) {
    uint8_t *at;
    int r = grpc_client_call_reserve(call, reading_encoded_size(reading), &at);
    if (r)
        return r;
    reading_encode(reading, at);
    grpc_client_call_commit(call);
    return 0;
}

static void on_end(uv_timer_t *end) {
    uv_stop(end->loop);
}

void client_finish(struct client *client, int exit_status) {
    if (client->is_finished)
        return;
    client->is_finished = true;
    client->exit_status = exit_status;
    if (client->closing)
        client->closing(client);
    grpc_channel_close(STEAL(client->channel));
    signals_close(&client->signals);
    net_loop_close(&client->loop);
    if (client->may_leave)
        uv_timer_start(&client->end, on_end, END_PATIENCE_MS, 0);
}

int client_run(struct client *client) {
    net_loop_run(&client->loop);
    if (uv_loop_alive(&client->loop.uv))
        leave(client);
    end_loop(client);
    int exit_status = finish_output(client->options, client->exit_status);
    release(client); /* may wait for a receiver of telemetry: nobody who reads us is to wait too */
    return exit_status;
}
