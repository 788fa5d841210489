/* What the load's frames say of themselves, and what is learnt from those that arrive.
 *
 * A frame is 160 bytes of audio. The first 24 are a stamp; the other 136 are filler that only one
 * sender of one call has. In base64 the stamp is 32 characters and the filler 184. */

#ifndef FLOW_H
#define FLOW_H

#include "ws.h"

enum { STAMP = 24, STAMP_TEXT = 32, FILLER = 136, FILLER_TEXT = 184, TEXT = 216 };
enum { TO_APP, TO_CALLER, WAYS };

struct stamp {
    uint32_t run; /* of this process: what another left on its way is not taken for ours */
    uint32_t call;
    uint32_t number; /* of the frame, from 0 */
    uint16_t way;
    uint16_t leg; /* whose audio it is, or 0 for what an app says */
    uint64_t sent; /* ns of the monotonic clock */
};
_Static_assert(sizeof(struct stamp) == STAMP, "a stamp has no holes");

/* Times in units of 100 ns, in buckets of at most 1/64 of their value. */

enum { UNIT_NS = 100, FINE = 6, BUCKETS = (33 - FINE) << FINE };

struct histogram {
    uint64_t count, max;
    uint32_t bucket[BUCKETS];
};

static inline void histogram_add(struct histogram *h, uint32_t value)
{
    int shift = value >> FINE ? 31 - __builtin_clz(value) - FINE : 0;
    h->bucket[((size_t)shift << FINE) + (value >> shift)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

/* The time in microseconds that `per_mille` of the values do not exceed. */
static inline double histogram_at(const struct histogram *h, int per_mille)
{
    uint64_t wanted = (h->count * (uint64_t)per_mille + 999) / 1000, seen = 0;
    for (size_t i = 0; i < BUCKETS && wanted; i++) {
        seen += h->bucket[i];
        if (seen >= wanted) {
            size_t shift = i >> (FINE + 1) ? (i >> FINE) - 1 : 0;
            uint64_t top = ((i - (shift << FINE) + 1) << shift) - 1;
            return (double)(top < h->max ? top : h->max) * UNIT_NS / 1000;
        }
    }
    return 0;
}

/* Who sends frames: a leg of the carrier's, or the app behind a call's two-way stream. */
struct sender {
    struct stamp stamp; /* of the next frame */
    char filler[FILLER_TEXT];
};

static inline void sender_init(struct sender *s, uint32_t run, uint32_t call, int way, int leg)
{
    uint8_t filler[FILLER];
    uint64_t seed = (uint64_t)call << 8 ^ (uint64_t)leg << 4 ^ (uint64_t)way ^ 0x5eed;
    for (int i = 0; i < FILLER; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        filler[i] = (uint8_t)(seed >> 56);
    }
    base64_encode(filler, FILLER, s->filler);
    s->stamp = (struct stamp){run, call, 0, (uint16_t)way, (uint16_t)leg, 0};
}

/* Writes a frame's base64 text of TEXT characters. */
static inline void sender_write(struct sender *s, uint64_t now, char *out)
{
    s->stamp.sent = now;
    base64_encode((const uint8_t *)&s->stamp, STAMP, out);
    memcpy(out + STAMP_TEXT, s->filler, FILLER_TEXT);
    s->stamp.number++;
}

/* Who takes a sender's frames. `took` holds each frame's time on its way, 0 while it has not come;
 * `warm` frames at the beginning are counted and not timed. */
struct receiver {
    const struct sender *from;
    uint32_t *took;
    uint32_t room, warm, last;
    uint64_t arrived, doubled, misrouted, corrupt, disordered, foreign;
};

static inline void receiver_init(struct receiver *r, const struct sender *from, uint32_t room,
                                 uint32_t warm)
{
    free(r->took);
    *r = (struct receiver){.from = from, .room = room, .warm = warm};
    r->took = calloc(room ? room : 1, sizeof *r->took);
    if (!r->took)
        fail("memory");
}

static inline void receiver_take(struct receiver *r, const char *text, size_t len, uint64_t now)
{
    struct stamp s;
    if (!r->from || !r->took)
        return;
    const struct stamp *own = &r->from->stamp;
    if (len != TEXT || !base64_decode(text, STAMP_TEXT, (uint8_t *)&s)) {
        r->corrupt++;
    } else if (s.run != own->run) {
        r->foreign++;
    } else if (s.call != own->call || s.way != own->way || s.leg != own->leg) {
        r->misrouted++;
    } else if (s.number >= own->number || s.number >= r->room || s.sent > now ||
               memcmp(text + STAMP_TEXT, r->from->filler, FILLER_TEXT) != 0) {
        r->corrupt++;
    } else if (r->took[s.number]) {
        r->doubled++;
    } else {
        uint64_t units = (now - s.sent) / UNIT_NS;
        r->took[s.number] = units > UINT32_MAX ? UINT32_MAX : units ? (uint32_t)units : 1;
        r->arrived++;
        r->disordered += s.number < r->last;
        r->last = s.number;
    }
}

/* What a play-out's clock may take of a frame's time without it counting as delay: one frame. */
enum { SLOT = 20000000 / UNIT_NS };

/* One way of one or more calls, summed up. */
struct summary {
    uint64_t sent, arrived, doubled, misrouted, corrupt, disordered, foreign;
    struct histogram time, beyond; /* beyond: above the receiver's own least time, at most a SLOT */
};

static inline void summary_add(struct summary *s, const struct receiver *r)
{
    if (!r->from || !r->took)
        return;
    uint32_t sent = r->from->stamp.number, least = SLOT;
    s->sent += sent, s->arrived += r->arrived, s->doubled += r->doubled;
    s->misrouted += r->misrouted, s->corrupt += r->corrupt, s->foreign += r->foreign;
    s->disordered += r->disordered;
    for (uint32_t i = r->warm; i < sent && i < r->room; i++)
        if (r->took[i] && r->took[i] < least)
            least = r->took[i];
    for (uint32_t i = r->warm; i < sent && i < r->room; i++) {
        if (r->took[i]) {
            histogram_add(&s->time, r->took[i]);
            histogram_add(&s->beyond, r->took[i] - least);
        }
    }
}

static inline void histogram_print(const char *name, const struct histogram *h)
{
    printf("\"%s\":{\"count\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name,
           (unsigned long long)h->count, histogram_at(h, 500), histogram_at(h, 990),
           histogram_at(h, 999), (double)h->max * UNIT_NS / 1000);
}

static inline void summary_print(const char *name, const struct summary *s)
{
    printf("\"%s\":{\"sent\":%llu,\"lost\":%llu,\"doubled\":%llu,\"misrouted\":%llu,"
           "\"corrupt\":%llu,\"disordered\":%llu,\"foreign\":%llu,",
           name, (unsigned long long)s->sent, (unsigned long long)(s->sent - s->arrived),
           (unsigned long long)s->doubled, (unsigned long long)s->misrouted,
           (unsigned long long)s->corrupt, (unsigned long long)s->disordered,
           (unsigned long long)s->foreign);
    histogram_print("time", &s->time);
    putchar(',');
    histogram_print("beyond", &s->beyond);
    putchar('}');
}

#endif
