/*
 * Binds that come twice. A signal can interrupt a call that waits for us, and the kernel then begins it anew; if we have
 * bound the socket meanwhile, the second bind of it would fail with EINVAL, which no program reckons with. From Linux 5.19 on
 * SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV keeps signals off, but until 6.17 a signal still won where it came together with our
 * answer, and nothing tells us that it did. So it is remembered which call of a thread we have bound a socket for last, and
 * the very same call (registers and all) is answered the same again. Internal to remap.c; pure.
 *
 * The price: a program that binds one socket twice by the same call gets 0 and not EINVAL the second time.
 */
#ifndef CLI_REMAP_REPEAT_H
#define CLI_REMAP_REPEAT_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls that are interrupted at one time; the oldest is forgotten. */
#define REMAP_REPEAT_MAX 256

struct remap_repeat {
    struct {
        uint32_t thread; /* 0: nothing here */
        uint64_t cookie; /* the socket's */
        struct seccomp_data data;
    } calls[REMAP_REPEAT_MAX];
    size_t next;
};

/* A socket was bound for this call. */
void remap_repeat_note(struct remap_repeat *repeat, const struct seccomp_notif *notification, uint64_t cookie);

/* True if this is the call again that a socket was bound for last. Whatever a thread calls, its call before has returned: it is forgotten here.
 * `cookie` 0: it is none that could be the same. */
bool remap_repeat_take(struct remap_repeat *repeat, const struct seccomp_notif *notification, uint64_t cookie);

#endif
