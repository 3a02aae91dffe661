/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mailbox.h"

#include <string.h>

#include "unit.h"

enum {
    N_THREADS = 2,
    N_LETTERS = 500,
};

struct note {
    struct letter letter;
    int number;
};

static struct {
    uv_loop_t loop;
    struct mailbox mailbox;
    struct note notes[N_THREADS][N_LETTERS];
    int next[N_THREADS]; /* the number that this thread's next letter must have */
    int n_delivered;
} box;

static int setup(void **state) {
    (void)state;
    memset(&box, 0, sizeof(box));
    return uv_loop_init(&box.loop) || mailbox_init(&box.mailbox, &box.loop);
}

static int teardown(void **state) {
    (void)state;
    mailbox_fini(&box.mailbox);
    return uv_loop_close(&box.loop);
}

static void deliver(struct letter *letter) {
    struct note *note = CONTAINER_OF(letter, struct note, letter);
    int thread = note->number / N_LETTERS;
    assert_int_equal(note->number % N_LETTERS, box.next[thread]++);
    if (++box.n_delivered == N_THREADS * N_LETTERS)
        mailbox_close(&box.mailbox, NULL);
}

static struct note *note_of(int thread, int i) {
    struct note *note = &box.notes[thread][i];
    note->letter.deliver = deliver;
    note->number = thread * N_LETTERS + i;
    return note;
}

static void *post_all(void *thread_at) {
    int thread = *(int *)thread_at;
    for (int i = 0; i < N_LETTERS; i++)
        if (mailbox_post(&box.mailbox, &note_of(thread, i)->letter))
            return "refused";
    return NULL;
}

static void test_letters_of_many_threads_arrive_once_and_in_order(void **state) {
    (void)state;
    pthread_t threads[N_THREADS];
    int numbers[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &numbers[i]), 0);
    }
    assert_int_equal(uv_run(&box.loop, UV_RUN_DEFAULT), 0);
    for (int i = 0; i < N_THREADS; i++) {
        void *trouble;
        pthread_join(threads[i], &trouble);
        assert_null(trouble);
        assert_int_equal(box.next[i], N_LETTERS);
    }
}

static void test_closing_delivers_what_is_there_and_takes_no_more(void **state) {
    (void)state;
    assert_int_equal(mailbox_post(&box.mailbox, &note_of(0, 0)->letter), 0);
    assert_int_equal(mailbox_post(&box.mailbox, &note_of(0, 1)->letter), 0);
    assert_int_equal(box.n_delivered, 0);
    mailbox_close(&box.mailbox, NULL);
    assert_int_equal(box.n_delivered, 2);
    assert_int_equal(mailbox_post(&box.mailbox, &note_of(0, 2)->letter), MAILBOX_E_CLOSED);
    assert_int_equal(uv_run(&box.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(box.n_delivered, 2);
}

static void test_an_open_mailbox_keeps_the_loop_running(void **state) {
    (void)state;
    assert_true(uv_loop_alive(&box.loop));
    mailbox_close(&box.mailbox, NULL);
    uv_run(&box.loop, UV_RUN_DEFAULT);
    assert_false(uv_loop_alive(&box.loop));
}

static void post_the_next(struct letter *letter) {
    deliver(letter);
    assert_int_equal(mailbox_post(&box.mailbox, &note_of(0, 1)->letter), 0);
}

static void test_a_letter_may_post_another(void **state) {
    (void)state;
    struct note *first = note_of(0, 0);
    first->letter.deliver = post_the_next;
    assert_int_equal(mailbox_post(&box.mailbox, &first->letter), 0);
    while (box.n_delivered < 2)
        uv_run(&box.loop, UV_RUN_ONCE);
    mailbox_close(&box.mailbox, NULL);
    uv_run(&box.loop, UV_RUN_DEFAULT);
}

static void post_the_last_and_close(struct letter *letter) {
    deliver(letter);
    assert_int_equal(mailbox_post(&box.mailbox, &note_of(0, 2)->letter), 0);
    mailbox_close(&box.mailbox, NULL);
    assert_int_equal(box.n_delivered, 3);
}

static void test_a_letter_that_closes_the_mailbox_keeps_the_order(void **state) {
    (void)state;
    struct note *first = note_of(0, 0);
    first->letter.deliver = post_the_last_and_close;
    assert_int_equal(mailbox_post(&box.mailbox, &first->letter), 0);
    assert_int_equal(mailbox_post(&box.mailbox, &note_of(0, 1)->letter), 0);
    uv_run(&box.loop, UV_RUN_DEFAULT);
    assert_int_equal(box.n_delivered, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_letters_of_many_threads_arrive_once_and_in_order,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_closing_delivers_what_is_there_and_takes_no_more,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_open_mailbox_keeps_the_loop_running, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_letter_may_post_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_letter_that_closes_the_mailbox_keeps_the_order,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
