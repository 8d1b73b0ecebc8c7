/*
 * A digest: a 64-bit number out of many values, by which it is told whether they are still the same. Not a checksum for others: it is good for one run of
 * one program.
 */
#ifndef SRC_BASE_DIGEST_H
#define SRC_BASE_DIGEST_H

#include <stdint.h>

struct digest {
    uint64_t state;
};

/* `seed` is any number: with one that nobody else knows, nobody can make two different things that have one digest. */
struct digest digest_begin(uint64_t seed);

void digest_number(struct digest *digest, uint64_t number);

/* NULL is another text than "". A text never runs into what follows it. */
void digest_text(struct digest *digest, const char *text);

/* Never 0, so that 0 can stand for "nothing". */
uint64_t digest_end(const struct digest *digest);

#endif
