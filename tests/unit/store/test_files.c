/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a real directory, and the words about what goes wrong with them. */
#include "store/files.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct place {
    char directory[64];
    struct files *files;
};

static void place_init(struct place *place) {
    snprintf(place->directory, sizeof(place->directory), "thermograph-test-files-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    assert_int_equal(files_posix_new(place->directory, &place->files), 0);
}

static int remove_name(void *user, const char *name) {
    struct files *files = user;
    return files->ops->unlink(files, name);
}

static void place_fini(struct place *place) {
    assert_int_equal(place->files->ops->list(place->files, remove_name, place->files), 0);
    place->files->ops->free(place->files);
    assert_int_equal(rmdir(place->directory), 0);
}

static struct file *open_file(struct place *place, const char *name, enum files_mode mode) {
    struct file *file;
    assert_int_equal(place->files->ops->open(place->files, name, mode, &file), 0);
    return file;
}

static void test_what_is_written_is_read(void **state) {
    (void)state;
    struct place place;
    char text[32];
    size_t n;
    uint64_t size;
    place_init(&place);
    struct file *file = open_file(&place, "a", FILES_CREATE);
    assert_int_equal(file->ops->write(file, 3, "warm", 4), 0);
    assert_int_equal(file->ops->write(file, 5, "x", 1), 0);
    assert_int_equal(file->ops->sync(file), 0);
    assert_int_equal(file->ops->read(file, 0, text, sizeof(text), &n), 0);
    assert_int_equal(n, 7);
    assert_memory_equal(text, "\0\0\0waxm", 7);
    assert_int_equal(file->ops->read(file, 100, text, sizeof(text), &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(file->ops->truncate(file, 5), 0);
    assert_int_equal(file->ops->size(file, &size), 0);
    assert_int_equal(size, 5);
    file->ops->close(file);
    place_fini(&place);
}

static void test_files_are_private_and_modes_are_kept(void **state) {
    (void)state;
    struct place place;
    struct file *file;
    struct stat status;
    char path[128];
    place_init(&place);
    struct files *files = place.files;
    assert_int_equal(files->ops->open(files, "a", FILES_READ, &file), -ENOENT);
    assert_int_equal(files->ops->open(files, "a", FILES_WRITE, &file), -ENOENT);
    file = open_file(&place, "a", FILES_CREATE);
    file->ops->close(file);
    assert_int_equal(files->ops->open(files, "a", FILES_CREATE, &file), -EEXIST);
    file = open_file(&place, "a", FILES_READ);
    assert_int_equal(file->ops->write(file, 0, "x", 1), -EBADF);
    file->ops->close(file);
    snprintf(path, sizeof(path), "%s/a", place.directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    place_fini(&place);
}

struct names {
    size_t n, stop_at;
    char all[8];
};

static int note_name(void *user, const char *name) {
    struct names *names = user;
    names->all[names->n++] = name[0];
    return names->n == names->stop_at ? 7 : 0;
}

static void test_names_are_changed_and_listed(void **state) {
    (void)state;
    struct place place;
    struct names all = {0}, some = {.stop_at = 1};
    place_init(&place);
    struct files *files = place.files;
    for (const char *name = "a\0b\0c\0"; *name; name += 2) {
        struct file *file = open_file(&place, name, FILES_CREATE);
        file->ops->close(file);
    }
    assert_int_equal(files->ops->rename(files, "a", "b"), 0);
    assert_int_equal(files->ops->rename(files, "a", "b"), -ENOENT);
    assert_int_equal(files->ops->unlink(files, "a"), -ENOENT);
    assert_int_equal(files->ops->sync_names(files), 0);
    assert_int_equal(files->ops->list(files, note_name, &all), 0);
    assert_int_equal(all.n, 2);
    assert_true(all.all[0] + all.all[1] == 'b' + 'c');
    assert_int_equal(files->ops->list(files, note_name, &some), 7);
    assert_int_equal(some.n, 1);
    place_fini(&place);
}

/* Beyond the limit a write is first short, then fails: both are told as one failure. */
static void test_write_beyond_the_limit_fails(void **state) {
    (void)state;
    struct place place;
    struct rlimit before, limit;
    char text[200] = {0};
    place_init(&place);
    struct file *file = open_file(&place, "a", FILES_CREATE);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int r = file->ops->write(file, 0, text, sizeof(text));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(r, -EFBIG);
    file->ops->close(file);
    place_fini(&place);
}

static void test_no_directory_no_memory(void **state) {
    (void)state;
    struct place place;
    struct files *files;
    struct file *file;
    place_init(&place);
    assert_int_equal(files_posix_new("nowhere/at/all", &files), -ENOENT);
    for (size_t nth = 1; nth <= 2; nth++) {
        fail_alloc_at(nth);
        assert_int_equal(files_posix_new(place.directory, &files), -ENOMEM);
    }
    fail_alloc_at(1);
    assert_int_equal(place.files->ops->open(place.files, "a", FILES_CREATE, &file), -ENOMEM);
    fail_alloc_off();
    place_fini(&place);
}

static void test_words_say_what_to_do(void **state) {
    (void)state;
    struct err_text why;
    files_say(&why, -ENOSPC, "write", "journal-1");
    assert_non_null(strstr(why.text, "cannot write journal-1: No space left on device; make room"));
    files_say(&why, -EACCES, "read", "journal-1");
    assert_non_null(strstr(why.text, "Permission denied; give this user the right"));
    files_say(&why, -EIO, "read", "journal-1");
    assert_non_null(strstr(why.text, "copy the directory"));
    files_say(&why, -ENOENT, "read", "journal-1");
    assert_string_equal(why.text, "cannot read journal-1: No such file or directory");
}

static void test_a_file_that_loses_its_name_is_noticed(void **state) {
    (void)state;
    struct place place;
    struct files_held held;
    place_init(&place);
    struct files *files = place.files;
    assert_int_equal(files_hold(files, "a", &held), -ENOENT);
    struct file *file = open_file(&place, "a", FILES_CREATE);
    assert_int_equal(files_hold(files, "a", &held), 0);
    assert_int_equal(files_look(files, &held), 0);
    assert_int_equal(file->ops->write(file, 0, "x", 1), 0);
    assert_int_equal(files_look(files, &held), 0);
    assert_int_equal(files->ops->rename(files, "a", "b"), 0);
    assert_int_equal(files_look(files, &held), -ESTALE);
    struct file *other = open_file(&place, "a", FILES_CREATE);
    assert_int_equal(files_look(files, &held), -ESTALE);
    other->ops->close(other);
    assert_int_equal(files->ops->rename(files, "b", "a"), 0);
    assert_int_equal(files_look(files, &held), 0);
    assert_int_equal(files->ops->unlink(files, "a"), 0);
    assert_int_equal(files_look(files, &held), -ESTALE);
    file->ops->close(file);
    place_fini(&place);
}

static void test_files_that_move_with_their_directory_are_noticed(void **state) {
    (void)state;
    struct place place;
    struct files_held held;
    char moved[80];
    place_init(&place);
    snprintf(moved, sizeof(moved), "%s-moved", place.directory);
    struct file *file = open_file(&place, "a", FILES_CREATE);
    assert_int_equal(files_hold(place.files, "a", &held), 0);
    assert_int_equal(rename(place.directory, moved), 0);
    assert_int_equal(files_look(place.files, &held), -ESTALE);
    assert_int_equal(file->ops->write(file, 0, "x", 1), 0);
    assert_int_equal(mkdir(place.directory, 0700), 0);
    assert_int_equal(files_look(place.files, &held), -ESTALE);
    assert_int_equal(rmdir(place.directory), 0);
    assert_int_equal(symlink("/dev/null", place.directory), 0);
    assert_int_equal(files_look(place.files, &held), -ESTALE);
    assert_int_equal(unlink(place.directory), 0);
    assert_int_equal(symlink(moved, place.directory), 0); /* it is found again */
    assert_int_equal(files_look(place.files, &held), 0);
    assert_int_equal(unlink(place.directory), 0);
    assert_int_equal(rename(moved, place.directory), 0);
    assert_int_equal(files_look(place.files, &held), 0);
    file->ops->close(file);
    place_fini(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_files_are_private_and_modes_are_kept),
        cmocka_unit_test(test_a_file_that_loses_its_name_is_noticed),
        cmocka_unit_test(test_files_that_move_with_their_directory_are_noticed),
        cmocka_unit_test(test_names_are_changed_and_listed),
        cmocka_unit_test(test_write_beyond_the_limit_fails),
        cmocka_unit_test(test_no_directory_no_memory),
        cmocka_unit_test(test_words_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
