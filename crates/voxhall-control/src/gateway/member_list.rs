//! Member lists as clients draw them: headings and members in rows (gateway-and-calls, section 7).
//!
//! [`order`] says who stands where, [`changes`] turns what a client has of some rows into what it should have, both
//! without I/O. [`subscriptions`] knows which session looks at which rows.

pub(crate) mod changes;
pub(crate) mod list_id;
pub(crate) mod order;
pub(crate) mod subscriptions;

/// The most rows in one range; clients ask for a hundred.
const LONGEST_RANGE: u32 = 100;

/// The most ranges of one list that a session looks at; clients ask for three.
const MOST_RANGES: usize = 8;

/// A range of rows, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Rows {
    first: u32,
    last: u32,
}

impl Rows {
    /// The ranges that a client asks for, in order and without those that are none or overlap others: the rows of one
    /// must not move when those of another do.
    pub(crate) fn all(asked: &[[u32; 2]]) -> Vec<Self> {
        let mut ranges: Vec<Self> = asked.iter().filter_map(|range| Self::new(*range)).collect();
        ranges.sort_unstable();
        let mut apart: Vec<Self> = Vec::new();
        for range in ranges {
            if apart.last().is_none_or(|before| before.last < range.first) {
                apart.push(range);
            }
        }
        apart.truncate(MOST_RANGES);
        apart
    }

    fn new([first, last]: [u32; 2]) -> Option<Self> {
        let longest = first.checked_add(LONGEST_RANGE - 1)?;
        (first <= last).then(|| Self {
            first,
            last: last.min(longest),
        })
    }

    /// First and last row, both included.
    pub(crate) const fn bounds(self) -> [u32; 2] {
        [self.first, self.last]
    }

    /// The part of a list that is in the range.
    pub(crate) fn of<T>(self, list: &[T]) -> &[T] {
        let first = (self.first as usize).min(list.len());
        let end = (self.last as usize + 1).min(list.len());
        &list[first..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_bounded_ordered_and_apart() {
        let bounds = |asked: &[[u32; 2]]| -> Vec<[u32; 2]> {
            Rows::all(asked).into_iter().map(Rows::bounds).collect()
        };
        assert_eq!(bounds(&[[100, 199], [0, 99]]), [[0, 99], [100, 199]]);
        assert_eq!(bounds(&[[0, 99], [0, 99], [50, 60]]), [[0, 99]]);
        assert_eq!(bounds(&[[0, u32::MAX]]), [[0, 99]]);
        assert_eq!(bounds(&[[5, 4], [u32::MAX, u32::MAX]]), [[0; 2]; 0]);
        let many: Vec<[u32; 2]> = (0..1000).map(|first| [first, first]).collect();
        assert_eq!(bounds(&many).len(), MOST_RANGES);
        assert_eq!(Rows::all(&[[2, 9]])[0].of(&[0, 1, 2, 3]), [2, 3]);
        assert_eq!(Rows::all(&[[7, 9]])[0].of(&[0, 1]), [0; 0]);
    }
}
