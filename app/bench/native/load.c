/* The load of a media benchmark: the carrier's sockets and the customers' apps, in one process so
 * that one clock times every frame both ways. Commands come in by lines, events go out as JSON.
 *
 *   call ID LEGS STREAMS             a call of so many carrier's sockets and apps' sockets
 *   leg ID LEG FIRST COUNT TWOWAY HOST PORT PATH BEARER
 *                                    connects one; its audio belongs to streams FIRST and on;
 *                                    TWOWAY (leg 0 only): it plays what the app behind stream 0
 *                                    says; BEARER is - for none. -> up, or down
 *   run WARM REST FRAMES             all calls talk, 50 frames a second: WARM frames, silence for
 *                                    REST frames, FRAMES frames. -> measuring, measured, report
 *   talk ID FRAMES                   one call talks and then ends. -> report, ended
 *   stop                             all calls end as SignalWire ends them. -> stopped
 *
 * Apps' sockets are taken at /c/ID/STREAM of the port that `listening` tells. The process ends
 * with its input. */

#define _GNU_SOURCE
#include "load.h"
#include <stdarg.h>
#include <sys/timerfd.h>

int epoll;
uint32_t run_id;

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* Reads commands; false at their end. */
static bool read_input(struct buffer *input)
{
    static char part[1 << 16];
    ssize_t got;
    while ((got = read(0, part, sizeof part)) > 0)
        buffer_add(input, part, (size_t)got);
    bool open = got < 0 && errno == EAGAIN;
    take_lines(input);
    return open;
}

/* A periodic timer goes on only when its count has been read. */
static void rearm(int timer)
{
    uint64_t expired;
    if (read(timer, &expired, sizeof expired) < 0 && errno != EAGAIN)
        fail("timer");
}

int main(void)
{
    static int server_mark, timer_mark, input_mark; /* only their addresses count */
    struct epoll_event events[64];
    struct buffer input = {0};
    int port = 0, timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    raise_file_limit();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int server = listen_on(&port);
    watch(epoll, server, &server_mark);
    watch(epoll, timer, &timer_mark);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    watch(epoll, 0, &input_mark);
    uint64_t origin = now_ns();
    run_id = (uint32_t)(origin >> 10) ^ (uint32_t)getpid() << 20;
    struct itimerspec every = {.it_interval.tv_nsec = SLOT_NS};
    every.it_value.tv_sec = (time_t)(origin / 1000000000u);
    every.it_value.tv_nsec = (long)(origin % 1000000000u);
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &every, NULL);
    say("{\"type\":\"listening\",\"port\":%d}", port);
    for (bool open = true; open;) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            if (owner == &server_mark)
                accept_all(server);
            else if (owner == &input_mark)
                open = read_input(&input);
            else if (owner == &timer_mark)
                rearm(timer);
            else
                on_event(owner, events[i].events);
        }
        dial();
        turn(origin);
        bury_strangers();
    }
    return 0;
}
