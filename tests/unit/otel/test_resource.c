/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/resource.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "variables_fixture.h"

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MACHINE   "0123456789abcdef0123456789abcdef"

/* ---- a tree ---- */

static char root[64];
static struct otel_resource *resource;

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static void put_file(const char *name, const char *text, size_t len) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    make_folders(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const char *text) {
    put_file(name, text, strlen(text));
}

static void put_executable(const char *target) {
    char path[256];
    snprintf(path, sizeof(path), "%s/proc/self/exe", root);
    make_folders(path);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state) {
    (void)state;
    variables_clear();
    snprintf(root, sizeof(root), "/tmp/test_resource_XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    otel_resource_free(resource);
    resource = NULL;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- what comes of it ---- */

static int make(const char *service) {
    const struct otel_resource_options options = {
        .service_name = service,
        .service_version = service ? "1.2.3" : NULL,
        .variable = variables_get,
        .root = root,
    };
    otel_resource_free(resource);
    resource = NULL;
    return otel_resource_new(&options, &resource);
}

static void assert_text(const char *key, const char *wanted) {
    struct otel_value value = otel_resource_get(resource, key);
    if (!wanted) {
        assert_int_equal(value.type, OTEL_EMPTY);
        return;
    }
    assert_int_equal(value.type, OTEL_TEXT);
    if (!bytes_equal_str(value.text, wanted))
        fail_msg("%s is \"%.*s\", not \"%s\"", key, BYTES_ARGS(value.text), wanted);
}

static void test_of_an_empty_machine_what_is_certain_is_told(void **state) {
    (void)state;
    assert_int_equal(make("thermograph"), 0);
    assert_text("service.name", "thermograph");
    assert_text("service.version", "1.2.3");
    assert_text("telemetry.sdk.language", "c");
    assert_text("telemetry.sdk.name", "thermograph");
    assert_text("telemetry.sdk.version", THERMOGRAPH_VERSION);
    assert_text("os.type", "linux");
    assert_int_equal(otel_resource_get(resource, "process.pid").integer, getpid());
    assert_text("process.executable.name", NULL);
    assert_text("process.creation.time", NULL);
    assert_text("process.command", NULL);
    assert_text("host.name", NULL);
    assert_text("host.id", NULL);
    assert_text("container.id", NULL);
    assert_int_equal(variables_n_lines(), 0);
}

static void test_keys_are_in_order_and_each_is_there_once(void **state) {
    (void)state;
    variables_set("OTEL_RESOURCE_ATTRIBUTES", "zone=z,a=1,service.name=x,a=2,aa=3");
    assert_int_equal(make("thermograph"), 0);
    for (size_t i = 1; i < resource->n_attributes; i++) {
        struct bytes a = resource->attributes[i - 1].key, b = resource->attributes[i].key;
        size_t len = a.len < b.len ? a.len : b.len;
        int r = memcmp(a.data, b.data, len);
        assert_true(r < 0 || (r == 0 && a.len < b.len));
    }
    assert_text("a", "2");
}

static void test_host_and_process_are_found_in_their_files(void **state) {
    (void)state;
    put("proc/sys/kernel/hostname", "sensor-hub\n");
    put("etc/machine-id", MACHINE "\n");
    put_executable("/usr/bin/thermograph");
    put_file("proc/self/cmdline", "./thermograph\0serve\0--token\0secret\0", 36);
    put("proc/self/stat", "7 (a (b) c) S 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 5 0 12345 9 9\n");
    put("proc/stat", "cpu 1 2 3\nbtime 1700000000\nprocesses 5\n");
    assert_int_equal(make("thermograph"), 0);
    assert_text("host.name", "sensor-hub");
    assert_text("host.id", MACHINE);
    assert_text("process.executable.path", "/usr/bin/thermograph");
    assert_text("process.executable.name", "thermograph");
    assert_text("process.command", "./thermograph");
    if (sysconf(_SC_CLK_TCK) == 100)
        assert_text("process.creation.time", "2023-11-14T22:15:23.450Z");
}

static void test_arguments_of_the_command_are_nowhere(void **state) {
    (void)state;
    put_file("proc/self/cmdline", "./thermograph\0serve\0--token\0secret\0", 36);
    assert_int_equal(make("thermograph"), 0);
    for (size_t i = 0; i < resource->n_attributes; i++) {
        struct otel_value value = resource->attributes[i].value;
        if (value.type == OTEL_TEXT && value.text.len > 0)
            assert_null(memmem(value.text.data, value.text.len, "secret", 6));
    }
}

static void test_the_machines_id_may_be_in_its_other_place(void **state) {
    (void)state;
    put("etc/machine-id", "uninitialized\n");
    put("var/lib/dbus/machine-id", MACHINE);
    assert_int_equal(make("thermograph"), 0);
    assert_text("host.id", MACHINE);
}

static void assert_container(const char *file, const char *text, const char *id) {
    put(file, text);
    assert_int_equal(make("thermograph"), 0);
    assert_text("container.id", id);
}

static void test_a_container_is_found_by_its_control_group(void **state) {
    static const char file[] = "proc/self/cgroup";
    (void)state;
    assert_container(file, "13:memory:/docker/" CONTAINER "\n12:cpu:/x\n", CONTAINER);
    assert_container(file,
                     "1:name=systemd:/kubepods.slice/p.slice/cri-containerd-" CONTAINER ".scope\n",
                     CONTAINER);
    assert_container(file, "0::/system.slice/docker-" CONTAINER ".scope\n", CONTAINER);
    assert_container(file, "4:cpu:/kubepods/besteffort/pod1-2-3/" CONTAINER "\n", CONTAINER);
}

static void test_other_control_groups_are_no_containers(void **state) {
    static const char file[] = "proc/self/cgroup";
    (void)state;
    assert_container(file, "0::/\n", NULL);
    assert_container(file, "0::/user.slice/user-1000.slice/session-3.scope\n", NULL);
    assert_container(file, "1:cpu:/docker/0123\n2:cpu:/docker/" CONTAINER "0\n3", NULL);
    assert_container(file, "", NULL);
}

static void test_a_container_is_found_by_what_is_mounted_into_it(void **state) {
    static const char file[] = "proc/self/mountinfo";
    (void)state;
    put("proc/self/cgroup", "0::/\n");
    put("etc/machine-id", MACHINE "\n");
    assert_container(file,
                     "1 2 8:1 / / rw - ext4 /dev/sda1 rw\n"
                     "3 2 8:1 /var/lib/docker/containers/" CONTAINER "/hostname /etc/hostname rw,"
                     "relatime - ext4 /dev/sda1 rw\n",
                     CONTAINER);
    assert_text("host.id", NULL); /* the image's, not the host's */
    assert_container(file,
                     "3 2 0:5 /containers/storage/overlay-containers/" CONTAINER
                     "/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n",
                     CONTAINER);
    assert_container(file,
                     "3 2 8:1 /var/lib/nerdctl/1935db59/containers/default/" CONTAINER
                     "/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n",
                     CONTAINER);
    assert_container(
        file, "3 2 8:1 /var/lib/docker/containers/" CONTAINER "/data /data rw - ext4 x rw\n", NULL);
    assert_container(file,
                     "3 2 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" CONTAINER
                     "/hostname /etc/hostname rw - ext4 x rw\n",
                     NULL); /* the pod's */
    assert_container(file, "3 2 8:1 /x/containers/a/b/" CONTAINER "/h /etc/hostname rw - x x rw\n",
                     NULL);
}

static void test_the_variables_win(void **state) {
    (void)state;
    put("proc/sys/kernel/hostname", "sensor-hub\n");
    variables_set("OTEL_RESOURCE_ATTRIBUTES", "service.name=second, host.name = third ,"
                                              "k%2C%3D=a%2Cb%3D%C3%BC,,empty=,service.version=9");
    assert_int_equal(make("thermograph"), 0);
    assert_text("service.name", "second");
    assert_text("service.version", "9");
    assert_text("host.name", "third");
    assert_text("k,=", "a,b=\xC3\xBC");
    assert_text("empty", "");
    variables_set("OTEL_SERVICE_NAME", "first");
    assert_int_equal(make("thermograph"), 0);
    assert_text("service.name", "first");
    assert_int_equal(variables_n_lines(), 0);
}

static void test_a_list_that_is_wrong_somewhere_is_told_and_ignored_as_a_whole(void **state) {
    static const char *const bad[] = {"a=1,b", "a=1,=2", "a=1,b=%zz", "a=1,b=%ff", "a=1,b%=2"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        variables_clear();
        variables_set("OTEL_RESOURCE_ATTRIBUTES", bad[i]);
        assert_int_equal(make("thermograph"), 0);
        assert_int_equal(variables_n_lines(), 1);
        assert_text("a", NULL);
    }
    assert_string_equal(variables_line(0),
                        "OTEL_RESOURCE_ATTRIBUTES=a=1,b%=2: must be a list of at most 200 "
                        "KEY=VALUE, in UTF-8 and with %XX for what would end a key or a value; "
                        "nothing of it is taken");
}

static void test_attributes_that_variables_name_are_bounded(void **state) {
    char list[2000] = "";
    (void)state;
    for (int i = 0; i < 200; i++)
        snprintf(list + strlen(list), 16, "%sk%d=", i ? "," : "", i);
    variables_set("OTEL_RESOURCE_ATTRIBUTES", list);
    assert_int_equal(make("thermograph"), 0);
    assert_int_equal(variables_n_lines(), 0);
    assert_text("k199", "");
    snprintf(list + strlen(list), 16, ",k200=");
    assert_int_equal(make("thermograph"), 0);
    assert_int_equal(variables_n_lines(), 1);
    assert_text("k199", NULL);
}

static void test_a_service_without_a_name_is_known_by_its_executable(void **state) {
    (void)state;
    assert_int_equal(make(NULL), 0);
    assert_text("service.name", "unknown_service");
    put_executable("/usr/bin/prog");
    assert_int_equal(make(NULL), 0);
    assert_text("service.name", "unknown_service:prog");
}

static void test_each_start_has_an_id_of_its_own(void **state) {
    char first[37];
    (void)state;
    assert_int_equal(make("thermograph"), 0);
    struct bytes id = otel_resource_get(resource, "service.instance.id").text;
    assert_int_equal(id.len, 36);
    assert_int_equal(id.data[14], '4');
    assert_non_null(strchr("89ab", id.data[19]));
    snprintf(first, sizeof(first), "%.*s", BYTES_ARGS(id));
    assert_int_equal(make("thermograph"), 0);
    assert_false(bytes_equal_str(otel_resource_get(resource, "service.instance.id").text, first));
}

static void test_this_machine_can_be_described(void **state) {
    const struct otel_resource_options options = {.variable = variables_get, .root = ""};
    (void)state;
    assert_int_equal(otel_resource_new(&options, &resource), 0);
    assert_text("process.executable.name", "test_resource");
    assert_int_equal(otel_resource_get(resource, "process.creation.time").type, OTEL_TEXT);
    assert_int_equal(otel_resource_get(resource, "host.arch").type, OTEL_TEXT);
    assert_int_equal(otel_resource_get(resource, "host.name").type, OTEL_TEXT);
}

static void test_each_allocation_may_fail(void **state) {
    char value[5000];
    (void)state;
    memset(value, 'v', sizeof(value));
    memcpy(value, "a=1,b=", 6);
    value[sizeof(value) - 1] = '\0';
    variables_set("OTEL_RESOURCE_ATTRIBUTES", value);
    variables_set("OTEL_SERVICE_NAME", value);
    put("proc/self/cgroup", "0::/docker/" CONTAINER "\n");
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        int r = make("thermograph");
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_null(resource);
    }
    assert_text("container.id", CONTAINER);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_TREE(test_of_an_empty_machine_what_is_certain_is_told),
        IN_TREE(test_keys_are_in_order_and_each_is_there_once),
        IN_TREE(test_host_and_process_are_found_in_their_files),
        IN_TREE(test_arguments_of_the_command_are_nowhere),
        IN_TREE(test_the_machines_id_may_be_in_its_other_place),
        IN_TREE(test_a_container_is_found_by_its_control_group),
        IN_TREE(test_other_control_groups_are_no_containers),
        IN_TREE(test_a_container_is_found_by_what_is_mounted_into_it),
        IN_TREE(test_the_variables_win),
        IN_TREE(test_a_list_that_is_wrong_somewhere_is_told_and_ignored_as_a_whole),
        IN_TREE(test_attributes_that_variables_name_are_bounded),
        IN_TREE(test_a_service_without_a_name_is_known_by_its_executable),
        IN_TREE(test_each_start_has_an_id_of_its_own),
        IN_TREE(test_this_machine_can_be_described),
        IN_TREE(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
