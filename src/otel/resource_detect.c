/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine says about the process (semantic conventions for process, host, os and
 * container). What cannot be found out is left out, silently: there is always something that a
 * machine does not have.
 *
 * The arguments of the command are never among it: there may be a token in them. They are opt-in in
 * the conventions for that reason.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "otel/resource_builder.h"

enum {
    CONTAINER_ID_LEN = 64,
    MACHINE_ID_LEN = 32,
};

/* ---- files ---- */

static FILE *open_below(const char *root, const char *path) {
    char name[PATH_MAX];
    snprintf(name, sizeof(name), "%s/%s", root, path);
    return fopen(name, "re");
}

/* The start of a file, terminated. How much there is of it, 0 where it cannot be read. */
static size_t read_start(const char *root, const char *path, char *out, size_t cap) {
    FILE *file = open_below(root, path);
    size_t n = file ? fread(out, 1, cap - 1, file) : 0;
    if (file)
        fclose(file);
    out[n] = '\0';
    return n;
}

/* The same up to the line's end. */
static size_t read_line(const char *root, const char *path, char *out, size_t cap) {
    read_start(root, path, out, cap);
    size_t n = strcspn(out, "\n");
    out[n] = '\0';
    return n;
}

/* ---- the process ---- */

static int put_executable(struct resource_builder *builder, const char *root) {
    char link[PATH_MAX], path[PATH_MAX];
    snprintf(link, sizeof(link), "%s/proc/self/exe", root);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return 0;
    path[n] = '\0';
    const char *slash = strrchr(path, '/');
    int r = resource_put_text(builder, "process.executable.path", path);
    return r ? r : resource_put_text(builder, "process.executable.name", slash ? slash + 1 : path);
}

/* Seconds since 1970 when the machine was started, 0 where it does not say. */
static long long boot_time(const char *root) {
    char line[256];
    long long seconds = 0;
    FILE *file = open_below(root, "proc/stat");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "btime ", 6) == 0)
            seconds = strtoll(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return seconds;
}

/* The 22nd field of proc/self/stat; the second one is a name that may have blanks, in parentheses.
 */
static unsigned long long start_ticks(const char *root) {
    char stat[1024];
    read_start(root, "proc/self/stat", stat, sizeof(stat));
    const char *field = strrchr(stat, ')');
    for (int i = 2; field && i < 22; i++)
        field = strchr(field + 1, ' ');
    return field ? strtoull(field, NULL, 10) : 0;
}

