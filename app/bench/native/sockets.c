/* The load's connections: both kinds of sockets, their handshakes and their messages. */

#define _GNU_SOURCE
#include "load.h"
#include <stdarg.h>

struct slot slots[SLOTS];

static struct conn *queue, **queue_end = &queue, *strangers;
static unsigned connecting, next_slot;

/* Their life */

struct conn *new_conn(int fd, bool leg)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
        fail("memory");
    c->fd = fd, c->leg = leg, c->slot = -1;
    return c;
}

void free_conn(struct conn *c)
{
    buffer_free(&c->in);
    buffer_free(&c->unsent);
    free(c->receiver.took);
    free(c->request);
    free(c);
}

void queue_leg(struct conn *c)
{
    *queue_end = c;
    queue_end = &c->next;
    c->call->queued++;
}

/* Connects what is queued, so many at once. */
void dial(void)
{
    while (queue && connecting < CONNECTING) {
        struct conn *c = queue;
        queue = c->next;
        if (!queue)
            queue_end = &queue;
        c->call->queued--;
        if (c->call->phase != SETTING_UP) {
            c->dead = true;
            continue;
        }
        c->fd = connect_to(c->host, c->port);
        if (c->fd < 0)
            fail("connect");
        connecting++, c->call->open++;
        watch(epoll, c->fd, c);
    }
}

