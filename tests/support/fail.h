/*
 * The end of a test for want of something that it needs, wherever in the support code that shows. Not one of Criterion's
 * assertions: those leave by longjmp(), which in a forked child would return into a second copy of the test runner.
 */
#ifndef TESTS_SUPPORT_FAIL_H
#define TESTS_SUPPORT_FAIL_H

/* Prints the sentence on stderr and aborts the process: the test fails. */
__attribute__((format(printf, 1, 2))) _Noreturn void fail_test(const char *format, ...);

#endif
