/*
 * What a command line is of, and the line that a person is told to copy.
 */
#include "cli/framework.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 16

/* A command line, its words parted by single spaces. */
struct command {
    char text[512];
    const char *words[WORDS_MAX + 1];
};

static struct command *make(struct command *command, const char *text) {
    size_t n_words = 0;
    char *at = command->text;

    memset(command, 0, sizeof(*command));
    snprintf(command->text, sizeof(command->text), "%s", text);
    for (char *word; (word = strsep(&at, " "));) {
        cr_assert_lt(n_words, WORDS_MAX);
        command->words[n_words++] = word;
    }
    return command;
}

static const char *find(const char *text) {
    struct command command;
    const struct framework *found = framework_find(make(&command, text)->words);
    return found ? found->name : "none";
}

/* ---- The rows */

Test(cli_framework, every_row_can_be_shown_and_copied) {
    for (size_t i = 0; i < framework_n_rows; i++) {
        const struct framework *row = &framework_rows[i];
        const bool has_port = strstr(row->how, "{PORT}") != NULL;

        cr_expect_geq(strlen(row->name), 2);
        cr_expect_geq(strlen(row->program), 2, "%s", row->name);
        cr_expect_eq(has_port, row->kind <= FRAMEWORK_ARGUMENT, "%s", row->name);
        cr_expect_leq(strlen(row->how), 80, "%s", row->name);
        cr_expect_leq(strlen(row->name), 20, "%s", row->name);
        if (i > 0)
            cr_expect_leq(strcasecmp(framework_rows[i - 1].name, row->name), 0, "%s", row->name);
    }
}

Test(cli_framework, a_program_is_known_by_its_name) {
    cr_expect_str_eq(find("redis-server"), "redis-server");
    cr_expect_str_eq(find("/usr/bin/redis-server *:6379"), "redis-server");
    cr_expect_str_eq(find("/usr/lib/postgresql/15/bin/postgres -D /x"), "postgres");
    cr_expect_str_eq(find("hugo server -D"), "hugo");
    cr_expect_str_eq(find("hugo"), "none");
    cr_expect_str_eq(find("./manage.py runserver"), "Django");
    cr_expect_str_eq(find("./manage.py migrate"), "none");
    cr_expect_str_eq(find("/x/esbuild a.js --bundle --serve=8000"), "esbuild");
    cr_expect_str_eq(find("/x/esbuild --service=0.25.0 --ping"), "none");
    cr_expect_str_eq(find("./server"), "none");
    cr_expect_str_eq(find(""), "none");
}

Test(cli_framework, a_script_is_known_by_its_file) {
    cr_expect_str_eq(find("node /x/node_modules/.bin/vite dev"), "vite");
    cr_expect_str_eq(find("node --max-old-space-size=4096 -r ./x.js /x/node_modules/vite/bin/vite.js"), "vite");
    cr_expect_str_eq(find("/usr/bin/node18 --enable-source-maps /x/ng.js serve"), "ng serve");
    cr_expect_str_eq(find("python3.11 manage.py runserver_plus"), "Django");
    cr_expect_str_eq(find("/venv/bin/python3 /venv/bin/flask --app x run --debug"), "flask");
    cr_expect_str_eq(find("/venv/bin/python3 /venv/bin/flask shell"), "none");
    cr_expect_str_eq(find("ruby bin/rails server"), "rails");
    cr_expect_str_eq(find("php artisan serve"), "artisan");
    cr_expect_str_eq(find("php -d x=1 -S localhost:8000 -t public"), "php -S");
    cr_expect_str_eq(find("node server.js"), "none");
    cr_expect_str_eq(find("node -e vite"), "none");
    cr_expect_str_eq(find("python3 -c flask run"), "none");
    cr_expect_str_eq(find("node"), "none");
}

