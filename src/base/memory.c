/*
 * Giving memory back. The code of a library that only initialises (GnuTLS, which libmicrohttpd brings along) stays mapped in for as long as nobody
 * else wants the room, and counts as the daemon's.
 */
#include "src/base/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

void memory_share_heap(void) {
    mallopt(M_ARENA_MAX, 1);
}

/* Only code that is never written to: its pages are those of the file, so nothing is lost with them (madvise(2), MADV_DONTNEED). */
static int give_back_code(struct dl_phdr_info *object, size_t size, void *context) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)context;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);

        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0 && (segment->p_flags & PF_W) == 0 &&
            begin < end)
            madvise((void *)begin, end - begin,
                    MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr): addresses of our own segments */
    }
    return 0;
}

void memory_give_back(void) {
    malloc_trim(0);
    dl_iterate_phdr(give_back_code, NULL);
}
