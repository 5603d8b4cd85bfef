/* When a tick preempts, speeds up and calms down: fired by hand. */
#include "sched/tick.c"
#include "test/test.h"

/* What happens between two ticks, and what the second must do. */
struct step {
    char what; /* s: a slice starts and goes on, e: the running one ends, q: one starts and ends,
                  -: nothing, w: nothing, and somebody else has the processor */
    bool preempts, is_fast;
};

/* Uses as much processor time as passes between two ticks. */
static void burn(void)
{
    u64 end = clock_thread_cpu_ns() + SCHED_TICK_NS;
    while (clock_thread_cpu_ns() < end)
        continue;
}

static void run(const struct step *steps, size_t count)
{
    struct sched_tick tick;
    assert_true(sched_tick_init(&tick, SCHED_TICK_NS, NULL));
    for (size_t i = 0; i < count; i++) {
        if (steps[i].what == 's' || steps[i].what == 'q')
            sched_tick_begin(&tick);
        if (steps[i].what == 'e' || steps[i].what == 'q')
            sched_tick_end(&tick);
        if (steps[i].what != 'w')
            burn();
        bool preempts = sched_tick_fire(&tick);
        if (preempts != steps[i].preempts || tick.is_fast != steps[i].is_fast)
            fail_msg("step %zu: preempts %d fast %d", i, preempts, tick.is_fast);
    }
    sched_tick_fini(&tick);
}

static void short_slices_are_left_alone(void **state)
{
    (void)state;
    static const struct step steps[] = {{'q', false, false}, {'q', false, false},
                                        {'s', false, false}, {'e', false, false},
                                        {'q', false, false}, {'-', false, false}};
    run(steps, COUNT_OF(steps));
}

static void an_overstayer_is_preempted_and_found_faster_again(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {'s', false, false},
        {'-', true, true}, /* two ticks see it */
        {'s', true, true},
        {'s', true, true}, /* then one is enough */
    };
    run(steps, COUNT_OF(steps));
}

static void who_has_not_run_is_left_alone(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {'s', false, false},
        {'w', false, false},
        {'w', false, false},
        {'-', true, true},
    };
    run(steps, COUNT_OF(steps));
}

/* One that comes between two slices finds nobody, and takes nothing from the next one. */
static void a_tick_between_slices_changes_nothing(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {'s', false, false}, {'-', true, true},  {'e', false, true},
        {'s', true, true},   {'e', false, true}, {'-', false, true},
    };
    run(steps, COUNT_OF(steps));
}

static void calm_brings_the_slow_tick_back(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {'s', false, false}, {'-', true, true},   {'e', false, true}, {'q', false, true},
        {'-', false, true},  {'q', false, true},  {'-', false, true}, {'-', false, true},
        {'q', false, true},  {'s', false, false}, {'-', true, true}, /* with two slow ticks */
    };
    run(steps, COUNT_OF(steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_slices_are_left_alone),
        cmocka_unit_test(an_overstayer_is_preempted_and_found_faster_again),
        cmocka_unit_test(who_has_not_run_is_left_alone),
        cmocka_unit_test(a_tick_between_slices_changes_nothing),
        cmocka_unit_test(calm_brings_the_slow_tick_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
