//! How librdkafka's threads wait for a moment: by a clock that only runs forward.
//!
//! librdkafka reckons its timeouts by the monotonic clock but waits for them with C11's `cnd_timedwait`, whose moments are those
//! of the wall clock. Where that is set back by a day, a wait of a second takes a day and a second, and no thread of the client
//! sends, polls or commits. These two functions take the place of the C library's: conditions go by the monotonic clock, and a
//! moment of the wall clock is turned into one of the monotonic clock when the wait begins, which is when librdkafka made it.
//!
//! Only where the layouts are known to agree: glibc's `cnd_t` and `mtx_t` are its `pthread_cond_t` and `pthread_mutex_t`
//! (`nptl/cnd_timedwait.c` casts one to the other). Nothing else in the process uses C11's threads.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::ffi::{c_int, c_long, c_void};

/// `struct timespec` on 64-bit Linux.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    seconds: i64,
    nanoseconds: c_long,
}

/// `pthread_condattr_t`, of 4 or 8 bytes; more room than any C library takes.
#[repr(C, align(16))]
struct Attributes([u8; 64]);

const REALTIME: c_int = 0;
const MONOTONIC: c_int = 1;

// `threads.h`.
const SUCCESS: c_int = 0;
const ERROR: c_int = 2;
const TIMED_OUT: c_int = 4;

/// `ETIMEDOUT` of Linux on these processors.
const ETIMEDOUT: c_int = 110;

const SECOND: i64 = 1_000_000_000;

/// Nobody waits for longer at a time: the clock may be set between librdkafka's look at it and ours. Whoever is told that his time
/// is over looks at the monotonic clock and waits for what is left (`cnd_timedwait_ms` of librdkafka, the one that calls).
const LONGEST: i64 = SECOND;

unsafe extern "C" {
    fn clock_gettime(clock: c_int, at: *mut Moment) -> c_int;
    fn pthread_condattr_init(attributes: *mut Attributes) -> c_int;
    fn pthread_condattr_setclock(attributes: *mut Attributes, clock: c_int) -> c_int;
    fn pthread_condattr_destroy(attributes: *mut Attributes) -> c_int;
    fn pthread_cond_init(condition: *mut c_void, attributes: *const Attributes) -> c_int;
    fn pthread_cond_timedwait(condition: *mut c_void, mutex: *mut c_void, until: *const Moment) -> c_int;
}

/// C11's `cnd_init`.
///
/// # Safety
/// `condition` points to room for a `cnd_t` that nobody uses yet.
#[unsafe(no_mangle)]
unsafe extern "C" fn cnd_init(condition: *mut c_void) -> c_int {
    let mut attributes = Attributes([0; 64]);
    // SAFETY: the attributes are larger than the C library's and live here; `condition` is the caller's to make.
    let failed = unsafe {
        pthread_condattr_init(&mut attributes) != 0
            || pthread_condattr_setclock(&mut attributes, MONOTONIC) != 0
            || pthread_cond_init(condition, &attributes) != 0
            || pthread_condattr_destroy(&mut attributes) != 0
    };
    if failed { ERROR } else { SUCCESS }
}

/// C11's `cnd_timedwait`.
///
/// # Safety
/// `condition` was made by [`cnd_init`], `mutex` is held by this thread, `until` points to a moment of the wall clock.
#[unsafe(no_mangle)]
unsafe extern "C" fn cnd_timedwait(condition: *mut c_void, mutex: *mut c_void, until: *const Moment) -> c_int {
    // SAFETY: the caller's promise.
    let until = unsafe { *until };
    let until = on_the_other_clock(until, now(REALTIME), now(MONOTONIC));
    // SAFETY: the caller's promise, and `until` is by the clock that `cnd_init` gave the condition.
    match unsafe { pthread_cond_timedwait(condition, mutex, &until) } {
        0 => SUCCESS,
        ETIMEDOUT => TIMED_OUT,
        _ => ERROR,
    }
}

fn now(clock: c_int) -> Moment {
    let mut at = Moment { seconds: 0, nanoseconds: 0 };
    // SAFETY: `at` is a moment of this frame. Both clocks are there on every Linux, so that the call cannot fail.
    unsafe { clock_gettime(clock, &mut at) };
    at
}

/// As far from `there` as `until` is from `here`, but no further than [`LONGEST`]; `there` where it is past.
fn on_the_other_clock(until: Moment, here: Moment, there: Moment) -> Moment {
    let seconds = until.seconds.saturating_sub(here.seconds).clamp(-2, 2);
    let left = (seconds * SECOND + (until.nanoseconds - here.nanoseconds)).clamp(0, LONGEST);
    let at = there.nanoseconds + left % SECOND;
    Moment { seconds: there.seconds + left / SECOND + at / SECOND, nanoseconds: at % SECOND }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn moment(seconds: i64, nanoseconds: c_long) -> Moment {
        Moment { seconds, nanoseconds }
    }

    #[test]
    fn a_moment_is_as_far_away_on_either_clock() {
        let here = moment(1_800_000_000, 900_000_000);
        let there = moment(5, 800_000_000);
        let other = |seconds, nanoseconds| on_the_other_clock(moment(seconds, nanoseconds), here, there);
        assert_eq!(other(1_800_000_001, 0), moment(5, 900_000_000), "a tenth of a second");
        assert_eq!(other(1_800_000_001, 200_000_000), moment(6, 100_000_000), "three tenths, into the next second");
        assert_eq!(other(1_800_000_001, 800_000_000), moment(6, 700_000_000), "nine tenths");
        assert_eq!(other(1_800_086_400, 900_000_000), moment(6, 800_000_000), "a day is waited for second by second");
        assert_eq!(other(1_799_999_999, 0), there, "the past is now");
        assert_eq!(other(i64::MIN, 0), there, "nothing overflows");
        assert_eq!(other(i64::MAX, 999_999_999), moment(6, 800_000_000), "nor here");
    }

    #[test]
    fn a_wait_ends_at_its_time_and_at_a_signal_and_not_before() {
        let mut condition = [0_u64; 16];
        let mut mutex = [0_u64; 16];
        unsafe extern "C" {
            fn pthread_mutex_lock(mutex: *mut c_void) -> c_int;
            fn pthread_mutex_unlock(mutex: *mut c_void) -> c_int;
        }
        let (condition, mutex) = (condition.as_mut_ptr().cast::<c_void>(), mutex.as_mut_ptr().cast::<c_void>());
        let mut until = now(REALTIME);
        until.seconds += 1;
        let begun = Instant::now();
        // SAFETY: both are zeroed memory larger than the C library's types, and stay where they are; a zeroed mutex is an unlocked one.
        let result = unsafe {
            assert_eq!((cnd_init(condition), pthread_mutex_lock(mutex)), (SUCCESS, 0));
            // A condition may wake for no reason.
            let result = loop {
                let result = cnd_timedwait(condition, mutex, &until);
                if result != SUCCESS {
                    break result;
                }
            };
            assert_eq!(pthread_mutex_unlock(mutex), 0);
            result
        };
        assert_eq!(result, TIMED_OUT);
        assert!(begun.elapsed() > Duration::from_millis(900) && begun.elapsed() < Duration::from_secs(20));
    }
}
