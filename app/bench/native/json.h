/* JSON, as far as the messages of calls need it. */

#ifndef JSON_H
#define JSON_H

#include "ws.h"

/* Texts are put together from left to right; each returns the end of what it wrote. */
static inline char *put_bytes(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static inline char *put(char *at, const char *text) { return put_bytes(at, text, strlen(text)); }

static inline char *put_number(char *at, uint32_t value)
{
    char digits[12], *from = digits + sizeof digits;
    do
        *--from = (char)('0' + value % 10);
    while (value /= 10);
    return put_bytes(at, from, (size_t)(digits + sizeof digits - from));
}

/* The string under a key, wherever it stands; NULL when there is none. Escapes stay. */
static inline char *json_string(const struct frame *f, const char *quoted_key, size_t *len)
{
    size_t size = strlen(quoted_key);
    char *end = (char *)f->data + f->len;
    char *at = memmem(f->data, f->len, quoted_key, size);
    if (!at)
        return NULL;
    for (at += size; at < end && (*at == ' ' || *at == ':'); at++)
        ;
    if (at >= end || *at != '"')
        return NULL;
    char *close = memchr(at + 1, '"', (size_t)(end - at - 1));
    if (!close)
        return NULL;
    *len = (size_t)(close - at - 1);
    return at + 1;
}

static inline bool is_event(const struct frame *f, const char *name)
{
    size_t len;
    const char *event = json_string(f, "\"event\"", &len);
    return event && len == strlen(name) && memcmp(event, name, len) == 0;
}

#endif