Test(cli_framework, a_module_is_known_by_its_name) {
    cr_expect_str_eq(find("python3 -m http.server"), "http.server");
    cr_expect_str_eq(find("python3 -X dev -m flask run"), "flask");
    cr_expect_str_eq(find("python3 -m uvicorn app:app"), "uvicorn");
    cr_expect_str_eq(find("python3 -m"), "none");
}

Test(cli_framework, a_file_with_any_name_is_known_by_its_package) {
    cr_expect_str_eq(find("node /x/node_modules/.pnpm/a/node_modules/@11ty/eleventy/cmd.cjs --serve"), "eleventy");
    cr_expect_str_eq(find("node /x/node_modules/serve/build/main.js"), "serve");
    cr_expect_str_eq(find("node /x/node_modules/wrangler/wrangler-dist/cli.js dev"), "wrangler");
    cr_expect_str_eq(find("/x/node_modules/@angular/cli/bin/x serve"), "ng serve");
    cr_expect_str_eq(find("node /x/node_modules/other/cli.js"), "none");
}

Test(cli_framework, the_script_says_more_than_its_interpreter) {
    cr_expect_str_eq(find("bun --bun /x/node_modules/.bin/vite"), "vite");
    cr_expect_str_eq(find("bun run server.ts"), "bun");
    cr_expect_str_eq(find("deno serve main.ts"), "deno serve");
    cr_expect_str_eq(find("deno run -A main.ts"), "none");
}

Test(cli_framework, a_title_is_split_at_its_name) {
    cr_expect_str_eq(find("puma 6.4.2 (tcp://localhost:3000) [app]"), "puma");
    cr_expect_str_eq(find("nginx: master process nginx"), "nginx");
    cr_expect_str_eq(find("next-server (v15.1.0)"), "next");
    cr_expect_str_eq(find("webpack"), "webpack-dev-server");
    cr_expect_str_eq(find("rsbuild-node"), "rsbuild");
    cr_expect_str_eq(find("gunicorn: master [app:app]"), "gunicorn");
}

Test(cli_framework, java_is_known_by_what_is_in_its_class_path) {
    cr_expect_str_eq(find("java -cp /x/spring-boot-3.2.jar:/y com.example.App"), "Spring Boot");
    cr_expect_str_eq(find("mvn spring-boot:run"), "Spring Boot");
    cr_expect_str_eq(find("./gradlew bootRun"), "Spring Boot");
    cr_expect_str_eq(find("java -Dx=y -jar /x/quarkus-run.jar"), "Quarkus");
    cr_expect_str_eq(find("java -jar app.jar"), "none");
    cr_expect_str_eq(find("beam.smp -- -extra /usr/bin/mix phx.server"), "Phoenix");
    cr_expect_str_eq(find("node /home/ann/quarkus/node_modules/.bin/vite"), "vite");
}

Test(cli_framework, what_is_in_a_shells_script_is_not_the_shells) {
    cr_expect_str_eq(find("sh -c vite"), "none");
    cr_expect_str_eq(find("/bin/bash -c spring-boot"), "none");
}

/* ---- What is between */

static bool is_out_of_reach(const char *listener, const char *between, const char *program) {
    struct command commands[3];
    const char *const *lines[] = {make(&commands[0], listener)->words, make(&commands[1], between)->words,
                                  make(&commands[2], program)->words};
    return framework_is_out_of_reach(lines, 3);
}

Test(cli_framework, arguments_pass_one_script_runner_and_a_shell) {
    cr_expect_not(is_out_of_reach("node /x/vite dev", "sh -c vite", "npm run dev"));
    cr_expect_not(is_out_of_reach("node /x/vite dev", "sh -c tsc&&vite", "npm run dev"));
    cr_expect_not(is_out_of_reach("node /x/vite dev", "node /x/.yarn/yarn.cjs dev", "node /usr/bin/yarn dev"));
    cr_expect(is_out_of_reach("node /x/vite dev", "npm run dev:web", "npm run dev"));
    cr_expect(is_out_of_reach("node /x/vite dev", "node /usr/bin/pnpm web", "npm run dev"));
    cr_expect(is_out_of_reach("node /x/vite dev", "node /x/node_modules/.bin/concurrently a b", "npm run dev"));
    cr_expect(is_out_of_reach("node /x/vite dev", "sh -c", "make dev"));
    cr_expect(is_out_of_reach("node /x/vite dev", "sh -c vite&node", "npm run dev"));
    cr_expect(is_out_of_reach("node /x/vite dev", "sh -c vite|cat", "npm run dev"));
}

