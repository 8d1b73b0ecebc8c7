/*
 * Command lines as people write them, with secrets that must not be seen and harmless words that must.
 */
#include "probe/command_line.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

/* Arguments are written with a '|' between them, and one behind the last. */
static void format(const char *arguments, char *ret_text) {
    char bytes[TEXT_MAX];
    const size_t length = strlen(arguments);
    cr_assert_lt(length, sizeof(bytes));
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(arguments[i] == '|' ? '\0' : arguments[i]);
    command_line_format(bytes, length, ret_text, TEXT_MAX);
}

static void assert_shown(const char *arguments, const char *shown) {
    char text[TEXT_MAX];
    format(arguments, text);
    cr_assert_str_eq(text, shown, "%s is shown as %s", arguments, text);
}

/* Each of these has the secret "hunter2", and what is left of it is to be seen. */
static void assert_masked(const char *arguments, const char *shown) {
    cr_assert_not_null(strstr(arguments, "hunter2"));
    assert_shown(arguments, shown);
}

/* ---- arguments ---- */

Test(command_line, arguments_are_separated_by_spaces) {
    assert_shown("nc|-l|8080|", "nc -l 8080");
    assert_shown("nc|-l|8080", "nc -l 8080");
    assert_shown("", "");
    assert_shown("|", "");
    assert_shown("||||", "");
}

Test(command_line, what_has_white_space_or_quotes_or_nothing_is_quoted) {
    assert_shown("echo|a b||x\ty|", "echo 'a b' '' 'x\ty'");
    assert_shown("echo|it's|\"|a\nb|", "echo 'it'\\''s' '\"' 'a\nb'");
    assert_shown("echo||x|", "echo '' x");
}

Test(command_line, a_title_is_shown_as_it_is) {
    assert_shown("nginx: master process /usr/sbin/nginx -g daemon off;|",
                 "nginx: master process /usr/sbin/nginx -g daemon off;");
    assert_shown("postgres: it's me|||||||", "postgres: it's me");
    assert_masked("chrome --type=x --token=hunter2 --a=b|", "chrome --type=x --token=*** --a=b");
    assert_masked("worker --password hunter2 --port 80", "worker --password *** --port 80");
}

Test(command_line, what_does_not_fit_is_cut) {
    char text[16];
    memset(text, 'x', sizeof(text));
    command_line_format("0123456789\0abcdefgh", 20, text, sizeof(text));
    cr_assert_str_eq(text, "0123456789 a...");
    command_line_format("0123456789\0abcd", 16, text, sizeof(text));
    cr_assert_str_eq(text, "0123456789 abcd");
    command_line_format("0123456789 \303\244\303\244\303\244", 17, text, sizeof(text));
    cr_assert_str_eq(text, "0123456789 ...", "no half of a character is left");
    for (size_t size = 1; size < 8; size++) {
        command_line_format("abcdefghijk\0lm", 14, text, size);
        cr_assert_lt(strlen(text), size);
    }
    text[0] = 'x';
    command_line_format("abc", 3, text, 0);
    cr_assert_eq(text[0], 'x');
}

/* ---- secrets ---- */

Test(command_line, the_value_of_a_secrets_name_is_masked) {
    assert_masked("x|--password=hunter2|y|", "x --password=*** y");
    assert_masked("x|--password|hunter2|y|", "x --password *** y");
    assert_masked("x|--db-password|hunter2|", "x --db-password ***");
    assert_masked("x|-password|hunter2", "x -password ***");
    assert_masked("java|-Dspring.datasource.password=hunter2|-jar|a.jar|",
                  "java -Dspring.datasource.password=*** -jar a.jar");
    assert_masked("java|-Dapi.key=hunter2|", "java -Dapi.key=***");
    assert_masked("env|PGPASSWORD=hunter2|psql|", "env PGPASSWORD=*** psql");
    assert_masked("env|AWS_SECRET_ACCESS_KEY=hunter2|x|", "env AWS_SECRET_ACCESS_KEY=*** x");
    assert_masked("env|OPENAI_API_KEY=hunter2|x|", "env OPENAI_API_KEY=*** x");
    assert_masked("docker|run|-e|DB_PASSWORD=hunter2|--env=TOKEN=hunter2|x|",
                  "docker run -e DB_PASSWORD=*** --env=TOKEN=*** x");
    assert_masked("x|--token|hunter2|--api-key|hunter2|--apikey|hunter2|", "x --token *** --api-key *** --apikey ***");
    assert_masked("x|--apiKey=hunter2|--APIKey=hunter2|--ApiKey=hunter2|", "x --apiKey=*** --APIKey=*** --ApiKey=***");
    assert_masked("x|--apiKEY=hunter2|--userAUTH=hunter2|", "x --apiKEY=*** --userAUTH=***");
    assert_masked("x|--private_key|hunter2|--accessKey=hunter2|", "x --private_key *** --accessKey=***");
    assert_masked("x|--client-secret=hunter2|CLIENTSECRET=hunter2|", "x --client-secret=*** CLIENTSECRET=***");
    assert_masked("x|--auth=hunter2|--auth|hunter2|--basic-auth=u:hunter2|",
                  "x --auth=*** --auth *** --basic-auth=***");
    assert_masked("x|--authToken=hunter2|NPM_AUTHTOKEN=hunter2|", "x --authToken=*** NPM_AUTHTOKEN=***");
    assert_masked("x|--credentials|hunter2|--passwd=hunter2|--pwd=hunter2|",
                  "x --credentials *** --passwd=*** --pwd=***");
    assert_masked("redis-server|--requirepass|hunter2|", "redis-server --requirepass ***");
    assert_masked("x|--password2=hunter2|DB_PASS=hunter2|", "x --password2=*** DB_PASS=***");
}

