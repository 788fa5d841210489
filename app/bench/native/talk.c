/* The load's calls: what is commanded, when each sender speaks, and what came of it. */

#define _GNU_SOURCE
#include "load.h"

enum { SETTLE = 10, PATIENCE = 100 }; /* rounds: for what comes twice; for what is late */

static struct call **calls;
static size_t count, room;
static uint64_t tick;
static struct histogram late;

static struct {
    enum { NONE, WARMING, MEASURING, MEASURED } stage;
    uint64_t measure, finish; /* rounds */
    double cpu;
} run;

static struct {
    bool asked;
    unsigned calls, stops, forced;
} stopping;

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

struct call *find_call(uint32_t id)
{
    for (size_t i = count; i--;) /* the one asked for is mostly among the last */
        if (calls[i]->id == id)
            return calls[i];
    return NULL;
}

/* Beginnings */

static void new_call(uint32_t id, uint32_t legs, uint32_t streams)
{
    struct call *call = calloc(1, sizeof *call);
    if (count == room) {
        room = room ? 2 * room : 64;
        calls = realloc(calls, room * sizeof *calls);
    }
    if (!call || !calls)
        fail("memory");
    call->id = id, call->legs = legs, call->streams = streams;
    calls[count++] = call;
}

/* A call is up when each of its sockets is open and each app has been told `start`. */
void check_up(struct call *call)
{
    if (call->phase != SETTING_UP)
        return;
    for (uint32_t i = 0; i < call->legs; i++)
        if (!call->leg[i] || call->leg[i]->state != OPEN)
            return;
    for (uint32_t i = 0; i < call->streams; i++)
        if (!call->stream[i] || !call->stream[i]->started)
            return;
    call->phase = UP;
    say("{\"type\":\"up\",\"call\":%u,\"ns\":%llu}", call->id, (unsigned long long)now_ns());
}

/* Something of a call that is not up yet has failed: it will not come up. */
void down(struct call *call, const char *why)
{
    if (call->phase != SETTING_UP)
        return;
    say("{\"type\":\"down\",\"call\":%u,\"why\":\"%s\"}", call->id, why);
    call->phase = ENDING; /* at once over: until is 0 */
}

static struct sender *voice(struct call *call, struct conn *c, int way)
{
    sender_init(&c->sender, run_id, call->id, way, way == TO_APP ? c->index : 0);
    return &c->sender;
}

/* From the next round on, each sender of the call speaks once a round. */
static void begin_talk(struct call *call, uint32_t warm, uint32_t rest, uint32_t frames)
{
    call->warm = warm, call->rest = rest, call->frames = frames;
    call->from = tick / SLOTS + 1, call->phase = TALKING;
    for (uint32_t i = 0; i < call->legs; i++) {
        struct conn *leg = call->leg[i];
        const struct sender *said = voice(call, leg, TO_APP);
        for (uint32_t k = leg->first; k < leg->first + (uint32_t)leg->count; k++)
            receiver_init(&call->stream[k]->receiver, said, warm + frames, warm);
        if (leg->two_way)
            receiver_init(&leg->receiver, voice(call, call->stream[0], TO_CALLER), warm + frames,
                          warm);
    }
}

/* Endings */

static void report(struct call *alone)
{
    static struct summary ways[WAYS];
    unsigned number = 0, lost_sockets = 0, dialect = 0;
    memset(ways, 0, sizeof ways);
    for (size_t i = 0; i < count; i++) {
        struct call *call = calls[i];
        if (call->phase != DONE || (alone && call != alone) || (!alone && call->alone))
            continue;
        number++, lost_sockets += call->lost_sockets, dialect += call->dialect;
        for (uint32_t k = 0; k < call->streams; k++)
            summary_add(&ways[TO_APP], &call->stream[k]->receiver);
        for (uint32_t k = 0; k < call->legs; k++)
            summary_add(&ways[TO_CALLER], &call->leg[k]->receiver);
    }
    printf("{\"type\":\"report\",\"call\":%lld,\"calls\":%u,\"lost_sockets\":%u,\"dialect\":%u,",
           alone ? (long long)alone->id : -1, number, lost_sockets, dialect);
    printf("\"cpu_seconds\":%.6f,", run.cpu);
    histogram_print("late", &late);
    putchar(',');
    summary_print("to_app", &ways[TO_APP]);
    putchar(',');
    summary_print("to_caller", &ways[TO_CALLER]);
    say("}");
}

