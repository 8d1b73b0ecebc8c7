/*
 * One request and its response, between libmicrohttpd and the API: the callbacks of MHD_start_daemon(). `context` of
 * exchange_handle() is the struct waiting; a connection's own context is its struct client.
 */
#ifndef SRC_HTTP_EXCHANGE_H
#define SRC_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <stddef.h>

/* MHD_OPTION_URI_LOG_CALLBACK: the one moment at which libmicrohttpd shows the target as it was sent. */
void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection);

/* MHD_AccessHandlerCallback. */
enum MHD_Result exchange_handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_size, void **exchange_context);

/* MHD_OPTION_NOTIFY_COMPLETED. */
void exchange_end(void *context, struct MHD_Connection *connection, void **exchange_context,
                  enum MHD_RequestTerminationCode code);

#endif