Test(command_line, all_of_the_value_is_masked) {
    assert_masked("x|--password=a hunter2 b|y|", "x '--password=***' y");
    assert_masked("x|--password|a hunter2 'b|y|", "x --password *** y");
    assert_masked("x|--password=a=hunter2&b,hunter2;hunter2|y|", "x --password=*** y");
    assert_masked("x|--password|-hunter2|y|", "x --password *** y");
    assert_masked("x|--password=\"a\"hunter2|y|", "x '--password=***' y");
    assert_shown("x|--password=|y|", "x --password= y");
    assert_shown("x|--password|", "x --password");
}

Test(command_line, a_flag_behind_a_flag_is_no_value) {
    assert_shown("mongod|--auth|--port|27017|", "mongod --auth --port 27017");
    assert_shown("mongod|--auth|-f|mongod.conf|", "mongod --auth -f mongod.conf");
    assert_masked("x|--auth|--token|hunter2|", "x --auth --token ***");
}

Test(command_line, passwords_in_urls_are_masked) {
    assert_masked("psql|postgres://u:hunter2@h/db|", "psql postgres://u:***@h/db");
    assert_masked("x|--url=redis://:hunter2@localhost:6379/0|", "x --url=redis://:***@localhost:6379/0");
    assert_masked("env|DATABASE_URL=mongodb+srv://u:hunter2@h|x|", "env DATABASE_URL=mongodb+srv://u:***@h x");
    assert_masked("x|jdbc:postgresql://u:p@hunter2@h/db|", "x jdbc:postgresql://u:***@h/db");
    assert_masked("x|http://h/?access_token=hunter2&page=2|", "x http://h/?access_token=***&page=2");
    assert_masked("x|http://h/?page=2&api_key=hunter2|", "x http://h/?page=2&api_key=***");
    assert_shown("x|http://localhost:4873/@scope/a|", "x http://localhost:4873/@scope/a");
    assert_shown("x|https://user@h:80/x|ssh://git@h:22/a|git@h:a|", "x https://user@h:80/x ssh://git@h:22/a git@h:a");
}

Test(command_line, headers_are_masked) {
    assert_masked("curl|-H|Authorization: Bearer hunter2|http://h|", "curl -H 'Authorization: ***' http://h");
    assert_masked("curl|-H|authorization:Basic hunter2'hunter2|http://h|", "curl -H 'authorization:***' http://h");
    assert_masked("curl|-H|Proxy-Authorization: Basic hunter2|", "curl -H 'Proxy-Authorization: ***'");
    assert_masked("curl|--header=X-Api-Key: hunter2|http://h|", "curl '--header=X-Api-Key: ***' http://h");
    assert_masked("x|--with|Bearer hunter2|", "x --with 'Bearer ***'");
}

Test(command_line, secrets_inside_of_an_argument_are_masked) {
    assert_masked("psql|host=h password=hunter2 dbname=x|", "psql 'host=h password=*** dbname=x'");
    assert_masked("psql|host=h password='a hunter2' dbname=x|", "psql 'host=h password=*** dbname=x'");
    assert_masked("x|Server=h;Password=a hunter2;Db=x|", "x 'Server=h;Password=***;Db=x'");
    assert_masked("x|--set|a=1,password=hunter2,b=2|", "x --set a=1,password=***,b=2");
    assert_masked("curl|-d|{\"user\":\"u\",\"password\":\"a, hunter2\",\"x\":1}|",
                  "curl -d '{\"user\":\"u\",\"password\":***,\"x\":1}'");
    assert_masked("curl|-d|{\"token\" : \"hunter2\"}|", "curl -d '{\"token\" : ***}'");
    assert_masked("x|{\"token\":12,\"apiKey\":\"hunter2\"}|", "x '{\"token\":***,\"apiKey\":***}'");
    assert_masked("x|--opts='password=a hunter2' y|", "x '--opts='\\''password=***'\\'' y'");
    assert_masked("x|a \"token=\"hunter2|", "x 'a \"token=***'");
}