/* ---- Debuggers */

static bool is_side_port(const char *text, uint16_t port) {
    struct command command;
    return framework_is_side_port(make(&command, text)->words, port);
}

Test(cli_framework, a_debuggers_port_is_known_by_the_command_line) {
    cr_expect(is_side_port("node --inspect app.js", 9229));
    cr_expect(is_side_port("node --inspect-brk app.js", 9230));
    cr_expect(is_side_port("node --inspect=0.0.0.0:4711 app.js", 4711));
    cr_expect_not(is_side_port("node --inspect=0.0.0.0:4711 app.js", 471));
    cr_expect_not(is_side_port("node --inspect app.js", 3000));
    cr_expect_not(is_side_port("node app.js", 9229));
    cr_expect(is_side_port("java -agentlib:jdwp=transport=dt_socket,server=y,address=*:8787 -jar a.jar", 8787));
    cr_expect(is_side_port("java -agentlib:jdwp=transport=dt_socket,server=y -jar a.jar", 5005));
    cr_expect_not(is_side_port("java -jar a.jar", 5005));
    cr_expect(is_side_port("python3 -m debugpy --listen 5679 app.py", 5679));
    cr_expect(is_side_port("python3 /x/debugpy/adapter --for-server 4", 5678));
    cr_expect_not(is_side_port("python3 -m debugpy --listen 5679 app.py 8000", 8000));
    cr_expect(is_side_port("/go/bin/dlv debug --headless --listen=:2346", 2346));
    cr_expect_not(is_side_port("serve --listen 2346", 2346));
    cr_expect(is_side_port("caddy run", 2019));
    cr_expect(is_side_port("/usr/bin/caddy run", 2019));
    cr_expect_not(is_side_port("caddy run", 8080));
    cr_expect(is_side_port("node /x/node_modules/.bin/wrangler dev", 9229));
    cr_expect(is_side_port("anything", 35729));
    cr_expect_not(is_side_port("", 9229));
}

/* ---- Hints */

static const struct framework *row_named(const char *name) {
    for (size_t i = 0; name && i < framework_n_rows; i++)
        if (strcmp(framework_rows[i].name, name) == 0)
            return &framework_rows[i];
    cr_assert_null(name);
    return NULL;
}

static void assert_case(const char *framework, const char *const *argv, bool is_out_of_reach, const char *expected) {
    const struct framework_case known = {
        .framework = row_named(framework),
        .service_name = "web",
        .argv = argv,
        .port = 5173,
        .is_out_of_reach = is_out_of_reach,
    };
    char hint[FRAMEWORK_HINT_MAX];

    cr_expect_eq(framework_format_hint(&known, hint), hint);
    cr_expect_str_eq(hint, expected, "\n%s\n%s", hint, expected);
}

static void assert_hint(const char *framework, const char *argv, const char *expected) {
    struct command command;
    assert_case(framework, make(&command, argv)->words, false, expected);
}

static void assert_line(const char *framework, const char *argv, const char *expected) {
    char whole[FRAMEWORK_HINT_MAX];
    snprintf(whole, sizeof(whole), "%s wants a flag: portctl run web -- %s", framework, expected);
    assert_hint(framework, argv, whole);
}

