/* Places of uids. Few uids have any at once, so they are searched in a row. */
#include "src/api/quota.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct quota_row *find(struct quota *quota, uid_t uid) {
    for (size_t i = 0; i < quota->n_rows; i++)
        if (quota->rows[i].uid == uid)
            return &quota->rows[i];
    return NULL;
}

static struct quota_row *add(struct quota *quota, uid_t uid) {
    if (quota->n_rows == quota->capacity) {
        size_t capacity = quota->capacity == 0 ? 8 : quota->capacity * 2;
        struct quota_row *rows = realloc(quota->rows, capacity * sizeof *rows);

        if (rows == NULL)
            return NULL;
        quota->rows = rows;
        quota->capacity = capacity;
    }
    quota->rows[quota->n_rows] = (struct quota_row){.uid = uid};
    return &quota->rows[quota->n_rows++];
}

int quota_take(struct quota *quota, uid_t uid, unsigned max) {
    struct quota_row *row = find(quota, uid);

    if (row != NULL && row->n_taken >= max)
        return QUOTA_E_FULL;
    if (row == NULL)
        row = add(quota, uid);
    if (row == NULL)
        return -ENOMEM;
    row->n_taken++;
    return 0;
}

void quota_give(struct quota *quota, uid_t uid) {
    struct quota_row *row = find(quota, uid);

    assert(row != NULL && row->n_taken > 0);
    if (--row->n_taken > 0)
        return;
    *row = quota->rows[--quota->n_rows];
    if (quota->n_rows > 0)
        return;
    free(quota->rows);
    *quota = (struct quota){0};
}