static void end_call(struct call *call)
{
    if (call->phase == ENDING)
        return;
    call->phase = ENDING, call->until = tick / SLOTS + PATIENCE;
    for (uint32_t i = 0; i < call->legs; i++)
        if (call->leg[i] && call->leg[i]->state == OPEN)
            send_text(call->leg[i], "{\"event\":\"stop\",\"sequenceNumber\":\"%u\"}",
                      call->leg[i]->sender.stamp.number + 2);
}

static void close_all(struct call *call)
{
    for (uint32_t i = 0; i < call->legs; i++)
        if (call->leg[i] && call->leg[i]->fd >= 0)
            lose(call->leg[i], "");
    for (uint32_t i = 0; i < call->streams; i++)
        if (call->stream[i])
            lose(call->stream[i], "");
}

static void free_call(struct call *call)
{
    for (uint32_t i = 0; i < call->legs; i++)
        if (call->leg[i])
            free_conn(call->leg[i]);
    for (uint32_t i = 0; i < call->streams; i++)
        if (call->stream[i])
            free_conn(call->stream[i]);
    free(call);
}

static bool arrived(const struct call *call)
{
    for (uint32_t i = 0; i < call->streams; i++) {
        const struct receiver *r = &call->stream[i]->receiver;
        if (r->from && r->arrived < r->from->stamp.number)
            return false;
    }
    for (uint32_t i = 0; i < call->legs; i++) {
        const struct receiver *r = &call->leg[i]->receiver;
        if (r->from && r->arrived < r->from->stamp.number)
            return false;
    }
    return true;
}

/* Once a round: which calls have said all, have been heard, are gone. True when it is gone. */
static bool sweep_call(struct call *call, uint64_t round)
{
    uint64_t end = call->from + call->warm + call->rest + call->frames;
    if (call->phase == TALKING && round >= end)
        call->phase = DRAINING;
    if (call->phase == DRAINING && round >= end + SETTLE &&
        (arrived(call) || round >= end + PATIENCE)) {
        call->phase = DONE;
        if (call->alone) {
            report(call);
            end_call(call);
        }
    }
    if (call->phase != ENDING)
        return false;
    if (call->open && round >= call->until) {
        call->forced = call->until > 0;
        close_all(call);
    }
    if (call->open || call->queued)
        return false;
    if (call->alone)
        say("{\"type\":\"ended\",\"call\":%u,\"stops\":%u,\"forced\":%s}", call->id, call->stops,
            call->forced ? "true" : "false");
    stopping.calls++, stopping.stops += call->stops, stopping.forced += call->forced;
    free_call(call);
    return true;
}

static void sweep_run(uint64_t round)
{
    if (run.stage == WARMING && round >= run.measure) {
        run.stage = MEASURING, run.cpu = cpu_seconds();
        say("{\"type\":\"measuring\"}");
    }
    if (run.stage == MEASURING && round >= run.finish) {
        run.stage = MEASURED, run.cpu = cpu_seconds() - run.cpu;
        say("{\"type\":\"measured\"}");
    }
    if (run.stage != MEASURED)
        return;
    for (size_t i = 0; i < count; i++)
        if (!calls[i]->alone && (calls[i]->phase == TALKING || calls[i]->phase == DRAINING))
            return;
    run.stage = NONE;
    report(NULL);
    for (size_t i = 0; i < count; i++)
        if (calls[i]->phase == DONE && !calls[i]->alone)
            calls[i]->phase = UP;
}

static void sweep(uint64_t round)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!sweep_call(calls[i], round))
            calls[kept++] = calls[i];
    count = kept;
    sweep_run(round);
    if (stopping.asked && !count) {
        say("{\"type\":\"stopped\",\"calls\":%u,\"stops\":%u,\"forced\":%u}", stopping.calls,
            stopping.stops, stopping.forced);
        memset(&stopping, 0, sizeof stopping);
    }
}

