/*
 * A network of the test's own, so that no port of the machine is in the way and nothing that a test leaves behind, like
 * TIME_WAIT, meets the next one. Criterion runs each test in a process of its own, so a test enters and never goes back.
 *
 * Root needs no more than unshare(CLONE_NEWNET). For an ordinary user the whole test program runs in a user namespace
 * from its start, in which he keeps his uid and has no other; a program that it executes has none of the rights that
 * come with that. What cannot be had aborts the test with a sentence: it fails and is not skipped.
 */
#ifndef TESTS_SUPPORT_NETNS_H
#define TESTS_SUPPORT_NETNS_H

/* Enters a fresh network namespace, its loopback up, with 127.0.0.0/8 and ::1 ready to be bound. */
void netns_enter(void);

/* The same, with IPv6 disabled by net.ipv6.conf.*.disable_ipv6: no ::1, though [::] can still be bound. */
void netns_enter_without_ipv6(void);

/* The same, with the loopback down: there is no ::1, and nothing can be reached. */
void netns_enter_with_loopback_down(void);

/* From here on socket(AF_INET6, ...) fails with EAFNOSUPPORT in this process and its children, as on a kernel started
 * with ipv6.disable=1. By seccomp; also sets no_new_privs. */
void netns_refuse_ipv6_sockets(void);

#endif
