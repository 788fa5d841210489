/* What the load and the relay share: sockets, buffers, base64, and WebSockets (RFC 6455) without
 * extensions. Sizes are bytes. Linux only, as epoll is. */

#ifndef WS_H
#define WS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum { MAX_MESSAGE = 1 << 16, MAX_UNSENT = 1 << 22 };

static inline void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Buffers: bytes come in at the end and are taken from the front. */

struct buffer {
    uint8_t *data;
    size_t len, room;
};

static inline void buffer_add(struct buffer *b, const void *data, size_t len)
{
    if (b->len + len > b->room) {
        b->room = b->len + len < 512 ? 512 : 2 * (b->len + len);
        b->data = realloc(b->data, b->room);
        if (!b->data)
            fail("memory");
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void buffer_take(struct buffer *b, size_t len)
{
    b->len -= len;
    memmove(b->data, b->data + len, b->len);
}

static inline void buffer_free(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

/* Sockets: non-blocking, without Nagle's delay, edge-triggered. */

static inline void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static inline void prepare_socket(int fd)
{
    int on = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline void watch(int epoll, int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    event.data.ptr = owner;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

/* Listens on loopback; `*port` may be 0 and then becomes the port that was free. */
static inline int listen_on(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&address, size) < 0 || listen(fd, 4096) < 0)
        fail("listen");
    getsockname(fd, (void *)&address, &size);
    *port = ntohs(address.sin_port);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* Begins to connect; -1 when it cannot even begin. */
static inline int connect_to(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return -1;
    prepare_socket(fd);
    if (connect(fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Sends what waits. False when the connection is lost, or its peer is too far behind. */
static inline bool flush(int fd, struct buffer *unsent)
{
    while (unsent->len) {
        ssize_t sent = send(fd, unsent->data, unsent->len, MSG_NOSIGNAL);
        if (sent < 0)
            return (errno == EAGAIN || errno == ENOTCONN) && unsent->len < MAX_UNSENT;
        buffer_take(unsent, (size_t)sent);
    }
    return true;
}

/* Sends at once what the network takes and keeps the rest. False as for flush(). */
static inline bool send_all(int fd, struct buffer *unsent, const void *data, size_t len)
{
    ssize_t sent = unsent->len ? 0 : send(fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN)
        return false;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent == len)
        return true;
    buffer_add(unsent, (const uint8_t *)data + sent, len - (size_t)sent);
    return unsent->len < MAX_UNSENT;
}

/* Base64 (RFC 4648, padded) and SHA-1 (FIPS 180-4), for the handshake's answer. */

static inline size_t base64_encode(const uint8_t *in, size_t len, char *out)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = out;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16;
        v |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
        v |= i + 2 < len ? in[i + 2] : 0;
        *at++ = digit[v >> 18];
        *at++ = digit[v >> 12 & 63];
        *at++ = i + 1 < len ? digit[v >> 6 & 63] : '=';
        *at++ = i + 2 < len ? digit[v & 63] : '=';
    }
    return (size_t)(at - out);
}

/* `len` is a multiple of 4 and nothing is padded. False when a character is no base64. */
static inline bool base64_decode(const char *in, size_t len, uint8_t *out)
{
    static uint8_t value[256];
    if (!value['B']) {
        memset(value, 255, sizeof value);
        for (int i = 0; i < 64; i++) {
            char text[4];
            base64_encode((uint8_t[3]){(uint8_t)(i << 2)}, 1, text);
            value[(uint8_t)text[0]] = (uint8_t)i;
        }
    }
    uint8_t bad = 0;
    for (; len; len -= 4, in += 4, out += 3) {
        uint8_t a = value[(uint8_t)in[0]], b = value[(uint8_t)in[1]];
        uint8_t c = value[(uint8_t)in[2]], d = value[(uint8_t)in[3]];
        bad |= a | b | c | d;
        out[0] = (uint8_t)(a << 2 | b >> 4);
        out[1] = (uint8_t)(b << 4 | c >> 2);
        out[2] = (uint8_t)(c << 6 | d);
    }
    return !(bad & 0xc0);
}

static inline uint32_t rotate(uint32_t v, int by) { return v << by | v >> (32 - by); }

/* For at most 119 bytes, which is two blocks. */
static inline void sha1(const uint8_t *data, size_t len, uint8_t out[20])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t padded[128] = {0};
    size_t total = len < 56 ? 64 : 128;
    memcpy(padded, data, len);
    padded[len] = 0x80;
    for (int i = 0; i < 8; i++)
        padded[total - 1 - (size_t)i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
    for (size_t block = 0; block < total; block += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const uint8_t *p = padded + block + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++)
            w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                  : (b ^ c ^ d) + 0xca62c1d6;
            uint32_t next = rotate(a, 5) + f + e + w[i];
            e = d, d = c, c = rotate(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The handshake. */

static const char WS_KEY[] = "dHdpbWwtYnJpZGdlLWJlbg==";

/* `Sec-WebSocket-Accept` for a key; `out` has 29 bytes. */
static inline void ws_accept(const char *key, size_t len, char *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[119], digest[20];
    len = len > 64 ? 64 : len;
    memcpy(text, key, len);
    memcpy(text + len, guid, sizeof guid - 1);
    sha1(text, len + sizeof guid - 1, digest);
    out[base64_encode(digest, 20, out)] = 0;
}

/* A header's value, up to the line's end; NULL when there is none. `head` ends with a NUL. */
static inline const char *http_header(const char *head, const char *name, size_t *len)
{
    const char *at = head;
    size_t size = strlen(name);
    while ((at = strstr(at, "\r\n")) != NULL) {
        at += 2;
        if (strncasecmp(at, name, size) == 0 && at[size] == ':') {
            at += size + 1;
            at += strspn(at, " \t");
            *len = strcspn(at, " \t\r\n");
            return at;
        }
    }
    return NULL;
}

/* The request that opens a socket; returns its size. `bearer` may be empty. */
static inline int ws_request(char *out, size_t room, const char *host, int port, const char *path,
                             const char *bearer)
{
    return snprintf(out, room,
                    "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s%s\r\n",
                    path, host, port, WS_KEY, *bearer ? "Authorization: Bearer " : "", bearer,
                    *bearer ? "\r\n" : "");
}

/* Whether an answer's head accepts ws_request(). */
static inline bool ws_accepted(const char *head)
{
    char expected[29];
    size_t len;
    const char *given = http_header(head, "Sec-WebSocket-Accept", &len);
    ws_accept(WS_KEY, strlen(WS_KEY), expected);
    return strncmp(head, "HTTP/1.1 101", 12) == 0 && given && len == 28 &&
           memcmp(given, expected, 28) == 0;
}

/* The answer that accepts a request, extensions not; 0 when the request is no handshake. */
static inline int ws_answer(const char *head, char *out, size_t room)
{
    char accept[29];
    size_t len;
    const char *key = http_header(head, "Sec-WebSocket-Key", &len);
    if (!key)
        return 0;
    ws_accept(key, len, accept);
    return snprintf(out, room,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                    accept);
}

/* Takes a head off the front of `in`, as text in `out`. -1: more must come; -2: too long. */
static inline int take_head(struct buffer *in, char *out, size_t room)
{
    uint8_t *end = memmem(in->data, in->len, "\r\n\r\n", 4);
    size_t len = end ? (size_t)(end - in->data) + 4 : in->len;
    if (len >= room)
        return -2;
    if (!end)
        return -1;
    memcpy(out, in->data, len);
    out[len] = 0;
    buffer_take(in, len);
    return (int)len;
}

/* Frames. */

struct frame {
    uint8_t *data;
    size_t len;
    int opcode;
};

static inline void apply_mask(uint8_t *data, size_t len, const uint8_t mask[4])
{
    uint64_t wide, part;
    memcpy(&wide, (uint8_t[8]){mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2],
                               mask[3]}, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&part, data + i, 8);
        part ^= wide;
        memcpy(data + i, &part, 8);
    }
    for (; i < len; i++)
        data[i] ^= mask[i & 3];
}

/* Reads one frame, unmasking it in place. Returns its size with its header, 0 when more must
 * come, -1 when it is too long or is a part of a message, which no peer here sends. */
static inline ssize_t ws_read(uint8_t *data, size_t have, struct frame *frame)
{
    if (have < 2)
        return 0;
    size_t len = data[1] & 127, head = 2;
    bool masked = data[1] & 128;
    if (len == 127 || !(data[0] & 128) || !(data[0] & 15))
        return -1;
    if (len == 126) {
        if (have < 4)
            return 0;
        len = (size_t)data[2] << 8 | data[3];
        head = 4;
    }
    head += masked ? 4 : 0;
    if (have < head + len)
        return 0;
    *frame = (struct frame){data + head, len, data[0] & 15};
    if (masked)
        apply_mask(frame->data, len, data + head - 4);
    return (ssize_t)(head + len);
}

/* Writes a frame's header and, with `mask`, masks the `len` bytes at `body`, which must stand
 * right behind `room` spare bytes. Returns where the frame begins. */
static inline uint8_t *ws_write(uint8_t *body, size_t len, int opcode, const uint8_t *mask)
{
    uint8_t *at = body;
    if (mask) {
        at -= 4;
        memcpy(at, mask, 4);
        apply_mask(body, len, mask);
    }
    if (len > 125) {
        at -= 4;
        at[2] = (uint8_t)(len >> 8);
        at[3] = (uint8_t)len;
    } else {
        at -= 2;
    }
    at[0] = (uint8_t)(0x80 | opcode);
    at[1] = (uint8_t)((mask ? 128 : 0) | (len > 125 ? 126 : len));
    return at;
}

#endif