static int put_creation_time(struct resource_builder *builder, const char *root) {
    long hz = sysconf(_SC_CLK_TCK);
    unsigned long long ticks = start_ticks(root);
    long long boot = boot_time(root);
    struct tm tm;
    char date[32], text[48];
    if (hz <= 0 || ticks == 0 || boot <= 0)
        return 0;
    time_t seconds = (time_t)(boot + (long long)(ticks / (unsigned long)hz));
    if (!gmtime_r(&seconds, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
        return 0;
    unsigned ms = (unsigned)(ticks % (unsigned long)hz * 1000 / (unsigned long)hz);
    snprintf(text, sizeof(text), "%s.%03uZ", date, ms);
    return resource_put_text(builder, "process.creation.time", text);
}

static int put_process(struct resource_builder *builder, const char *root) {
    char command[PATH_MAX];
    int r = resource_put(builder, bytes_str("process.pid"), otel_integer(getpid()));
    if (r == 0)
        r = put_executable(builder, root);
    if (r == 0)
        r = put_creation_time(builder, root);
    /* The arguments follow behind a NUL. */
    if (r || read_start(root, "proc/self/cmdline", command, sizeof(command)) == 0)
        return r;
    return resource_put_text(builder, "process.command", command);
}

/* ---- the container ---- */

static bool is_hex(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/* Whether `text` starts with an id that ends there. */
static bool is_container_id(const char *text) {
    return is_hex(text, CONTAINER_ID_LEN) && !isxdigit((unsigned char)text[CONTAINER_ID_LEN]);
}

/*
 * Version 1 of control groups: the last part of the path is the id, bare or as a unit of systemd.
 *
 *     4:memory:/docker/<id>
 *     1:name=systemd:/kubepods.slice/.../cri-containerd-<id>.scope
 */
static const char *id_in_cgroup(char *line) {
    char *last = strrchr(line, '/');
    if (!last)
        return NULL;
    char *end = strstr(last, ".scope");
    if (end)
        *end = '\0';
    const char *dash = strrchr(last, '-');
    const char *id = dash ? dash + 1 : last + 1;
    return is_container_id(id) && id[CONTAINER_ID_LEN] == '\0' ? id : NULL;
}

static bool is_directory_of_id(const char *text) {
    return is_container_id(text) && text[CONTAINER_ID_LEN] == '/';
}

/*
 * Version 2 shows nothing of the path from the inside; but what the runtime mounts into a container
 * comes from a directory with its id.
 *
 *     ... /var/lib/docker/containers/<id>/hostname /etc/hostname rw,relatime - ext4 ...
 *     ... /containers/storage/overlay-containers/<id>/userdata/hostname /etc/hostname ...
 *     ... /var/lib/nerdctl/1935db59/containers/<namespace>/<id>/hostname /etc/hostname ...
 *
 * Under Kubernetes that directory is the pod's sandbox (.../sandboxes/<id>/hostname), whose id is
 * not the container's, so it is not taken for one.
 */
static const char *id_in_mount(char *line) {
    static const char place[] = "containers/";
    if (!strstr(line, " /etc/hostname "))
        return NULL;
    for (const char *at = line; (at = strstr(at, place));) {
        at += sizeof(place) - 1;
        if (is_directory_of_id(at))
            return at;
        const char *behind = at + strcspn(at, "/ ");
        if (*behind == '/' && is_directory_of_id(behind + 1))
            return behind + 1;
    }
    return NULL;
}

static bool find_id(const char *root, const char *path, const char *(*id_in)(char *line),
                    char id[CONTAINER_ID_LEN + 1]) {
    char line[PATH_MAX];
    const char *found = NULL;
    FILE *file = open_below(root, path);
    while (file && !found && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        found = id_in(line);
    }
    if (file)
        fclose(file);
    if (found)
        snprintf(id, CONTAINER_ID_LEN + 1, "%.*s", CONTAINER_ID_LEN, found);
    return found != NULL;
}

static bool find_container_id(const char *root, char id[CONTAINER_ID_LEN + 1]) {
    return find_id(root, "proc/self/cgroup", id_in_cgroup, id) ||
           find_id(root, "proc/self/mountinfo", id_in_mount, id);
}

/* ---- the host ---- */

/* The conventions' names, where they are others than the kernel's. */
static const char *arch_name(const char *machine) {
    static const struct {
        const char *machine, *name;
    } rows[] = {
        {"x86_64", "amd64"},  {"aarch64", "arm64"}, {"i386", "x86"},     {"i686", "x86"},
        {"ppc64le", "ppc64"}, {"ppc", "ppc32"},     {"armv6l", "arm32"}, {"armv7l", "arm32"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(machine, rows[i].machine) == 0)
            return rows[i].name;
    return machine;
}

static int put_arch(struct resource_builder *builder) {
    struct utsname system;
    return uname(&system) ? 0 : resource_put_text(builder, "host.arch", arch_name(system.machine));
}

/* A machine that is being set up has the word `uninitialized` in it. */
static bool read_machine_id(const char *root, const char *path, char *id, size_t cap) {
    return read_line(root, path, id, cap) == MACHINE_ID_LEN && is_hex(id, MACHINE_ID_LEN);
}

static int put_machine_id(struct resource_builder *builder, const char *root) {
    char id[MACHINE_ID_LEN + 2];
    if (!read_machine_id(root, "etc/machine-id", id, sizeof(id)) &&
        !read_machine_id(root, "var/lib/dbus/machine-id", id, sizeof(id)))
        return 0;
    return resource_put_text(builder, "host.id", id);
}

static int put_host(struct resource_builder *builder, const char *root) {
    char name[256];
    int r = resource_put_text(builder, "os.type", "linux");
    if (r == 0)
        r = put_arch(builder);
    if (r || read_line(root, "proc/sys/kernel/hostname", name, sizeof(name)) == 0)
        return r;
    return resource_put_text(builder, "host.name", name);
}

int resource_detect(struct resource_builder *builder, const char *root) {
    char id[CONTAINER_ID_LEN + 1];
    int r = put_process(builder, root);
    if (r == 0)
        r = put_host(builder, root);
    if (r)
        return r;
    /* In a container the machine's id is the image's, not the host's. */
    return find_container_id(root, id) ? resource_put_text(builder, "container.id", id)
                                       : put_machine_id(builder, root);
}
