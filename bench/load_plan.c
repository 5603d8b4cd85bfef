/* bench/load_plan.c -- the command line of weir-load. */
#include "bench/load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS ((u64)1000000000)
#define MS_NS     ((u64)1000000)

static const char usage[] =
    "usage: weir-load ADDRESS:PORT --class NAME,WEIGHT,PATH[,BODY]... --phases PHASE,...\n"
    "                 [--connections N] [--seed N] [--slice-ms N] [--timeout-ms N] [--late-ms N]\n"
    "  PHASE is RATE:SECONDS, arrivals at random, or cCLIENTS:SECONDS, each of which sends its\n"
    "  next request when it has its answer. A class with a BODY is POSTed as JSON, others are\n"
    "  GET. Prints a JSON object; ends with 3 where it was late itself.\n";

static bool wrong(const char *what, const char *text)
{
    fprintf(stderr, "weir-load: %s: %s\n%s", what, text, usage);
    return false;
}

static bool read_number(const char *text, const char *end, u64 max, u64 *out)
{
    char *stop;
    errno = 0;
    u64 value = strtoull(text, &stop, 10);
    if (stop == text || stop != end || errno != 0 || *text == '-' || value == 0 || value > max)
        return false;
    *out = value;
    return true;
}

static bool read_server(struct load_plan *plan, const char *text)
{
    char address[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    u64 port;
    if (len == 0 || len >= sizeof address ||
        !read_number(colon + 1, text + strlen(text), UINT16_MAX, &port))
        return wrong("no ADDRESS:PORT", text);
    memcpy(address, text, len);
    address[len] = 0;
    plan->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((u16)port)};
    if (inet_pton(AF_INET, address, &plan->server.sin_addr) != 1)
        return wrong("no address", text);
    return true;
}

static bool read_class(struct load_plan *plan, const char *text)
{
    if (plan->class_count == LOAD_CLASSES_MAX)
        return wrong("too many classes", text);
    struct load_class *class = &plan->classes[plan->class_count];
    const char *weight = strchr(text, ',');
    const char *path = weight == NULL ? NULL : strchr(weight + 1, ',');
    if (path == NULL || path[1] != '/' || !read_number(weight + 1, path, 1000000, &class->weight))
        return wrong("no NAME,WEIGHT,PATH[,BODY]", text);
    const char *body = strchr(path + 1, ',');
    int path_len = (int)(body == NULL ? strlen(path + 1) : (size_t)(body - path - 1));
    int len = body == NULL
                  ? asprintf(&class->request, "GET %.*s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                             path_len, path + 1)
                  : asprintf(&class->request,
                             "POST %.*s HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                             path_len, path + 1, strlen(body + 1), body + 1);
    if (len < 0)
        return wrong("no memory", text);
    class->name = text;
    class->name_len = (size_t)(weight - text);
    class->request_len = (size_t)len;
    plan->class_count++;
    return true;
}

static bool read_phase(struct load_phase *phase, const char *text, const char **end)
{
    char *stop;
    bool is_closed = *text == 'c';
    f64 load = strtod(text + is_closed, &stop);
    if (*stop != ':' || !(load > 0 && load <= 1e6))
        return false;
    f64 seconds = strtod(stop + 1, &stop);
    if ((*stop != 0 && *stop != ',') || !(seconds > 0 && seconds <= 86400))
        return false;
    *phase = (struct load_phase){.rate = is_closed ? 0 : load,
                                 .clients = is_closed ? (u64)load : 0,
                                 .length_ns = (u64)(seconds * (f64)SECOND_NS)};
    *end = stop;
    return !is_closed || phase->clients > 0;
}

static bool read_phases(struct load_plan *plan, const char *text)
{
    for (const char *at = text;; at++) {
        if (plan->phase_count == LOAD_PHASES_MAX)
            return wrong("too many phases", text);
        if (!read_phase(&plan->phases[plan->phase_count++], at, &at))
            return wrong("no RATE:SECONDS,...", text);
        if (*at == 0)
            return true;
    }
}

static bool read_option(struct load_plan *plan, const char *name, const char *text)
{
    const struct {
        const char *name;
        u64 *value, unit, max;
    } numbers[] = {
        {"--connections", &plan->connections_max, 1, 100000},
        {"--seed", &plan->seed, 1, UINT64_MAX},
        {"--slice-ms", &plan->slice_ns, MS_NS, 10000},
        {"--timeout-ms", &plan->timeout_ns, MS_NS, 600000},
        {"--late-ms", &plan->late_ns, MS_NS, 600000},
    };
    if (strcmp(name, "--class") == 0)
        return read_class(plan, text);
    if (strcmp(name, "--phases") == 0)
        return read_phases(plan, text);
    for (u32 i = 0; i < COUNT_OF(numbers); i++) {
        if (strcmp(name, numbers[i].name) != 0)
            continue;
        if (!read_number(text, text + strlen(text), numbers[i].max, numbers[i].value))
            return wrong(name, text);
        *numbers[i].value *= numbers[i].unit;
        return true;
    }
    return wrong("no such option", name);
}

bool load_plan_read(struct load_plan *plan, int argc, char **argv)
{
    *plan = (struct load_plan){.connections_max = 4096,
                               .seed = 1,
                               .slice_ns = 50 * MS_NS,
                               .timeout_ns = 10 * SECOND_NS,
                               .late_ns = 5 * MS_NS};
    if (argc < 2)
        return wrong("too little", "an address is missing");
    if (!read_server(plan, argv[1]))
        return false;
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc)
            return wrong("a value is missing", argv[i]);
        if (!read_option(plan, argv[i], argv[i + 1]))
            return false;
    }
    if (plan->class_count == 0 || plan->phase_count == 0)
        return wrong("too little", "it takes --class and --phases");
    return true;
}

void load_plan_fini(struct load_plan *plan)
{
    for (u32 i = 0; i < plan->class_count; i++)
        free(plan->classes[i].request);
}
