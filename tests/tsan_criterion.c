/*
 * Makes Criterion work under ThreadSanitizer, which allows mappings at a few places only.
 *
 * Criterion draws the address of the memory that it shares with its tests by rand_r(): 2^24 times the number, from
 * 0x200000000000 on. Nearly all of that is forbidden ground for ThreadSanitizer, and Criterion gives up. This rand_r()
 * answers with numbers from the one part that both accept, 0x550000000000 to 0x568000000000 on x86-64. Linked to the
 * test programs of the tsan preset only.
 */
#include <stdlib.h>

#define FIRST 0x350000
#define COUNT 0x18000

int rand_r(unsigned *seed) {
    *seed = *seed * 1103515245u + 12345u;
    return FIRST + (int)((*seed >> 8) % COUNT);
}