Test(cli_framework, the_flag_goes_behind_the_frameworks_own_arguments) {
    assert_line("vite", "vite", "vite --port {PORT}");
    assert_line("vite", "npx vite --host", "npx vite --host --port {PORT}");
    assert_line("vite", "./node_modules/.bin/vite dev", "./node_modules/.bin/vite dev --port {PORT}");
    assert_line("flask", "uv run flask run", "uv run flask run --port {PORT}");
    assert_line("flask", "python3 -m flask --app x run", "python3 -m flask --app x run --port {PORT}");
    assert_line("rails", "bundle exec rails s", "bundle exec rails s -p {PORT}");
    assert_line("vite", "env NODE_ENV=x vite", "env NODE_ENV=x vite --port {PORT}");
    assert_line("vite", "nohup env -u X -i A=b npx vite", "nohup env -u X -i A=b npx vite --port {PORT}");
}

Test(cli_framework, npm_wants_dashes_before_it_and_others_do_not) {
    assert_line("vite", "npm run dev", "npm run dev -- --port {PORT}");
    assert_line("vite", "npm start", "npm start -- --port {PORT}");
    assert_line("vite", "env -u X npm start", "env -u X npm start -- --port {PORT}");
    assert_line("vite", "npm exec vite", "npm exec vite -- --port {PORT}");
    assert_line("vite", "npm run dev -- --host", "npm run dev -- --host --port {PORT}");
    assert_line("vite", "npm run dev --port 3000", "npm run dev --port 3000 -- --port {PORT}");
    assert_line("vite", "pnpm dev", "pnpm dev --port {PORT}");
    assert_line("vite", "yarn dev", "yarn dev --port {PORT}");
    assert_line("vite", "bun run dev", "bun run dev --port {PORT}");
    assert_line("vite", "pnpm exec vite", "pnpm exec vite --port {PORT}");
}

Test(cli_framework, a_flag_that_is_there_is_replaced) {
    assert_line("vite", "vite --port 3000 --host", "vite --port {PORT} --host");
    assert_line("vite", "vite --port=3000 --host", "vite --port {PORT} --host");
    assert_line("vite", "vite --port --host", "vite --port {PORT} --host");
    assert_line("vite", "vite --portal 3000", "vite --portal 3000 --port {PORT}");
    assert_line("vite", "npm run dev -- --port 3000", "npm run dev -- --port {PORT}");
    assert_line("php -S", "php -S localhost:8000 -t public", "php -S localhost:{PORT} -t public");
    assert_line("ASP.NET", "dotnet run --urls http://x:1", "dotnet run --urls http://localhost:{PORT}");
    assert_line("esbuild", "esbuild --serve a.js", "esbuild --serve={PORT}");
}

Test(cli_framework, what_belongs_to_the_runtime_stands_before_the_script) {
    assert_line("deno serve", "deno serve main.ts x", "deno serve --port {PORT} main.ts x");
    assert_line("deno serve", "deno serve -A --port 80 main.ts", "deno serve -A --port {PORT} main.ts");
    assert_hint("deno serve", "deno task dev", "deno serve wants a flag, --port {PORT}: run puts the port there");
}

Test(cli_framework, an_argument_takes_the_place_of_a_port) {
    assert_hint("Django", "python3 manage.py runserver",
                "Django wants an argument: portctl run web -- python3 manage.py runserver {PORT}");
    assert_hint("Django", "./manage.py runserver 0.0.0.0:8000 --noreload",
                "Django wants an argument: portctl run web -- ./manage.py runserver {PORT} --noreload");
    assert_hint("http.server", "python3 -m http.server 8000 -d x",
                "http.server wants an argument: portctl run web -- python3 -m http.server {PORT} -d x");
    assert_hint("http.server", "python3 -m http.server -b 127.0.0.1",
                "http.server wants an argument: portctl run web -- python3 -m http.server -b 127.0.0.1 {PORT}");
}

