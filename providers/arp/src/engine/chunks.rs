//! How is a list told that does not fit into one packet? Range by range, each statement true by itself.

use super::told::Key;
use crate::wire::hello::{Exactly, Heard, Session};

/// A list, and how much of it was said.
#[derive(Debug)]
pub(super) struct Chunks<K, T> {
    rest: std::vec::IntoIter<T>,
    /// Where the next range begins; `None`: all is said.
    from: Option<K>,
}

/// A member of a list that is told by ranges of `K`.
pub(super) trait Member<K> {
    fn key(&self) -> K;
}

// === impl Chunks ===

impl<K, T> Default for Chunks<K, T> {
    /// Nothing to say; not even that there is nothing.
    fn default() -> Self {
        Self {
            rest: Vec::new().into_iter(),
            from: None,
        }
    }
}

impl<K: Key, T: Member<K>> Chunks<K, T> {
    /// All of `members`, ascending, and that there are no others.
    pub(super) fn of(members: Vec<T>) -> Self {
        Self {
            rest: members.into_iter(),
            from: Some(K::LEAST),
        }
    }

    pub(super) fn is_said(&self) -> bool {
        self.from.is_none()
    }

    /// The next statement, of as many members as fit into `room`, by `len`; takes its length off `room`.
    pub(super) fn next(
        &mut self,
        room: &mut usize,
        len: impl Fn(usize) -> usize,
    ) -> Option<Exactly<K, T>> {
        let from = self.from?;
        let empty = len(0);
        let each = len(1).saturating_sub(empty).max(1);
        let fitting = room.checked_sub(empty)? / each;
        if fitting == 0 && self.rest.len() > 0 {
            return None;
        }
        let members: Vec<T> = self.rest.by_ref().take(fitting).collect();
        let to = match members.last() {
            Some(last) if self.rest.len() > 0 => last.key(),
            Some(_) | None => K::GREATEST,
        };
        self.from = to.successor();
        *room = room.saturating_sub(len(members.len()));
        Some(Exactly {
            range: from..=to,
            members,
        })
    }
}

// === impl Member ===

impl<K: Key> Member<K> for K {
    fn key(&self) -> K {
        *self
    }
}

impl Member<Session> for Heard {
    fn key(&self) -> Session {
        self.session
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::hello::held_v4_len;

    #[test]
    fn the_ranges_of_a_long_list_leave_no_gap_and_no_member_out() {
        let members: Vec<Ipv4Addr> = (0..1000).map(|n| Ipv4Addr::from_bits(n * 3)).collect();
        let mut chunks = Chunks::of(members.clone());
        let (mut said, mut next) = (Vec::new(), Some(Ipv4Addr::LEAST));
        while !chunks.is_said() {
            let mut room = 500;
            let part = chunks.next(&mut room, held_v4_len).unwrap();
            assert_eq!(Some(*part.range.start()), next);
            next = part.range.end().successor();
            said.extend(part.members);
        }
        assert_eq!(said, members);
        assert_eq!(next, None);
    }

    #[test]
    fn that_there_is_nothing_is_a_statement() {
        let mut chunks: Chunks<Ipv4Addr, Ipv4Addr> = Chunks::of(Vec::new());
        let part = chunks.next(&mut 100, held_v4_len).unwrap();
        assert_eq!(part.range, Ipv4Addr::LEAST..=Ipv4Addr::GREATEST);
        assert!(part.members.is_empty());
        assert!(chunks.is_said());
    }
}
