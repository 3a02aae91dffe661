/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include "unit.h"

struct item {
    struct list link;
    int number;
};

static void fill(struct list *head, struct item *items, int n, int first) {
    list_init(head);
    for (int i = 0; i < n; i++) {
        items[i].number = first + i;
        list_append(head, &items[i].link);
    }
}

static int pop_number(struct list *head) {
    struct list *node = list_pop(head);
    return node ? CONTAINER_OF(node, struct item, link)->number : -1;
}

static void test_comes_out_in_order_of_appending(void **state) {
    (void)state;
    struct list head;
    struct item items[3];
    fill(&head, items, 3, 1);
    assert_int_equal(pop_number(&head), 1);
    assert_int_equal(pop_number(&head), 2);
    assert_int_equal(pop_number(&head), 3);
    assert_true(list_is_empty(&head));
    assert_null(list_pop(&head));
}

static void test_unlinking_twice_is_harmless(void **state) {
    (void)state;
    struct list head;
    struct item items[3];
    fill(&head, items, 3, 1);
    list_unlink(&items[1].link);
    list_unlink(&items[1].link);
    assert_int_equal(pop_number(&head), 1);
    assert_int_equal(pop_number(&head), 3);
    assert_int_equal(pop_number(&head), -1);
}

static void test_move_all_appends_and_empties(void **state) {
    (void)state;
    struct list to, from;
    struct item first[2], second[2];
    fill(&to, first, 2, 1);
    fill(&from, second, 2, 3);
    list_move_all(&to, &from);
    assert_true(list_is_empty(&from));
    list_move_all(&to, &from);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(pop_number(&to), i);
    assert_true(list_is_empty(&to));
}

static void test_the_body_of_a_walk_may_unlink(void **state) {
    (void)state;
    struct list head;
    struct item items[5];
    int sum = 0;
    fill(&head, items, 5, 1);
    LIST_FOR_EACH (node, &head) {
        sum += CONTAINER_OF(node, struct item, link)->number;
        list_unlink(node);
    }
    assert_int_equal(sum, 15);
    assert_true(list_is_empty(&head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_out_in_order_of_appending),
        cmocka_unit_test(test_unlinking_twice_is_harmless),
        cmocka_unit_test(test_move_all_appends_and_empties),
        cmocka_unit_test(test_the_body_of_a_walk_may_unlink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