void accept_all(int server)
{
    int fd;
    while ((fd = accept4(server, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        prepare_socket(fd);
        watch(epoll, fd, new_conn(fd, false));
    }
}

/* Senders are spread over a round in an order in which neighbours lie far apart. */
static void join_slot(struct conn *c)
{
    c->slot = (int)(next_slot++ * 49 % SLOTS);
    struct slot *s = &slots[c->slot];
    if (s->len == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->conn = realloc(s->conn, s->room * sizeof *s->conn);
        if (!s->conn)
            fail("memory");
    }
    s->conn[s->len++] = c;
}

static void leave_slot(struct conn *c)
{
    if (c->slot < 0)
        return;
    struct slot *s = &slots[c->slot];
    for (size_t i = 0; i < s->len; i++)
        if (s->conn[i] == c)
            s->conn[i] = s->conn[--s->len];
    c->slot = -1;
}

/* Closes a connection. It is freed with its call, whose counts it has; a stranger, soon. */
void lose(struct conn *c, const char *why)
{
    if (c->dead)
        return;
    c->dead = true;
    connecting -= c->leg && c->state != OPEN;
    close(c->fd);
    leave_slot(c);
    if (!c->call) {
        c->next = strangers, strangers = c;
        return;
    }
    c->call->open--;
    if (c->call->phase == TALKING || c->call->phase == DRAINING)
        c->call->lost_sockets++;
    down(c->call, why);
}

void bury_strangers(void)
{
    while (strangers) {
        struct conn *c = strangers;
        strangers = c->next;
        free_conn(c);
    }
}

/* Out. A message is written behind 8 spare bytes, the most that a frame's header takes. */

static void transmit(struct conn *c, uint8_t *body, size_t len, int opcode)
{
    uint32_t mask = (uint32_t)now_ns() * 2654435761u;
    uint8_t *frame = ws_write(body, len, opcode, c->leg ? (uint8_t *)&mask : NULL);
    if (!send_all(c->fd, &c->unsent, frame, (size_t)(body + len - frame)))
        lose(c, "the candidate does not read");
}

void send_text(struct conn *c, const char *format, ...)
{
    uint8_t space[1024], *body = space + 8;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf((char *)body, sizeof space - 8, format, arguments);
    va_end(arguments);
    if (!c->dead)
        transmit(c, body, (size_t)len, WS_TEXT);
}

/* A leg speaks SignalWire's dialect, an app Twilio's. */
void send_media(struct conn *c, uint64_t now)
{
    uint8_t space[640], *body = space + 8;
    char *at = (char *)body;
    uint32_t number = c->sender.stamp.number;
    if (c->leg) {
        at = put_number(put(at, "{\"event\":\"media\",\"sequenceNumber\":\""), number + 2);
        at = put_number(put(at, "\",\"media\":{\"track\":\"inbound\",\"chunk\":\""), number + 1);
        at = put_number(put(at, "\",\"timestamp\":\""), number * 20);
        at = put(at, "\",\"payload\":\"");
    } else {
        at = put(put(at, "{\"event\":\"media\",\"streamSid\":\""), c->sid);
        at = put(at, "\",\"media\":{\"payload\":\"");
    }
    sender_write(&c->sender, now, at);
    at = put(at + TEXT, "\"}}");
    transmit(c, body, (size_t)((uint8_t *)at - body), WS_TEXT);
}

/* Handshakes; true when frames may follow. */

static bool open_leg(struct conn *c)
{
    char head[4096];
    int len = take_head(&c->in, head, sizeof head);
    if (len == -1)
        return false;
    if (len < 0 || !ws_accepted(head)) {
        lose(c, "the candidate refused a carrier's socket");
        return false;
    }
    connecting--;
    c->state = OPEN;
    snprintf(c->sid, sizeof c->sid, "5eed0000-0000-4000-8000-%08x%04x", c->call->id, c->index);
    send_text(c, "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"0.2.0\"}");
    send_text(c,
              "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"streamSid\":\"%s\","
              "\"accountSid\":\"5eed0000-0000-4000-8000-000000000000\","
              "\"callSid\":\"5eed0000-0000-4000-8000-%012x\",\"tracks\":[\"inbound\"],"
              "\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,"
              "\"channels\":1}}}",
              c->sid, c->call->id);
    join_slot(c);
    check_up(c->call);
    return !c->dead;
}

static bool open_stream(struct conn *c)
{
    char head[4096], answer[256];
    unsigned id, stream;
    int len = take_head(&c->in, head, sizeof head);
    if (len == -1)
        return false;
    struct call *call = NULL;
    if (len > 0 && sscanf(head, "GET /c/%u/%u HTTP/1.1", &id, &stream) == 2)
        call = find_call(id);
    int size = len > 0 ? ws_answer(head, answer, sizeof answer) : 0;
    if (!call || call->phase != SETTING_UP || stream >= call->streams || call->stream[stream] ||
        !size) {
        lose(c, "");
        return false;
    }
    c->call = call, c->index = (uint8_t)stream, c->state = OPEN;
    call->stream[stream] = c, call->open++;
    if (!send_all(c->fd, &c->unsent, answer, (size_t)size))
        lose(c, "an app's socket was lost");
    else if (stream == 0)
        join_slot(c);
    return !c->dead;
}

/* In */

/* Looks once at what every media message must have, so that a mere pipe is no relay. */
static void check_dialect(struct conn *c, const struct frame *f)
{
    size_t len, other;
    const char *sid = json_string(f, "\"streamSid\"", &len);
    const char *number = json_string(f, "\"sequenceNumber\"", &other);
    c->checked = true;
    if (!sid || len != strlen(c->sid) || memcmp(sid, c->sid, len) || (!c->leg && !number))
        c->call->dialect++;
}

static void take_text(struct conn *c, const struct frame *f, uint64_t now)
{
    size_t len;
    const char *text = json_string(f, "\"payload\"", &len);
    if (text) {
        if (!c->checked)
            check_dialect(c, f);
        receiver_take(&c->receiver, text, len, now);
    } else if (!c->leg && is_event(f, "start")) {
        text = json_string(f, "\"streamSid\"", &len);
        if (text && len < sizeof c->sid) {
            memcpy(c->sid, text, len);
            c->started = true;
            check_up(c->call);
        }
    } else if (!c->leg && is_event(f, "stop")) {
        c->call->stops++;
    }
}

static void take_frame(struct conn *c, const struct frame *f, uint64_t now)
{
    uint8_t space[8 + 125];
    if (f->opcode == WS_TEXT) {
        take_text(c, f, now);
    } else if ((f->opcode == WS_PING || f->opcode == WS_CLOSE) && f->len <= 125) {
        memcpy(space + 8, f->data, f->len);
        transmit(c, space + 8, f->len, f->opcode == WS_PING ? WS_PONG : WS_CLOSE);
        if (f->opcode == WS_CLOSE && !c->leg) /* it is for the server to close the connection */
            lose(c, "the candidate closed an app's socket");
    }
}

/* Returns how many bytes were whole frames. */
static size_t take_frames(struct conn *c, uint8_t *data, size_t len, uint64_t now)
{
    size_t at = 0;
    while (!c->dead) {
        struct frame frame;
        ssize_t size = ws_read(data + at, len - at, &frame);
        if (size < 0)
            lose(c, "the candidate sent a frame that is too long, or only a part of a message");
        if (size <= 0)
            break;
        at += (size_t)size;
        take_frame(c, &frame, now);
    }
    return at;
}

static void readable(struct conn *c, bool hung_up)
{
    static uint8_t data[MAX_MESSAGE];
    while (!c->dead) {
        ssize_t got = recv(c->fd, data, sizeof data, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            lose(c, c->leg ? "the candidate closed a carrier's socket"
                           : "the candidate closed an app's socket");
            return;
        }
        uint64_t now = now_ns();
        if (c->state == OPEN && !c->in.len) {
            size_t used = take_frames(c, data, (size_t)got, now);
            if (!c->dead && used < (size_t)got)
                buffer_add(&c->in, data + used, (size_t)got - used);
        } else {
            buffer_add(&c->in, data, (size_t)got);
            if (c->state == OPEN || (c->leg ? open_leg(c) : open_stream(c)))
                buffer_take(&c->in, take_frames(c, c->in.data, c->in.len, now));
        }
        if ((size_t)got < sizeof data && !hung_up)
            return;
    }
}

void on_event(struct conn *c, uint32_t events)
{
    if (!c->dead && events & EPOLLERR)
        lose(c, "the candidate refuses connections");
    if (!c->dead && c->leg && c->state == DIALLED && events & EPOLLOUT) {
        c->state = ASKED;
        if (!send_all(c->fd, &c->unsent, c->request, strlen(c->request)))
            lose(c, "the candidate closed a carrier's socket");
    }
    if (!c->dead && events & EPOLLOUT && c->unsent.len && !flush(c->fd, &c->unsent))
        lose(c, "the candidate does not read");
    if (!c->dead && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
        readable(c, events & (EPOLLRDHUP | EPOLLHUP));
}
