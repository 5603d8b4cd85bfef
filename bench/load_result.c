/* bench/load_result.c -- the result of weir-load as JSON. */
#include "bench/load.h"

#define MS 1e6

/* Of its own arrivals, as many as may be late without spoiling the figures. */
#define LATE_PART 0.01

bool load_result_is_valid(const struct load_plan *plan, const struct load_result *result)
{
    return histogram_quantile(&result->late, 1 - LATE_PART) <= (f64)plan->late_ns;
}

static void print_histogram(const char *name, const struct histogram *h, FILE *file)
{
    static const struct {
        const char *name;
        f64 part;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
    fprintf(file, "\"%s\":{\"count\":%llu,\"mean\":%.4f", name, (unsigned long long)h->total,
            histogram_mean(h) / MS);
    for (u32 i = 0; i < COUNT_OF(quantiles); i++)
        fprintf(file, ",\"%s\":%.4f", quantiles[i].name,
                histogram_quantile(h, quantiles[i].part) / MS);
    fprintf(file, "}");
}

static void print_tally(const struct load_class *class, const struct load_tally *tally, FILE *file)
{
    fprintf(file, "\"%.*s\":{", (int)class->name_len, class->name);
    fprintf(file,
            "\"offered\":%llu,\"sent\":%llu,\"good\":%llu,\"refused\":%llu,\"failed\":%llu,"
            "\"timed_out\":%llu,\"statuses\":{",
            (unsigned long long)tally->offered, (unsigned long long)tally->sent,
            (unsigned long long)tally->good, (unsigned long long)tally->refused,
            (unsigned long long)tally->failed, (unsigned long long)tally->timed_out);
    const char *comma = "";
    for (u32 i = 0; i < LOAD_STATUSES; i++) {
        if (tally->statuses[i] == 0)
            continue;
        fprintf(file, "%s\"%u\":%llu", comma, i, (unsigned long long)tally->statuses[i]);
        comma = ",";
    }
    fprintf(file, "},");
    print_histogram("latency_ms", &tally->latency, file);
    fprintf(file, ",");
    print_histogram("service_ms", &tally->service, file);
    fprintf(file, ",");
    print_histogram("refusal_ms", &tally->refusals, file);
    fprintf(file, "}");
}

static void print_phases(const struct load_plan *plan, const struct load_result *result, FILE *file)
{
    fprintf(file, "\"phases\":[");
    for (u32 i = 0; i < plan->phase_count; i++) {
        const struct load_phase *phase = &plan->phases[i];
        fprintf(file, "%s\n{\"rate\":%.3f,\"clients\":%llu,\"seconds\":%.6f,\"classes\":{",
                i == 0 ? "" : ",", phase->rate, (unsigned long long)phase->clients,
                (f64)phase->length_ns / 1e9);
        for (u32 j = 0; j < plan->class_count; j++) {
            fprintf(file, "%s\n", j == 0 ? "" : ",");
            print_tally(&plan->classes[j], result->tallies[i][j], file);
        }
        fprintf(file, "}}");
    }
    fprintf(file, "]");
}

/* [[seconds, offered, sent, good, refused, failed, p50, p99], ...] */
static void print_timeline(const struct load_plan *plan, const struct load_result *result,
                           FILE *file)
{
    fprintf(file, "\"timeline\":[");
    for (u32 i = 0; i < result->slice_count; i++) {
        const struct load_slice *slice = &result->slices[i];
        fprintf(file, "%s\n[%.3f,%llu,%llu,%llu,%llu,%llu,%.4f,%.4f]", i == 0 ? "" : ",",
                (f64)i * (f64)plan->slice_ns / 1e9, (unsigned long long)slice->offered,
                (unsigned long long)slice->sent, (unsigned long long)slice->good,
                (unsigned long long)slice->refused, (unsigned long long)slice->failed,
                slice->p50_ns / MS, slice->p99_ns / MS);
    }
    fprintf(file, "]");
}

void load_result_print(const struct load_plan *plan, const struct load_result *result, FILE *file)
{
    fprintf(file, "{\"valid\":%s,\"connections\":%llu,\"slice_s\":%.4f,\n",
            load_result_is_valid(plan, result) ? "true" : "false",
            (unsigned long long)result->connections, (f64)plan->slice_ns / 1e9);
    print_histogram("late_ms", &result->late, file);
    fprintf(file, ",\n");
    print_phases(plan, result, file);
    fprintf(file, ",\n");
    print_timeline(plan, result, file);
    fprintf(file, "}\n");
}
