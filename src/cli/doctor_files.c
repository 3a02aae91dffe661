/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `thermograph serve` would be started with, looked at as it does, without a change to
 * anything. A server that runs already has its directory and its ports: that is a warning. A port
 * that is taken while nobody has the directory is another program's, and a server would not start.
 */
#include <string.h>

#include "base/clock.h"
#include "base/plural.h"
#include "cli/doctor_checks.h"
#include "cli/serve_settings.h"
#include "collector/tokens.h"
#include "net/listener.h"
#include "net/tls.h"
#include "store/directory.h"

enum {
    CERTIFICATE_WARN_DAYS = 30, /* as `thermograph serve` does */
    SECONDS_A_DAY = 86400,
};

/* The journal's usual limit, and as much again for the chunks that are made of it, twice. */
#define FREE_WARN_BYTES (256 << 20)

/* ---- options ---- */

int doctor_files_check_options(const struct options *options, struct err_text *why) {
    struct serve_settings settings = {0};
    bool has_cert = options_given(options, OPTION_CERT);
    if (has_cert != options_given(options, OPTION_KEY)) {
        err_say(why, "--cert and --key belong together; --%s is missing",
                has_cert ? "key" : "cert");
        return -EINVAL;
    }
    int r = serve_settings_read_listen(options, &settings, why);
    return r ? r : serve_settings_read_admin(options, &settings, why);
}

/* ---- the configuration file ---- */

/* One for clients alone says nothing of a server. */
static bool is_of_server(const struct options *options) {
    for (size_t i = 0; i < SERVE_N_OPTIONS; i++)
        if (options->values[serve_options[i]].source == SOURCE_FILE)
            return true;
    return false;
}

static void check_config(struct doctor_report *report, const struct options *options) {
    const char *file = options_text(options, OPTION_CONFIG);
    struct serve_settings settings;
    struct err_text why;
    doctor_report_check(report, "files.config");
    if (!file)
        doctor_report_say(report, DOCTOR_NOT_CHECKED, "--config names a server's file");
    else if (!is_of_server(options))
        doctor_report_say(report, DOCTOR_NOT_CHECKED, "%s holds no option of `thermograph serve'",
                          file);
    else if (serve_settings_read(options, &settings, &why))
        doctor_report_say(report, DOCTOR_FAILED, "`thermograph serve' refuses it: %s", why.text);
    else
        doctor_report_say(report, DOCTOR_OK, "`thermograph serve' takes all that %s says", file);
}

/* ---- the certificate ---- */

void doctor_certificate(struct doctor_report *report, const struct net_certificate *certificate) {
    int64_t left_s = certificate->until - (int64_t)(clock_wall_ns() / NS_PER_S);
    const char *names = certificate->names[0] ? certificate->names : "no name that is checked";
    struct net_date until = net_date_format(certificate->until);
    if (certificate->complaint)
        doctor_report_say(report, DOCTOR_FAILED, "refused: %s (for %s; signed by %s; until %s)",
                          certificate->complaint, names, certificate->issuer, until.text);
    else if (left_s < (int64_t)CERTIFICATE_WARN_DAYS * SECONDS_A_DAY)
        doctor_report_say(report, DOCTOR_WARNING,
                          "it expires in %s, on %s: renew it (make generate_certs RENEW=1); "
                          "for %s; signed by %s",
                          counted((uint64_t)(left_s / SECONDS_A_DAY), "day", "days").text,
                          until.text, names, certificate->issuer);
    else
        doctor_report_say(report, DOCTOR_OK, "for %s; signed by %s; until %s (%lld days)", names,
                          certificate->issuer, until.text, (long long)(left_s / SECONDS_A_DAY));
}

