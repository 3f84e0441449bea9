//! How far each partition was read, and how far it must be: pure bookkeeping, without a clock or a client.

/// The next offset of each partition, by topic and partition; and, while a barrier stands, its ends.
///
/// A position is behind the last record that was applied, or at the end that the fetcher reported: behind control
/// records, aborted records and whatever compaction took away, none of which is ever shown.
#[derive(Default)]
pub(super) struct Places {
    positions: Vec<Vec<i64>>,
    /// The positions when the ends were asked for: only what was read before is sure to be before the ends.
    asked: Vec<Vec<i64>>,
    ends: Option<Vec<Vec<i64>>>,
    /// Partitions that are not at their end yet.
    behind: usize,
}

/// Why listed ends cannot be a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The partition ends before what was already read from it.
    Truncated {
        /// Which topic.
        topic: usize,
        /// Which partition of it.
        partition: i32,
    },
    /// The list does not fit the partitions that are read.
    Incomplete,
}

impl Places {
    /// So many topics, without partitions yet.
    pub(super) fn new(topics: usize) -> Places {
        Places { positions: vec![Vec::new(); topics], asked: Vec::new(), ends: None, behind: 0 }
    }

    /// How many partitions of a topic are read.
    pub(super) fn partitions(&self, topic: usize) -> usize {
        self.positions[topic].len()
    }

    /// The next offsets of a topic's partitions.
    pub(super) fn positions(&self, topic: usize) -> &[i64] {
        &self.positions[topic]
    }

    /// The next offset of a partition; `None` where it is not read.
    pub(super) fn position(&self, topic: usize, partition: i32) -> Option<i64> {
        self.positions.get(topic)?.get(usize::try_from(partition).ok()?).copied()
    }

    /// The topic has so many partitions now; new ones begin where `start` says, else at their beginning. A barrier
    /// that stood knew nothing of them and is void.
    pub(super) fn grow(&mut self, topic: usize, partitions: usize, start: impl Fn(i32) -> Option<i64>) {
        let known = &mut self.positions[topic];
        for partition in known.len()..partitions {
            known.push(i32::try_from(partition).ok().and_then(&start).unwrap_or(0));
        }
        self.ends = None;
    }

