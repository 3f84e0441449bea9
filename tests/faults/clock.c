/* Preloaded into the proxy under test: its wall clock is off by as many seconds as the file PRIVET_CLOCK says, eight
   bytes that may change at any time. Clocks that only run forward are left alone, as they are by whoever sets a clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *off;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("PRIVET_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file >= 0 ? mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    if (map != MAP_FAILED) off = map;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, id, at);
    if (!failed && off && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *off;
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

/* The kernel's clock does not jump: waits until a moment are cut into tenths of a second, each by the clock as it is.
   Gives the end of the next by the kernel's clock; 0 where the moment has come. */
static int next(const struct timespec *until, struct timespec *slice) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t left = (until->tv_sec - now.tv_sec) * 1000000000LL + (until->tv_nsec - now.tv_nsec);
    if (left <= 0) return 0;
    if (left > 100000000) left = 100000000;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, slice);
    slice->tv_nsec += left;
    if (slice->tv_nsec >= 1000000000) {
        slice->tv_sec++;
        slice->tv_nsec -= 1000000000;
    }
    return 1;
}

/* Only for programs whose own waits are the C library's: Privet brings this one, by a clock that runs forward. */
int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
    int (*real)(cnd_t *, mtx_t *, const struct timespec *) = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec slice;
    while (next(until, &slice)) {
        int result = real(cond, mutex, &slice);
        if (result != thrd_timedout) return result;
    }
    return thrd_timedout;
}
