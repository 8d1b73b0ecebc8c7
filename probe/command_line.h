/*
 * A process's command line as one line for a person, without the secrets that people put into command lines.
 */
#ifndef PROBE_COMMAND_LINE_H
#define PROBE_COMMAND_LINE_H

#include <stddef.h>

/*
 * Writes the arguments (as /proc/PID/cmdline has them: each ended by a NUL; the last one's may be missing) to `ret_text` of
 * `size` bytes, separated by spaces; an argument that is empty or has white space or quotes stands in single quotes. What does not
 * fit is cut, with "..." at the end. Masked as "***", so that no view can show them:
 *   - the value of a key that names a secret (password, passwd, pwd, secret, token, api key, access key, private key,
 *     credentials, passphrase, pass, auth; in any case, with -, _, . or nothing between words, also as a part of a longer key):
 *     --password=x, --db-password x, TOKEN=x, -Dapi.key=x, and inside of an argument "?token=x&", "user=a password=x", "X-Api-Key: x",
 *     {"password":"x"};
 *   - the password in a URL: scheme://user:password@host;
 *   - what follows "Authorization:" or "Bearer ".
 * A short password option (-p x) is not known for one: to other programs it is a port.
 * A process that has overwritten its command line with a title (nginx: "master process ...") shows that title.
 */
void command_line_format(const char *arguments, size_t length, char *ret_text, size_t size);

#endif