    /// Every partition with its position: topic, partition, next offset.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, i32, i64)> {
        self.positions.iter().enumerate().flat_map(|(topic, positions)| {
            positions.iter().enumerate().map(move |(at, position)| (topic, i32::try_from(at).unwrap_or(i32::MAX), *position))
        })
    }

    /// Everything before `next` has been applied, or is nothing to be applied.
    pub(super) fn reached(&mut self, topic: usize, partition: i32, next: i64) {
        let Some(at) = usize::try_from(partition).ok() else { return };
        let Some(position) = self.positions.get_mut(topic).and_then(|positions| positions.get_mut(at)) else { return };
        let before = std::mem::replace(position, next.max(*position));
        if let Some(ends) = &self.ends {
            let end = ends[topic][at];
            if before < end && next >= end {
                self.behind -= 1;
            }
        }
    }

    /// The ends are about to be asked for.
    pub(super) fn ask(&mut self) {
        self.asked.clone_from(&self.positions);
    }

    /// Sets a barrier at these ends, of all partitions in the order of [`Places::all`].
    pub(super) fn set(&mut self, listed: &[(usize, i32, i64)]) -> Result<(), Refused> {
        self.ends = None;
        let mut ends: Vec<Vec<i64>> = self.positions.iter().map(|positions| vec![-1; positions.len()]).collect();
        for (topic, partition, end) in listed {
            let place = usize::try_from(*partition).ok().and_then(|at| ends.get_mut(*topic)?.get_mut(at));
            *place.ok_or(Refused::Incomplete)? = *end;
        }
        self.behind = 0;
        for (topic, partition, _) in self.all() {
            let end = ends[topic][partition as usize];
            let asked = self.asked.get(topic).and_then(|asked| asked.get(partition as usize)).copied().unwrap_or(0);
            if end < 0 {
                return Err(Refused::Incomplete);
            }
            if end < asked {
                return Err(Refused::Truncated { topic, partition });
            }
        }
        self.behind = self.all().filter(|(topic, partition, position)| ends[*topic][*partition as usize] > *position).count();
        self.ends = Some(ends);
        Ok(())
    }

    /// Takes the barrier away.
    pub(super) fn lift(&mut self) {
        self.ends = None;
    }

    /// Whether a barrier stands and every partition has reached it.
    pub(super) fn passed(&self) -> bool {
        self.ends.is_some() && self.behind == 0
    }

    /// Offsets read and to be read, in sum.
    pub(super) fn progress(&self) -> (u64, u64) {
        let sum = |all: &[Vec<i64>]| all.iter().flatten().map(|offset| offset.max(&0).cast_unsigned()).sum();
        let done = sum(&self.positions);
        (done, self.ends.as_ref().map_or(done, |ends| sum(ends).max(done)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_partitions() -> Places {
        let mut places = Places::new(1);
        places.grow(0, 2, |_| None);
        places
    }

    #[test]
    fn it_is_passed_when_every_partition_has_reached_its_end() {
        let mut places = two_partitions();
        assert!(!places.passed(), "no barrier stands");
        places.set(&[(0, 0, 3), (0, 1, 0)]).unwrap();
        assert!(!places.passed());
        places.reached(0, 0, 2);
        assert!(!places.passed());
        places.reached(0, 0, 3);
        assert!(places.passed(), "an empty partition is at its end");
        assert_eq!(places.progress(), (3, 3));
    }

    #[test]
    fn markers_compaction_and_a_beginning_beyond_zero_are_passed_by_the_end_the_fetcher_reports() {
        let mut places = two_partitions();
        // Partition 0: records 0 and 1, a marker at 2. Partition 1: begins at 7 and is empty.
        places.set(&[(0, 0, 3), (0, 1, 7)]).unwrap();
        places.reached(0, 0, 2);
        places.reached(0, 1, 7);
        assert!(!places.passed());
        places.reached(0, 0, 3);
        assert!(places.passed());
    }

    #[test]
    fn a_new_partition_voids_the_barrier() {
        let mut places = two_partitions();
        places.set(&[(0, 0, 0), (0, 1, 0)]).unwrap();
        assert!(places.passed());
        places.grow(0, 3, |_| None);
        assert!(!places.passed());
        assert_eq!(places.set(&[(0, 0, 0), (0, 1, 0)]), Err(Refused::Incomplete));
        assert!(!places.passed());
        places.set(&[(0, 0, 0), (0, 1, 0), (0, 2, 1)]).unwrap();
        assert!(!places.passed());
        places.reached(0, 2, 1);
        assert!(places.passed());
    }

    #[test]
    fn an_end_before_what_was_read_is_a_truncation() {
        let mut places = two_partitions();
        places.reached(0, 1, 5);
        places.ask();
        // What came while the answer was on its way lies behind the ends that it has.
        places.reached(0, 0, 12);
        assert_eq!(places.set(&[(0, 0, 9), (0, 1, 5)]), Ok(()));
        assert!(places.passed());
        assert_eq!(places.set(&[(0, 0, 9), (0, 1, 4)]), Err(Refused::Truncated { topic: 0, partition: 1 }));
        assert!(!places.passed());
    }

    #[test]
    fn a_snapshot_says_where_to_begin_and_nothing_goes_back() {
        let mut places = Places::new(2);
        places.grow(1, 2, |partition| (partition == 1).then_some(40));
        assert_eq!(places.all().collect::<Vec<_>>(), [(1, 0, 0), (1, 1, 40)]);
        places.reached(1, 1, 39);
        assert_eq!(places.all().last(), Some((1, 1, 40)));
        places.reached(7, 0, 1);
        places.reached(1, -1, 1);
    }
}
