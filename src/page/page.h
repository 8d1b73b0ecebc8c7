/*
 * The dashboard's files, as they are in ui/dist when portd is built: part of the program, so that it needs no file on the disk and cannot show the
 * page of another version. src/page/CMakeLists.txt makes the table; nothing in C knows a name of it but "/".
 */
#ifndef SRC_PAGE_PAGE_H
#define SRC_PAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

/* One form of a file: as it is, or compressed. */
struct page_form {
    const char *begin;
    const char *end;
    const char *etag; /* with its quotes; each form has its own */
};

struct page_file {
    const char *path; /* "/" for index.html, else "/assets/NAME" */
    const char *content_type;
    bool is_immutable; /* its name has its content's hash in it */
    struct page_form raw;
    struct page_form gzip;
};

extern const size_t page_n_files;
extern const struct page_file page_files[];
/* Of the same files in the same order. */
extern const char *const page_paths[];

#endif