static void check_certificate(struct doctor_report *report, const struct options *options) {
    struct net_certificate certificate;
    struct err_text why;
    SSL_CTX *tls = NULL;
    doctor_report_check(report, "files.certificate");
    int r = net_tls_server_new(options_text(options, OPTION_CERT),
                               options_text(options, OPTION_KEY), &tls, NULL, &why);
    if (r) {
        doctor_report_say(report, DOCTOR_FAILED, "%s", why.text);
        return;
    }
    net_certificate_of_settings(tls, &certificate);
    doctor_certificate(report, &certificate);
    SSL_CTX_free(tls);
}

/* ---- tokens ---- */

static void check_tokens(struct doctor_report *report, const char *file) {
    CLEANUP(tokens_freep) struct tokens *tokens = NULL;
    struct err_text why;
    doctor_report_check(report, "files.tokens");
    if (tokens_load(file, &tokens, &why))
        doctor_report_say(report, DOCTOR_FAILED, "%s", why.text);
    else if (tokens->n == 0)
        doctor_report_say(report, DOCTOR_WARNING,
                          "%s holds no tokens, so every call would be refused; `thermograph token "
                          "create --tokens %s' adds one",
                          file, file);
    else if (tokens_file_is_open(file))
        doctor_report_say(report, DOCTOR_WARNING,
                          "%zu in %s, which other users here can read or change; run: chmod 600 %s",
                          tokens->n, file, file);
    else
        doctor_report_say(report, DOCTOR_OK, "%zu in %s", tokens->n, file);
}

/* ---- the directory ---- */

static void say_missing(struct doctor_report *report, const char *name,
                        const struct store_directory *seen) {
    if (seen->is_writable)
        doctor_report_say(report, DOCTOR_OK, "%s is not there yet: a server makes it", name);
    else
        doctor_report_say(report, DOCTOR_FAILED,
                          "%s is not there and cannot be made: make it, or what it lies in, or "
                          "choose another",
                          name);
}

/* ` in format 2` */
static void format_version(const struct store_directory *seen, char *out, size_t cap) {
    out[0] = '\0';
    if (seen->version > 0 && seen->version < seen->newest)
        snprintf(out, cap, " in format %lld, which a start brings up to %lld",
                 (long long)seen->version, (long long)seen->newest);
    else if (seen->version > 0)
        snprintf(out, cap, " in format %lld", (long long)seen->version);
}

static void say_usable(struct doctor_report *report, const char *name,
                       const struct store_directory *seen) {
    char version[96];
    unsigned long long free_mib = (unsigned long long)(seen->free_bytes >> 20);
    const char *what = seen->has_store ? "a store" : "no store yet";
    format_version(seen, version, sizeof(version));
    if (seen->holder)
        doctor_report_say(
            report, DOCTOR_WARNING,
            "%s is in use by process %ld, so no other server can start with it; %llu "
            "MiB are free (`thermograph check' asks that server whether all is sound)",
            name, seen->holder, free_mib);
    else if (seen->free_bytes < FREE_WARN_BYTES)
        doctor_report_say(report, DOCTOR_WARNING,
                          "only %llu MiB are free for %s: readings are refused when the disk is "
                          "full",
                          free_mib, name);
    else
        doctor_report_say(report, DOCTOR_OK,
                          "%s can be written, nobody uses it, there is %s%s, %llu MiB are free%s%s",
                          name, what, version, free_mib,
                          seen->has_store ? "; whether all is sound: thermograph check " : "",
                          seen->has_store ? name : "");
}

static void say_directory(struct doctor_report *report, const char *name,
                          const struct store_directory *seen) {
    if (!seen->exists)
        say_missing(report, name, seen);
    else if (!seen->is_writable)
        doctor_report_say(report, DOCTOR_FAILED,
                          "%s cannot be read and written by this user: who owns it?", name);
    else if (seen->is_foreign)
        doctor_report_say(
            report, DOCTOR_FAILED,
            "%s holds other files and no store of Thermograph: name an empty or a new "
            "directory",
            name);
    else if (seen->is_strange)
        doctor_report_say(
            report, DOCTOR_FAILED,
            "%s/store.sqlite is the file of another program: choose another directory", name);
    else if (seen->version > seen->newest)
        doctor_report_say(report, DOCTOR_FAILED,
                          "%s has format %lld, and this program knows formats up to %lld: a newer "
                          "Thermograph made it, use that one",
                          name, (long long)seen->version, (long long)seen->newest);
    else
        say_usable(report, name, seen);
}