Test(command_line, secrets_in_a_script_are_masked) {
    assert_masked("sh|-c|PASSWORD=hunter2 node server.js|", "sh -c 'PASSWORD=*** node server.js'");
    assert_masked("bash|-lc|X=1 TOKEN=\"a hunter2\" node x|", "bash -lc 'X=1 TOKEN=*** node x'");
    assert_masked("sh|-c|psql --password hunter2 -h h|", "sh -c 'psql --password *** -h h'");
    assert_masked("sh|-c|curl -H \"Authorization: Bearer hunter2\" http://h|",
                  "sh -c 'curl -H \"Authorization: ***\" http://h'");
    assert_masked("sh|-c|curl -d \"{\\\"token\\\":\\\"a hunter2\\\"}\" http://h|",
                  "sh -c 'curl -d \"{\\\"token\\\":***}\" http://h'");
    assert_masked("sh|-c|TOKEN=a\\ hunter2 node x|", "sh -c 'TOKEN=*** node x'");
}

Test(command_line, harmless_words_are_shown) {
    const char *harmless[] = {
        "git --author=x --authority y",
        "x --keyboard=us keyboard",
        "x --tokenizer=bert --tokenizer bert",
        "x /path/with/password/in/it",
        "ssh-keygen -t ed25519",
        "x --config=/etc/secret/token.yaml",
        "x --key=value --keys 3",
        "docker run -v secret:/data x",
        "docker run auth:1.2",
        "x --bypass=1 --compass=2",
        "x password hunter",
        "x --monkey=1 --public-key=a",
        "x --secretary=me --tokenize=true",
        "x authorize=1",
        "x --author-name=a bearer",
    };
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        char bytes[128];
        char text[TEXT_MAX];
        const size_t length = strlen(harmless[i]);
        for (size_t j = 0; j <= length; j++)
            bytes[j] = (char)(harmless[i][j] == ' ' ? '\0' : harmless[i][j]);
        command_line_format(bytes, length + 1, text, sizeof(text));
        cr_assert_str_eq(text, harmless[i]);
    }
}

/* ---- hostile ones ---- */

Test(command_line, a_secret_is_never_shown_wherever_the_text_is_cut) {
    static const char arguments[] = "psql\0--password\0hunter2\0--token=hunter2\0postgres://u:hunter2@h\0";
    for (size_t size = 1; size < sizeof(arguments) + 8; size++) {
        char text[128];
        command_line_format(arguments, sizeof(arguments) - 1, text, size);
        cr_assert_lt(strlen(text), size);
        cr_assert_null(strstr(text, "hunt"), "%s", text);
    }
}

/* The bytes that mean something, at random; a sanitizer watches. */
Test(command_line, any_bytes_give_a_text_that_fits) {
    static const char alphabet[] = {'a', 'B', '-', '=',  ':', '/', '@',  '\'', '"',    '\\',   ' ', '\0', '&',
                                    '?', ',', ';', '\n', '.', '_', '\t', '`',  '\303', '\200', '{', '}',  '\33'};
    static const char *const words[] = {"password", "token", "://", "Authorization:", "Bearer ", "key", "api"};
    srand(4711);
    for (int round = 0; round < 20000; round++) {
        /* On the heap, exactly as long: to read past it is found. */
        char scratch[256];
        size_t length = 0;
        const size_t wanted = (size_t)rand() % 200;
        while (length < wanted) {
            const char *word = words[(size_t)rand() % (sizeof(words) / sizeof(words[0]))];
            if (rand() % 6 == 0 && length + strlen(word) < sizeof(scratch)) {
                memcpy(scratch + length, word, strlen(word));
                length += strlen(word);
            } else {
                scratch[length++] = alphabet[(size_t)rand() % sizeof(alphabet)];
            }
        }
        char *arguments = malloc(length ? length : 1);
        cr_assert_not_null(arguments);
        memcpy(arguments, scratch, length);
        char text[300];
        const size_t size = 1 + (size_t)rand() % (sizeof(text) - 1);
        command_line_format(arguments, length, text, size);
        cr_assert_lt(strlen(text), size);
        free(arguments);
    }
}