/* Speaks for every slot that is due. Called as often as the loop turns. */
void turn(uint64_t origin)
{
    while (origin + (tick + 1) * SLOT_NS <= now_ns()) {
        tick++;
        uint64_t round = tick / SLOTS, due = origin + tick * SLOT_NS;
        struct slot *slot = &slots[tick % SLOTS];
        for (size_t i = slot->len; i--;) { /* backwards, as a loss takes one out */
            struct conn *c = slot->conn[i];
            struct call *call = c->call;
            if (call->phase != TALKING || round < call->from)
                continue;
            uint64_t at = round - call->from, rested = call->warm + call->rest;
            if (at >= rested + call->frames || (at >= call->warm && at < rested) ||
                (!c->leg && !call->leg[0]->receiver.from))
                continue;
            uint64_t now = now_ns();
            if (at >= rested) {
                uint64_t units = (now - due) / UNIT_NS;
                histogram_add(&late, units > UINT32_MAX ? UINT32_MAX : (uint32_t)units);
            }
            send_media(c, now);
        }
        if (tick % SLOTS == 0)
            sweep(round);
    }
}

/* Commands */

static bool command_leg(const char *line)
{
    unsigned id, index, first, number, two_way;
    int port;
    char host[48], path[4096], bearer[2048], request[8192];
    if (sscanf(line, "leg %u %u %u %u %u %47s %d %4095s %2047s", &id, &index, &first, &number,
               &two_way, host, &port, path, bearer) != 9)
        return false;
    struct call *call = find_call(id);
    if (!call)
        return true; /* it has failed already, and its end has been told */
    if (index >= call->legs || call->leg[index] || first + number > call->streams ||
        (two_way && index))
        return false;
    struct conn *c = new_conn(-1, true);
    ws_request(request, sizeof request, host, port, path, strcmp(bearer, "-") ? bearer : "");
    c->call = call, c->index = (uint8_t)index, c->first = (uint8_t)first;
    c->count = (uint8_t)number, c->two_way = two_way, c->port = port;
    memcpy(c->host, host, sizeof host);
    c->request = strdup(request);
    call->leg[index] = c;
    queue_leg(c);
    return true;
}

static void command_run(uint32_t warm, uint32_t rest, uint32_t frames)
{
    memset(&late, 0, sizeof late);
    run.stage = WARMING;
    run.measure = tick / SLOTS + 1 + warm + rest;
    run.finish = run.measure + frames;
    for (size_t i = 0; i < count; i++)
        if (calls[i]->phase == UP)
            begin_talk(calls[i], warm, rest, frames);
}

static bool command(const char *line)
{
    unsigned a, b, c;
    struct call *call;
    if (sscanf(line, "call %u %u %u", &a, &b, &c) == 3 && b && b <= MOST_LEGS && c &&
        c <= MOST_STREAMS && !find_call(a)) {
        new_call(a, b, c);
    } else if (strncmp(line, "leg ", 4) == 0) {
        return command_leg(line);
    } else if (sscanf(line, "run %u %u %u", &a, &b, &c) == 3 && run.stage == NONE) {
        command_run(a, b, c);
    } else if (sscanf(line, "talk %u %u", &a, &b) == 2) {
        call = find_call(a);
        if (call && call->phase == UP) {
            call->alone = true;
            begin_talk(call, 0, 0, b);
        }
    } else if (strcmp(line, "stop") == 0) {
        memset(&stopping, 0, sizeof stopping);
        stopping.asked = true;
        for (size_t i = 0; i < count; i++)
            end_call(calls[i]);
    } else {
        return false;
    }
    return true;
}

void take_lines(struct buffer *input)
{
    uint8_t *end;
    while ((end = input->len ? memchr(input->data, '\n', input->len) : NULL) != NULL) {
        *end = 0;
        if (!command((char *)input->data))
            say("{\"type\":\"misuse\"}");
        buffer_take(input, (size_t)(end - input->data) + 1);
    }
}