/* Whether a server runs with it. */
static bool check_data(struct doctor_report *report, const char *name) {
    struct store_directory seen;
    struct err_text why;
    doctor_report_check(report, "files.data");
    int r = store_directory_look(name, &seen, &why);
    if (r)
        doctor_report_say(report, DOCTOR_FAILED, "%s", why.text);
    else
        say_directory(report, name, &seen);
    return r == 0 && seen.holder != 0;
}

/* ---- ports ---- */

static void on_accepted(void *user, int fd) {
    (void)user;
    (void)fd; /* the loop does not turn while the port is open */
}

/* 0, or a negated errno with words. Opens it and closes it again. */
static int try_to_listen(const struct net_address *address, const char *option,
                         struct err_text *why) {
    const struct net_acceptor acceptor = {.accepted = on_accepted, .option = option};
    struct net_listener *listener = NULL;
    struct net_loop loop;
    int r = net_loop_init(&loop, NULL, NULL);
    if (r) {
        err_say(why, "it cannot be tried: %s", strerror(-r));
        return r;
    }
    r = net_listener_open(&loop, address, acceptor, &listener, why);
    net_listener_close(listener);
    net_loop_close(&loop);
    net_loop_run(&loop);
    net_loop_fini(&loop);
    return r;
}

static void check_port(struct doctor_report *report, const struct net_address *address,
                       const char *option, bool is_served) {
    struct err_text why;
    const char *host = address->host[0] ? address->host : "every interface";
    int r = try_to_listen(address, option, &why);
    if (r == -EADDRINUSE && is_served)
        doctor_report_say(report, DOCTOR_WARNING,
                          "port %u on %s is in use, by the server that runs already?",
                          address->port, host);
    else if (r)
        doctor_report_say(report, DOCTOR_FAILED, "%s", why.text);
    else
        doctor_report_say(report, DOCTOR_OK, "port %u on %s is free", address->port, host);
}

static void check_ports(struct doctor_report *report, const struct options *options,
                        bool is_served) {
    struct serve_settings settings = {0};
    struct err_text why;
    int r = serve_settings_read_listen(options, &settings, &why);
    if (r == 0)
        r = serve_settings_read_admin(options, &settings, &why);
    (void)r; /* doctor_files_check_options() has refused what cannot be read */
    if (!options_given(options, OPTION_LISTEN))
        doctor_report_not_checked(report, "ports.listen", "--listen names an address to try");
    for (size_t i = 0; i < settings.n_addresses && options_given(options, OPTION_LISTEN); i++) {
        doctor_report_check(report, "ports.listen");
        check_port(report, &settings.addresses[i], "--listen", is_served);
    }
    if (!settings.has_admin) {
        doctor_report_not_checked(report, "ports.admin", "--admin names an address to try");
        return;
    }
    doctor_report_check(report, "ports.admin");
    check_port(report, &settings.admin, "--admin", is_served);
}

/* ---- all ---- */

void doctor_files(struct doctor_report *report, const struct options *options) {
    const char *tokens = options_text(options, OPTION_TOKENS);
    const char *data = options_text(options, OPTION_DATA);
    bool is_served = false;
    check_config(report, options);
    if (options_given(options, OPTION_CERT))
        check_certificate(report, options);
    else
        doctor_report_not_checked(report, "files.certificate", "--cert and --key name its files");
    if (tokens)
        check_tokens(report, tokens);
    else
        doctor_report_not_checked(report, "files.tokens", "--tokens names the file");
    if (data && strcmp(data, "none") != 0)
        is_served = check_data(report, data);
    else
        doctor_report_not_checked(report, "files.data",
                                  data ? "--data none: readings are in memory only"
                                       : "--data names the directory");
    check_ports(report, options, is_served);
}
