/* The parts of the load: load.c runs the loop, sockets.c has the connections, talk.c the calls. */

#ifndef LOAD_H
#define LOAD_H

#include "flow.h"
#include "json.h"

enum { ROUND_NS = 20000000, SLOTS = 80, SLOT_NS = ROUND_NS / SLOTS }; /* a round: 20 ms */
enum { MOST_LEGS = 8, MOST_STREAMS = 8, CONNECTING = 64 };

enum state { DIALLED, ASKED, OPEN };

/* A carrier's socket (`leg`, where we are the client) or an app's (where we are the server). */
struct conn {
    struct call *call;
    struct conn *next; /* in the queue or among the strangers */
    int fd, slot;
    enum state state;
    bool leg, two_way, started, checked, dead;
    uint8_t index, first, count;
    char sid[64];
    struct buffer in, unsent;
    struct sender sender;
    struct receiver receiver;
    char *request, host[48];
    int port;
};

enum phase { SETTING_UP, UP, TALKING, DRAINING, DONE, ENDING };

struct call {
    uint32_t id, legs, streams, warm, rest, frames, open, queued, stops, lost_sockets, dialect;
    struct conn *leg[MOST_LEGS], *stream[MOST_STREAMS];
    enum phase phase;
    bool alone, forced;
    uint64_t from, until; /* rounds */
};

struct slot {
    struct conn **conn;
    size_t len, room;
};

/* load.c */
extern int epoll;
extern uint32_t run_id;
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* sockets.c */
extern struct slot slots[SLOTS];
void queue_leg(struct conn *c);
void dial(void);
void accept_all(int server);
void on_event(struct conn *c, uint32_t events);
void lose(struct conn *c, const char *why);
void bury_strangers(void);
void free_conn(struct conn *c);
struct conn *new_conn(int fd, bool leg);
void send_text(struct conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void send_media(struct conn *c, uint64_t now);

/* talk.c */
struct call *find_call(uint32_t id);
void check_up(struct call *call);
void down(struct call *call, const char *why);
void take_lines(struct buffer *input);
void turn(uint64_t origin);

#endif
