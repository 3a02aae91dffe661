/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager is a socket of the test's own. A datagram on a local socket is there as soon as it is
 * sent, so nothing is waited for but the watchdog's time, which is a few milliseconds.
 */
#include "cli/service_manager.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

struct listener {
    int fd;
    struct sockaddr_un address;
    char heard[4096];
};

static unsigned n_lines;
static char last_line[512];

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    n_lines++;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)len, line);
}

static void clear_environment(void) {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static int set_up(void **state) {
    (void)state;
    clear_environment();
    n_lines = 0;
    log_redirect(keep_line);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    clear_environment();
    log_redirect(NULL);
    return 0;
}

/* Listens where NOTIFY_SOCKET says from now on: a path, or a name that begins with @. */
static void listener_open(struct listener *listener, const char *name) {
    *listener = (struct listener){.address.sun_family = AF_UNIX};
    snprintf(listener->address.sun_path, sizeof(listener->address.sun_path), "%s", name);
    if (name[0] == '@')
        listener->address.sun_path[0] = '\0';
    else
        unlink(name);
    size_t len = offsetof(struct sockaddr_un, sun_path) + strlen(name);
    listener->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener->fd, (struct sockaddr *)&listener->address, (socklen_t)len), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static void listener_open_somewhere(struct listener *listener) {
    char name[80];
    snprintf(name, sizeof(name), "@thermograph-test-%d", getpid());
    listener_open(listener, name);
}

/* The next datagram, or an empty text. */
static const char *listener_hear(struct listener *listener) {
    ssize_t n = recv(listener->fd, listener->heard, sizeof(listener->heard) - 1, 0);
    listener->heard[n < 0 ? 0 : n] = '\0';
    return listener->heard;
}

static void open_manager(struct service_manager *manager) {
    struct err_text why = {""};
    if (service_manager_init(manager, &why))
        fail_msg("%s", why.text);
}

static void test_without_a_manager_nothing_is_told(void **state) {
    struct service_manager manager;
    uv_loop_t loop;
    (void)state;
    setenv("WATCHDOG_USEC", "1000000", 1);
    open_manager(&manager);
    assert_int_equal(uv_loop_init(&loop), 0);
    service_manager_tell(&manager, "READY=1");
    service_manager_watch(&manager, &loop, NULL, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    service_manager_unwatch(&manager);
    assert_int_equal(uv_loop_close(&loop), 0);
    service_manager_fini(&manager);
    assert_int_equal(n_lines, 0);
}

static void assert_is_told(const char *name) {
    struct listener listener;
    struct service_manager manager;
    listener_open(&listener, name);
    open_manager(&manager);
    service_manager_tell(&manager, "READY=%d\nSTATUS=%s", 1, "serving");
    assert_string_equal(listener_hear(&listener), "READY=1\nSTATUS=serving");
    assert_string_equal(listener_hear(&listener), "");
    service_manager_fini(&manager);
    close(listener.fd);
}

static void test_a_socket_with_a_path_is_told(void **state) {
    char folder[] = "/tmp/thermograph-XXXXXX", name[80];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof(name), "%s/notify", folder);
    assert_is_told(name);
    unlink(name);
    rmdir(folder);
}

static void test_an_abstract_socket_is_told(void **state) {
    char name[80];
    (void)state;
    snprintf(name, sizeof(name), "@thermograph-abstract-%d", getpid());
    assert_is_told(name);
}

static void test_reloading_comes_with_the_time(void **state) {
    struct listener listener;
    struct service_manager manager;
    (void)state;
    listener_open_somewhere(&listener);
    open_manager(&manager);
    service_manager_tell_reloading(&manager);
    unsigned long long usec = 0;
    assert_int_equal(sscanf(listener_hear(&listener), "RELOADING=1\nMONOTONIC_USEC=%llu", &usec),
                     1);
    assert_true(usec > 0);
    service_manager_fini(&manager);
    close(listener.fd);
}

static void test_a_text_that_is_too_long_is_cut(void **state) {
    struct listener listener;
    struct service_manager manager;
    char text[5000];
    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    listener_open_somewhere(&listener);
    open_manager(&manager);
    service_manager_tell(&manager, "STATUS=%s", text);
    assert_int_equal(strlen(listener_hear(&listener)), 2047);
    service_manager_fini(&manager);
    close(listener.fd);
}

static void test_a_manager_that_is_gone_is_a_line(void **state) {
    struct listener listener;
    struct service_manager manager;
    (void)state;
    listener_open_somewhere(&listener);
    open_manager(&manager);
    close(listener.fd);
    service_manager_tell(&manager, "READY=1");
    assert_int_equal(n_lines, 1);
    assert_non_null(strstr(last_line, "NOTIFY_SOCKET"));
    service_manager_fini(&manager);
}

/* Nobody reads: once its queue is full a datagram waits a second and is given up. */
static void test_a_manager_that_does_not_read_holds_nobody_up(void **state) {
    struct listener listener;
    struct service_manager manager;
    (void)state;
    listener_open_somewhere(&listener);
    open_manager(&manager);
    for (int i = 0; i < 100000 && n_lines == 0; i++)
        service_manager_tell(&manager, "STATUS=%d", i);
    assert_int_equal(n_lines, 1);
    service_manager_fini(&manager);
    close(listener.fd);
}

static int interrupted_fd;
static volatile sig_atomic_t n_signals;

/* Makes room at the third signal only, so that two have nothing but disturbed. */
static void on_signal(int number) {
    char message[16];
    (void)number;
    if (++n_signals == 3)
        (void)!recv(interrupted_fd, message, sizeof(message), 0);
}

static void fill(struct listener *listener) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof(listener->address);
    assert_int_equal(getsockname(listener->fd, (struct sockaddr *)&listener->address, &len), 0);
    while (sendto(fd, "full", 4, 0, (struct sockaddr *)&listener->address, len) == 4)
        ;
    close(fd);
}

