/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/process_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metered.h"

/* A tree with what of /proc a test wants. */
static char root[64];

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof(path), "%s/proc/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state) {
    snprintf(root, sizeof(root), "/tmp/test_process_XXXXXX");
    if (!mkdtemp(root))
        return -1;
    make_folder("proc");
    make_folder("proc/self");
    make_folder("proc/self/fd");
    return set_up_metered(state);
}

static void remove_entry(const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    remove(path);
}

static int tear_down(void **state) {
    static const char *const names[] = {
        "proc/self/fd/0", "proc/self/fd/1", "proc/self/fd/2",
        "proc/self/fd",   "proc/self/stat", "proc/self",
        "proc/uptime",    "proc",           "",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove_entry(names[i]);
    return tear_down_metered(state);
}

/* A name with spaces and brackets, as prctl(2) allows. */
static void write_stat(void) {
    char line[512];
    snprintf(line, sizeof(line),
             "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 7 0 %ld 4096000 25 %s\n",
             100 * sysconf(_SC_CLK_TCK), "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
    write_file("self/stat", line);
}

static void test_what_proc_says_is_measured(void **state) {
    struct metered *metered = *state;
    struct otel_process_metrics metrics;
    write_stat();
    write_file("uptime", "350.25 700.00\n");
    write_file("self/fd/0", "");
    write_file("self/fd/1", "");
    write_file("self/fd/2", "");
    assert_int_equal(otel_process_metrics_open(&metrics, metered->meter, root), 0);
    const struct otel_metrics *all = collect(metered);
    assert_int_equal(only_point(all, "process.threads")->integer, 7);
    assert_int_equal(only_point(all, "process.memory.virtual")->integer, 4096000);
    assert_int_equal(only_point(all, "process.memory.usage")->integer, 25 * sysconf(_SC_PAGESIZE));
    assert_true(only_point(all, "process.uptime")->number == 250.25);
    assert_int_equal(only_point(all, "process.file_descriptors")->integer, 2);
    end(metered);
    otel_process_metrics_close(&metrics);
}

static void test_processor_time_is_told_by_mode_and_only_grows(void **state) {
    struct metered *metered = *state;
    struct otel_process_metrics metrics;
    assert_int_equal(otel_process_metrics_open(&metrics, metered->meter, root), 0);
    double before = 0;
    for (int i = 0; i < 2; i++) {
        const struct otel_metric *time = metric_named(collect(metered), "process.cpu.time");
        assert_non_null(time);
        assert_int_equal(time->n_points, 2);
        double sum = time->points[0].number + time->points[1].number;
        assert_true(sum >= before);
        before = sum;
        end(metered);
    }
    otel_process_metrics_close(&metrics);
}

static void test_what_cannot_be_read_is_left_out(void **state) {
    struct metered *metered = *state;
    struct otel_process_metrics metrics;
    static const char *const bad[] = {"", "42", "42 (x", "42 (x)", "42 (x) S 1 2 3\n"};
    assert_int_equal(otel_process_metrics_open(&metrics, metered->meter, root), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_file("self/stat", bad[i]);
        const struct otel_metrics *all = collect(metered);
        assert_null(metric_named(all, "process.threads"));
        assert_null(metric_named(all, "process.uptime"));
        assert_non_null(metric_named(all, "process.cpu.time"));
        end(metered);
    }
    otel_process_metrics_close(&metrics);
}

static void test_after_the_close_nothing_is_measured(void **state) {
    struct metered *metered = *state;
    struct otel_process_metrics metrics;
    assert_int_equal(otel_process_metrics_open(&metrics, metered->meter, root), 0);
    otel_process_metrics_close(&metrics);
    assert_null(metric_named(collect(metered), "process.cpu.time"));
    end(metered);
}

static void test_without_a_meter_there_is_nothing(void **state) {
    struct otel_process_metrics metrics;
    (void)state;
    assert_int_equal(otel_process_metrics_open(&metrics, NULL, root), 0);
    otel_process_metrics_close(&metrics);
}

static void test_failing_allocations_are_told(void **state) {
    struct metered *metered = *state;
    int r = -ENOMEM;
    for (size_t n = 1; r; n++) {
        struct otel_process_metrics metrics;
        fail_alloc_at(n);
        r = otel_process_metrics_open(&metrics, metered->meter, root);
        fail_alloc_off();
        otel_process_metrics_close(&metrics);
        assert_true(r == 0 || r == -ENOMEM);
    }
}

#define ON_PROC(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_PROC(test_what_proc_says_is_measured),
        ON_PROC(test_processor_time_is_told_by_mode_and_only_grows),
        ON_PROC(test_what_cannot_be_read_is_left_out),
        ON_PROC(test_after_the_close_nothing_is_measured),
        ON_PROC(test_without_a_meter_there_is_nothing),
        ON_PROC(test_failing_allocations_are_told),
    };
    return cmocka_run_group_tests_name("process_metrics", tests, NULL, NULL);
}
