/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-manual DIR    writes manual pages, completions and the reference of options into DIR.
 *
 * It is linked with the tables that --help prints and runs while all is built: there is no second
 * list of verbs or options to be kept up to date. The build knows its output by two folders and
 * four files, so that a new verb needs no line there either.
 *
 * Pages carry a date: today's, or SOURCE_DATE_EPOCH's, which makes builds of the same source equal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "manual/page.h"
#include "manual/prose.h"

struct manual {
    const char *directory;
    time_t day;
};

/* One file, by one of these. */
struct page {
    const char *name;
    void (*write)(FILE *out);
    void (*write_dated)(FILE *out, time_t day);
    const struct verb *verb; /* man_verb()'s */
};

static const struct page pages[] = {
    {"man1/thermograph.1", .write_dated = man_program},
    {"man5/thermograph.yaml.5", .write_dated = man_configuration},
    {"options.md", .write = markdown_options},
    {"thermograph.bash", .write = bash_completion},
    {"_thermograph", .write = zsh_completion},
    {"thermograph.fish", .write = fish_completion},
};

static int say_failed(const char *path) {
    int r = -errno;
    fprintf(stderr, "make-manual: %s: %s\n", path, strerror(errno));
    return r;
}

static void write_page(FILE *out, const struct page *page, time_t day) {
    if (page->verb)
        man_verb(out, page->verb, day);
    else if (page->write_dated)
        page->write_dated(out, day);
    else
        page->write(out);
}

/* 0 or a negated errno, with words on standard error. */
static int make_page(const struct manual *manual, const struct page *page) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", manual->directory, page->name);
    FILE *out = fopen(path, "w");
    if (!out)
        return say_failed(path);
    write_page(out, page, manual->day);
    bool is_written = !ferror(out);
    return fclose(out) || !is_written ? say_failed(path) : 0;
}

static int make_verbs(const struct manual *manual) {
    int r = 0;
    for (size_t i = 0; verbs[i] && r == 0; i++) {
        char name[128];
        snprintf(name, sizeof(name), "man1/%s.1", prose_name_of(verbs[i]).text);
        r = make_page(manual, &(struct page){.name = name, .verb = verbs[i]});
    }
    return r;
}

/* A folder's time is what a build goes by: it must be that of its files, also of those made before.
 */
static int make_folder(const struct manual *manual, const char *name) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", manual->directory, name);
    if (mkdir(path, 0777) && errno != EEXIST)
        return say_failed(path);
    return utimensat(AT_FDCWD, path, NULL, 0) ? say_failed(path) : 0;
}

static int make_all(const struct manual *manual) {
    int r = make_folder(manual, "man1");
    if (r == 0)
        r = make_folder(manual, "man5");
    for (size_t i = 0; i < ARRAY_LEN(pages) && r == 0; i++)
        r = make_page(manual, &pages[i]);
    return r ? r : make_verbs(manual);
}

static time_t day_of_pages(void) {
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    return epoch && *epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("Usage: make-manual DIR\n", stderr);
        return EXIT_USAGE;
    }
    const struct manual manual = {.directory = argv[1], .day = day_of_pages()};
    return make_all(&manual) ? EXIT_FAILED : EXIT_OK;
}
