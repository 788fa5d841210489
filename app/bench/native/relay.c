/* A bare relay, near what the machine can do: one thread, epoll, no JSON parser, no pacing.
 *
 * A carrier's socket at /r/PORT/COUNT/ID is relayed to COUNT apps' sockets at 127.0.0.1:PORT,
 * /c/ID/0 and on, and what app 0 says back to the carrier. SignalWire's dialect on the one side,
 * Twilio's on the other. Prints the port that it listens on as JSON. */

#define _GNU_SOURCE
#include "json.h"

enum { MOST_APPS = 8 };

struct session;

struct peer {
    struct session *session;
    struct peer *next; /* among the dead */
    int fd, index;     /* index: -1 is the carrier */
    bool asked, open, dead;
    struct buffer in, unsent;
};

struct session {
    struct peer *carrier, *app[MOST_APPS];
    int apps, opened, port;
    char id[32], sid[40], carrier_sid[80];
    unsigned sequence;
};

static int epoll;
static struct peer *dead;

static struct peer *new_peer(struct session *session, int fd, int index)
{
    struct peer *p = calloc(1, sizeof *p);
    if (!p || fd < 0)
        fail("peer");
    p->session = session, p->fd = fd, p->index = index;
    watch(epoll, fd, p);
    return p;
}

static void bury(struct peer *p)
{
    if (!p || p->dead)
        return;
    close(p->fd);
    p->dead = true, p->next = dead, dead = p;
}

/* When one end is gone all are: a relay has nothing else to do for them. */
static void end_session(struct session *s)
{
    bury(s->carrier);
    for (int i = 0; i < s->apps; i++)
        bury(s->app[i]);
}

static void send_frame(struct peer *p, const void *text, size_t len, int opcode)
{
    static uint8_t space[MAX_MESSAGE + 8];
    static uint32_t mask = 0x9e3779b9;
    if (p->dead)
        return;
    memcpy(space + 8, text, len);
    mask = mask * 1664525u + 1013904223u;
    uint8_t *frame = ws_write(space + 8, len, opcode, p->index < 0 ? NULL : (uint8_t *)&mask);
    if (!send_all(p->fd, &p->unsent, frame, (size_t)(space + 8 + len - frame)))
        end_session(p->session);
}

static void send_apps(struct session *s, const char *text, int len)
{
    for (int i = 0; i < s->apps; i++)
        send_frame(s->app[i], text, (size_t)len, WS_TEXT);
}

static void from_carrier(struct session *s, const struct frame *f)
{
    char out[4096];
    size_t len = 0, chunk_len = 0, time_len = 0;
    const char *payload = json_string(f, "\"payload\"", &len);
    if (payload && len < 2048) {
        const char *chunk = json_string(f, "\"chunk\"", &chunk_len);
        const char *time = json_string(f, "\"timestamp\"", &time_len);
        if (!chunk || !time || chunk_len > 20 || time_len > 20)
            return;
        char *at = put_number(put(out, "{\"event\":\"media\",\"sequenceNumber\":\""),
                              ++s->sequence);
        at = put(at, "\",\"media\":{\"track\":\"inbound\",\"chunk\":\"");
        at = put(put_bytes(at, chunk, chunk_len), "\",\"timestamp\":\"");
        at = put(put_bytes(at, time, time_len), "\",\"payload\":\"");
        at = put(put_bytes(at, payload, len), "\"},\"streamSid\":\"");
        at = put(put(at, s->sid), "\"}");
        send_apps(s, out, (int)(at - out));
    } else if (is_event(f, "start")) {
        const char *sid = json_string(f, "\"streamSid\"", &len);
        snprintf(s->carrier_sid, sizeof s->carrier_sid, "%.*s", sid ? (int)len : 0, sid ? sid : "");
        send_apps(s, out, snprintf(out, sizeof out, "{\"event\":\"connected\",\"protocol\":"
                                                    "\"Call\",\"version\":\"1.0.0\"}"));
        int size = snprintf(out, sizeof out,
                            "{\"event\":\"start\",\"sequenceNumber\":\"%u\",\"start\":{"
                            "\"accountSid\":\"AC%032d\",\"streamSid\":\"%s\",\"callSid\":\"CA%032d"
                            "\",\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":"
                            "\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
                            "\"customParameters\":{}},\"streamSid\":\"%s\"}",
                            ++s->sequence, 0, s->sid, 0, s->sid);
        send_apps(s, out, size);
    } else if (is_event(f, "stop")) {
        int size = snprintf(out, sizeof out,
                            "{\"event\":\"stop\",\"sequenceNumber\":\"%u\",\"streamSid\":\"%s\","
                            "\"stop\":{\"accountSid\":\"AC%032d\",\"callSid\":\"CA%032d\"}}",
                            ++s->sequence, s->sid, 0, 0);
        send_apps(s, out, size);
        end_session(s);
    }
}

