//! From the rows that a client has to those that it should have.

use std::collections::BTreeMap;

use voxhall_protocol::gateway::{MemberListItem, MemberListOp};

use super::Rows;

/// With more changes than this the rows are sent anew.
const MOST_CHANGES: usize = 40;

/// The rows of a range as they are, whatever the client has.
pub(crate) fn sync(range: Rows, items: &[MemberListItem]) -> MemberListOp {
    MemberListOp::Sync {
        range: range.bounds(),
        items: items.to_vec(),
    }
}

/// The changes of several ranges of one list, from one moment to another.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    ops: BTreeMap<Rows, Vec<MemberListOp>>,
    shorter: bool,
}

impl Changes {
    /// Compares the rows of one range.
    pub(crate) fn add(&mut self, range: Rows, old: &[MemberListItem], new: &[MemberListItem]) {
        self.shorter |= new.len() < old.len();
        self.ops.insert(range, between(range, old, new));
    }

    /// The changes for a client that has these ranges, to be made one after the other.
    ///
    /// A list that becomes shorter loses its last rows first, and one that becomes longer gains them last; else the
    /// rows of the later ranges would be moved by what happens in the earlier ones.
    pub(crate) fn of(&self, ranges: &[Rows]) -> Vec<MemberListOp> {
        let ops = ranges.iter().filter_map(|range| self.ops.get(range));
        if self.shorter {
            ops.rev().flatten().cloned().collect()
        } else {
            ops.flatten().cloned().collect()
        }
    }
}

/// The changes that lead from `old` to `new`, to be made one after the other.
///
/// Where both have as many rows, nothing outside the range is moved by all of them together.
fn between(range: Rows, old: &[MemberListItem], new: &[MemberListItem]) -> Vec<MemberListOp> {
    let kept = kept_rows(old, new);
    let index = |offset: usize| range.first + u32::try_from(offset).expect("a range has few rows");
    let mut ops = Vec::new();
    // From the end on, so that no deletion moves a row that is still to be deleted.
    for offset in (0..old.len()).rev() {
        if !kept.iter().any(|(from, _)| *from == offset) {
            ops.push(MemberListOp::Delete { index: index(offset) });
        }
    }
    // From the beginning on, so that every row is inserted where it stays.
    let mut rows = kept.iter().peekable();
    for (offset, item) in new.iter().enumerate() {
        match rows.next_if(|(_, to)| *to == offset) {
            None => ops.push(MemberListOp::Insert {
                index: index(offset),
                item: item.clone(),
            }),
            Some((from, _)) if old[*from] != *item => ops.push(MemberListOp::Update {
                index: index(offset),
                item: item.clone(),
            }),
            Some(_) => {}
        }
    }
    if ops.len() > MOST_CHANGES {
        ops = vec![sync(range, new)];
    }
    ops
}

/// The rows that stay, by their place before and after: a longest common subsequence of what the rows are about.
fn kept_rows(old: &[MemberListItem], new: &[MemberListItem]) -> Vec<(usize, usize)> {
    let old: Vec<Subject<'_>> = old.iter().map(subject).collect();
    let new: Vec<Subject<'_>> = new.iter().map(subject).collect();
    // Most changes are few: what is the same at both ends need not be searched.
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let tail = (old.iter().rev().zip(new.iter().rev()).take(rest))
        .take_while(|(a, b)| a == b)
        .count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let middle = common(&old[start..old_end], &new[start..new_end]);
    let head = (0..start).map(|at| (at, at));
    let middle = middle.into_iter().map(|(from, to)| (from + start, to + start));
    let end = (0..tail).map(|at| (old_end + at, new_end + at));
    head.chain(middle).chain(end).collect()
}

fn common(old: &[Subject<'_>], new: &[Subject<'_>]) -> Vec<(usize, usize)> {
    // lengths[i][j]: how many are common to old[i..] and new[j..].
    let mut lengths = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for from in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            lengths[from][to] = if old[from] == new[to] {
                lengths[from + 1][to + 1] + 1
            } else {
                lengths[from + 1][to].max(lengths[from][to + 1])
            };
        }
    }
    let (mut from, mut to) = (0, 0);
    let mut pairs = Vec::new();
    while from < old.len() && to < new.len() {
        if old[from] == new[to] {
            pairs.push((from, to));
            (from, to) = (from + 1, to + 1);
        } else if lengths[from + 1][to] >= lengths[from][to + 1] {
            from += 1;
        } else {
            to += 1;
        }
    }
    pairs
}

/// What a row is about, whatever it says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject<'a> {
    Heading(&'a str),
    Member(voxhall_protocol::ids::UserId),
    Unknown,
}