static void test_a_signal_does_not_lose_what_is_told(void **state) {
    const struct itimerval often = {.it_interval.tv_usec = 2000, .it_value.tv_usec = 2000};
    struct sigaction before, action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct listener listener;
    struct service_manager manager;
    (void)state;
    listener_open_somewhere(&listener);
    open_manager(&manager);
    fill(&listener);
    interrupted_fd = listener.fd;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    service_manager_tell(&manager, "READY=1");
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(n_signals >= 3);
    assert_int_equal(n_lines, 0);
    while (strcmp(listener_hear(&listener), "full") == 0)
        ;
    assert_string_equal(listener.heard, "READY=1");
    service_manager_fini(&manager);
    close(listener.fd);
}

static void assert_refused(const char *words) {
    struct service_manager manager;
    struct err_text why = {""};
    assert_int_equal(service_manager_init(&manager, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
    service_manager_tell(&manager, "READY=1");
    assert_int_equal(n_lines, 0);
    service_manager_fini(&manager);
}

static void test_a_name_that_is_no_sockets_is_refused(void **state) {
    char long_name[200];
    (void)state;
    setenv("NOTIFY_SOCKET", "run/notify", 1);
    assert_refused("'run/notify' is neither");
    setenv("NOTIFY_SOCKET", "@", 1);
    assert_refused("has 1 bytes");
    memset(long_name, '/', sizeof(long_name));
    long_name[108] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    assert_refused("has 108 bytes; a socket's name has 2 to 107");
}

static void assert_unwatched(const char *words) {
    struct service_manager manager;
    struct listener listener;
    struct err_text why = {""};
    listener_open_somewhere(&listener);
    assert_int_equal(service_manager_init(&manager, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
    assert_int_equal(manager.watchdog_ns, 0);
    service_manager_tell(&manager, "READY=1");
    assert_string_equal(listener_hear(&listener), "READY=1");
    service_manager_fini(&manager);
    close(listener.fd);
}

static void test_a_watchdog_that_is_no_number_takes_away_only_itself(void **state) {
    (void)state;
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_unwatched("WATCHDOG_USEC: 'soon'");
    setenv("WATCHDOG_USEC", "-1", 1);
    assert_unwatched("WATCHDOG_USEC: '-1'");
    setenv("WATCHDOG_USEC", "99999999999999999999", 1);
    assert_unwatched("WATCHDOG_USEC: '99999999999999999999'");
    setenv("WATCHDOG_USEC", "1000", 1);
    setenv("WATCHDOG_PID", "12x", 1);
    assert_unwatched("WATCHDOG_PID: '12x'");
}

static void test_a_watchdog_of_another_process_is_not_ours(void **state) {
    struct service_manager manager;
    (void)state;
    setenv("NOTIFY_SOCKET", "@thermograph-nobody", 1);
    setenv("WATCHDOG_USEC", "1000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    open_manager(&manager);
    assert_int_equal(manager.watchdog_ns, 0);
    service_manager_fini(&manager);
}

/* ---- the watchdog ---- */

/* Alive the first two times it is asked; the fourth ends the watch. */
struct life {
    struct service_manager manager;
    int n_asked;
};

static bool is_alive(void *user) {
    struct life *life = user;
    if (++life->n_asked == 4)
        service_manager_unwatch(&life->manager);
    return life->n_asked <= 2;
}

static void test_the_watchdog_hears_of_life_only(void **state) {
    struct listener listener;
    struct life life = {.n_asked = 0};
    char pid[20];
    uv_loop_t loop;
    (void)state;
    listener_open_somewhere(&listener);
    setenv("WATCHDOG_USEC", "4000", 1);
    snprintf(pid, sizeof(pid), "%d", getpid());
    setenv("WATCHDOG_PID", pid, 1);
    open_manager(&life.manager);
    assert_int_equal(uv_loop_init(&loop), 0);
    service_manager_watch(&life.manager, &loop, is_alive, &life);
    assert_int_equal(uv_timer_get_repeat(&life.manager.timer), 2);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(life.n_asked, 4);
    assert_string_equal(listener_hear(&listener), "WATCHDOG=1");
    assert_string_equal(listener_hear(&listener), "WATCHDOG=1");
    assert_string_equal(listener_hear(&listener), "");
    service_manager_fini(&life.manager);
    close(listener.fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_manager_nothing_is_told),
        TEST(test_a_socket_with_a_path_is_told),
        TEST(test_an_abstract_socket_is_told),
        TEST(test_reloading_comes_with_the_time),
        TEST(test_a_text_that_is_too_long_is_cut),
        TEST(test_a_manager_that_is_gone_is_a_line),
        TEST(test_a_manager_that_does_not_read_holds_nobody_up),
        TEST(test_a_signal_does_not_lose_what_is_told),
        TEST(test_a_name_that_is_no_sockets_is_refused),
        TEST(test_a_watchdog_that_is_no_number_takes_away_only_itself),
        TEST(test_a_watchdog_of_another_process_is_not_ours),
        TEST(test_the_watchdog_hears_of_life_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