static void from_app(struct session *s, const struct frame *f)
{
    char out[4096];
    size_t len = 0;
    const char *payload = json_string(f, "\"payload\"", &len);
    if (!payload || len > 2048)
        return;
    char *at = put(put(out, "{\"event\":\"media\",\"streamSid\":\""), s->carrier_sid);
    at = put(at, "\",\"media\":{\"payload\":\"");
    at = put(put_bytes(at, payload, len), "\"}}");
    send_frame(s->carrier, out, (size_t)(at - out), WS_TEXT);
}

static void take_frames(struct peer *p)
{
    struct session *s = p->session;
    size_t at = 0;
    while (!p->dead) {
        struct frame f;
        ssize_t size = ws_read(p->in.data + at, p->in.len - at, &f);
        if (size == 0)
            break;
        if (size < 0 || f.opcode == WS_CLOSE) {
            end_session(s);
            break;
        }
        at += (size_t)size;
        if (f.opcode == WS_PING)
            send_frame(p, f.data, f.len, WS_PONG);
        else if (f.opcode == WS_TEXT && p->index < 0)
            from_carrier(s, &f);
        else if (f.opcode == WS_TEXT && p->index == 0)
            from_app(s, &f);
    }
    buffer_take(&p->in, at);
}

/* The carrier's upgrade: answered at once; its messages wait until every app is there. */
static void open_carrier(struct peer *p)
{
    char head[4096], answer[256];
    struct session *s = p->session;
    if (take_head(&p->in, head, sizeof head) < 0)
        return;
    int size = ws_answer(head, answer, sizeof answer);
    if (!size || sscanf(head, "GET /r/%d/%d/%31[0-9] ", &s->port, &s->apps, s->id) != 3 ||
        s->apps < 1 || s->apps > MOST_APPS) {
        s->apps = 0;
        end_session(s);
        return;
    }
    p->open = true;
    snprintf(s->sid, sizeof s->sid, "MZ%032lld", atoll(s->id));
    send_all(p->fd, &p->unsent, answer, (size_t)size);
    for (int i = 0; i < s->apps; i++)
        s->app[i] = new_peer(s, connect_to("127.0.0.1", s->port), i);
}

static void open_app(struct peer *p)
{
    char head[4096];
    if (take_head(&p->in, head, sizeof head) < 0)
        return;
    if (!ws_accepted(head)) {
        end_session(p->session);
        return;
    }
    p->open = true;
    if (++p->session->opened < p->session->apps)
        return;
    take_frames(p->session->carrier);
    for (int i = 0; i < p->session->apps; i++)
        if (p->session->app[i] != p)
            take_frames(p->session->app[i]);
}

static void on_event(struct peer *p, uint32_t events)
{
    static uint8_t data[MAX_MESSAGE];
    struct session *s = p->session;
    if (p->index >= 0 && !p->asked && events & EPOLLOUT) {
        char request[512], path[64];
        snprintf(path, sizeof path, "/c/%s/%d", s->id, p->index);
        int size = ws_request(request, sizeof request, "127.0.0.1", s->port, path, "");
        p->asked = true;
        send_all(p->fd, &p->unsent, request, (size_t)size);
    }
    if (events & EPOLLERR || !flush(p->fd, &p->unsent))
        end_session(s);
    while (!p->dead && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
        ssize_t got = recv(p->fd, data, sizeof data, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            end_session(s);
            return;
        }
        buffer_add(&p->in, data, (size_t)got);
        if (!p->open)
            p->index < 0 ? open_carrier(p) : open_app(p);
        if (p->open && s->apps && s->opened == s->apps)
            take_frames(p);
        if ((size_t)got < sizeof data && !(events & (EPOLLRDHUP | EPOLLHUP)))
            return;
    }
}

static void accept_all(int server)
{
    int fd;
    while ((fd = accept4(server, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct session *s = calloc(1, sizeof *s);
        if (!s)
            fail("memory");
        prepare_socket(fd);
        s->carrier = new_peer(s, fd, -1);
    }
}

/* Frees what ended in this turn of the loop; a session goes with its carrier. */
static void free_dead(void)
{
    while (dead) {
        struct peer *p = dead;
        dead = p->next;
        if (p->index < 0)
            free(p->session);
        buffer_free(&p->in);
        buffer_free(&p->unsent);
        free(p);
    }
}

int main(void)
{
    struct epoll_event events[256];
    int port = 0;
    raise_file_limit();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int server = listen_on(&port);
    watch(epoll, server, &epoll);
    printf("{\"type\":\"listening\",\"port\":%d}\n", port);
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct peer *p = events[i].data.ptr;
            if (events[i].data.ptr == &epoll)
                accept_all(server);
            else if (!p->dead)
                on_event(p, events[i].events);
        }
        free_dead();
    }
}