fn subject(item: &MemberListItem) -> Subject<'_> {
    match item {
        MemberListItem::Group(group) => Subject::Heading(&group.id),
        MemberListItem::Member(listed) => match &listed.member.user {
            Some(user) => Subject::Member(user.id),
            None => Subject::Unknown,
        },
        MemberListItem::Other(_) => Subject::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use voxhall_protocol::Extra;
    use voxhall_protocol::gateway::{ListedMember, MemberListGroup};
    use voxhall_protocol::ids::UserId;
    use voxhall_protocol::model::{Member, Timestamp, User};

    use super::*;

    fn heading(id: u8, count: u64) -> MemberListItem {
        MemberListItem::Group(MemberListGroup {
            id: format!("role {id}"),
            count,
            extra: Extra::new(),
        })
    }

    fn member(id: u64, name: u8) -> MemberListItem {
        let user = User::new(UserId(id), format!("name {name}"), false);
        MemberListItem::Member(Box::new(ListedMember {
            presence: None,
            member: Member::new(user, Timestamp::from_unix_ms(0)),
        }))
    }

    /// A client's copy of a list: rows that it was never told are unknown.
    #[derive(Default)]
    struct Copy(Vec<Option<MemberListItem>>);

    impl Copy {
        fn apply(&mut self, op: MemberListOp) {
            let reach = |rows: &mut Vec<_>, end: usize| rows.resize(rows.len().max(end), None);
            match op {
                MemberListOp::Sync { range, items } => {
                    let first = range[0] as usize;
                    let asked = (range[1] - range[0] + 1) as usize;
                    reach(&mut self.0, first + items.len());
                    if items.len() < asked {
                        self.0.truncate(first + items.len());
                    }
                    for (row, item) in self.0[first..].iter_mut().zip(items) {
                        *row = Some(item);
                    }
                }
                MemberListOp::Insert { index, item } => {
                    reach(&mut self.0, index as usize);
                    self.0.insert(index as usize, Some(item));
                }
                MemberListOp::Update { index, item } => self.0[index as usize] = Some(item),
                MemberListOp::Delete { index } => {
                    self.0.remove(index as usize);
                }
                other => panic!("{other:?} is never sent as a change"),
            }
        }

        fn rows(&self, range: Rows) -> Vec<MemberListItem> {
            range.of(&self.0).iter().flatten().cloned().collect()
        }
    }

    /// A list: headings at some places among members in any order, none twice.
    fn lists() -> impl Strategy<Value = Vec<MemberListItem>> {
        let members = proptest::sample::subsequence((0_u64..60).collect::<Vec<_>>(), 0..60).prop_shuffle();
        (members, any::<[u8; 60]>(), 0..4_u8).prop_map(|(members, names, headings)| {
            let mut rows: Vec<_> = (members.iter())
                .map(|id| member(*id, names[usize::try_from(*id).unwrap()] % 2))
                .collect();
            for number in 0..headings {
                let at = usize::from(names[usize::from(number)]) % (rows.len() + 1);
                rows.insert(at, heading(number, u64::from(names[1])));
            }
            rows
        })
    }

    proptest! {
        #[test]
        fn the_changes_make_of_the_clients_copy_the_servers_list(
            versions in proptest::collection::vec(lists(), 1..6),
            last in 5..30_u32,
        ) {
            let ranges = Rows::all(&[[0, last], [last + 1, last * 2], [last * 2 + 7, last * 3]]);
            let mut copy = Copy::default();
            for range in &ranges {
                copy.apply(sync(*range, range.of(&versions[0])));
            }
            for pair in versions.windows(2) {
                let mut changes = Changes::default();
                for range in &ranges {
                    changes.add(*range, range.of(&pair[0]), range.of(&pair[1]));
                }
                for op in changes.of(&ranges) {
                    copy.apply(op);
                }
                for range in &ranges {
                    prop_assert_eq!(copy.rows(*range), range.of(&pair[1]).to_vec());
                }
            }
        }
    }

    #[test]
    fn changes_are_as_few_as_they_can_be() {
        let range = Rows::all(&[[0, 99]])[0];
        let old = [heading(1, 2), member(1, 0), member(2, 0), member(3, 0)];
        assert_eq!(between(range, &old, &old), []);
        let renamed = [heading(1, 2), member(1, 1), member(2, 0), member(3, 0)];
        assert_eq!(
            between(range, &old, &renamed),
            [MemberListOp::Update {
                index: 1,
                item: member(1, 1)
            }]
        );
        let moved = [heading(1, 2), member(2, 0), member(3, 0), member(1, 0)];
        assert_eq!(
            between(range, &old, &moved),
            [
                MemberListOp::Delete { index: 1 },
                MemberListOp::Insert {
                    index: 3,
                    item: member(1, 0)
                }
            ]
        );
        let others: Vec<_> = (100..200).map(|id| member(id, 0)).collect();
        assert_eq!(between(range, &old, &others), [sync(range, &others)]);
    }
}
