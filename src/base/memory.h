/*
 * Memory that a daemon which is there all day does not need. For once, after the start.
 */
#ifndef SRC_BASE_MEMORY_H
#define SRC_BASE_MEMORY_H

/* From here on all threads allocate from one heap. To be called before there is a second thread. */
void memory_share_heap(void);

/* Gives back what only the start needed: freed heap, and the code of the libraries' start-up (three of four megabytes). What is
 * needed again is mapped again when it runs. */
void memory_give_back(void);

#endif