Test(cli_framework, a_variable_of_another_name_is_for_run_to_set) {
    assert_hint("Spring Boot", "mvn spring-boot:run",
                "Spring Boot reads SERVER_PORT: portctl run web --env-name SERVER_PORT -- mvn spring-boot:run");
    const char *script[] = {"sh", "-c", "mvn $GOAL", NULL};
    assert_case("Spring Boot", script, true,
                "Spring Boot reads SERVER_PORT: portctl run web --env-name SERVER_PORT -- sh -c 'mvn $GOAL'");
}

Test(cli_framework, what_takes_nothing_is_moved_by_run) {
    assert_hint("nginx", "nginx -c x",
                "nginx takes its port from its configuration (listen), or let run move it: "
                "portctl run web --remap 5173 -- nginx -c x");
    assert_hint(NULL, "./server",
                "give it {PORT} as an argument, or let run move it: portctl run web --remap 5173 -- ./server");
    assert_hint("vite", "vite --port {PORT}",
                "give it {PORT} as an argument, or let run move it: "
                "portctl run web --remap 5173 -- vite --port '{PORT}'");
}

static const char only_flag[] = "vite wants a flag, --port {PORT}: run puts the port there";

Test(cli_framework, where_the_line_might_not_work_only_the_flag_is_said) {
    const char *script[] = {"sh", "-c", "vite --host", NULL};
    struct command command;

    assert_case("vite", script, false, only_flag);
    assert_hint("vite", "make dev", only_flag);
    assert_hint("vite", "./start.sh", only_flag);
    assert_hint("vite", "npm", only_flag);
    assert_hint("vite", "env -u", only_flag);
    assert_hint("vite", "env A=b", only_flag);
    assert_hint("vite", "concurrently vite api", only_flag);
    assert_case("vite", make(&command, "npm run dev")->words, true, only_flag);
    assert_case("vite", make(&command, "vite")->words, true,
                "vite wants a flag: portctl run web -- vite --port {PORT}");
}

Test(cli_framework, words_are_quoted_for_a_shell) {
    const char *argv[] = {"vite", "a b", "it's", "", "$HOME", NULL};
    assert_case("vite", argv, false,
                "vite wants a flag: portctl run web -- vite 'a b' 'it'\\''s' '' '$HOME' --port {PORT}");
}

Test(cli_framework, what_cannot_be_shown_is_not) {
    const char *escape[] = {"vite", "\033[31m", NULL};
    const char *no_utf8[] = {"vite", "\xff", NULL};
    const char *newline[] = {"vite", "a\nb", NULL};
    const char turning[] = {(char)0xe2, (char)0x80, (char)0xae, '\0'};
    const char *turned[] = {"vite", turning, NULL};

    assert_case("vite", escape, false, only_flag);
    assert_case("vite", no_utf8, false, only_flag);
    assert_case("vite", newline, false, only_flag);
    assert_case("vite", turned, false, only_flag);
    assert_hint("vite", "vite --token hunter2", only_flag);
    assert_hint("vite", "env DB_PASSWORD=hunter2 vite", only_flag);
    assert_hint("Spring Boot", "mvn -Dpassword=hunter2 spring-boot:run",
                "Spring Boot reads SERVER_PORT, which run sets with --env-name SERVER_PORT");
    assert_hint(NULL, "./server --password=hunter2",
                "give it {PORT} as an argument, or let run move it with --remap 5173");
}

Test(cli_framework, a_line_that_is_too_long_is_left_out) {
    char word[200];
    const char *argv[] = {"vite", word, NULL};

    for (size_t length = 60; length < sizeof(word); length++) {
        const struct framework_case known = {
            .framework = row_named("vite"), .service_name = "web", .argv = argv, .port = 5173};
        char hint[FRAMEWORK_HINT_MAX];
        memset(word, 'x', length);
        word[length] = '\0';
        framework_format_hint(&known, hint);
        cr_expect(strcmp(hint, only_flag) == 0 || strstr(hint, "--port {PORT}") == hint + strlen(hint) - 13, "%s",
                  hint);
        cr_expect_eq(strcmp(hint, only_flag) == 0, length > 102, "%zu %s", length, hint);
    }
}
