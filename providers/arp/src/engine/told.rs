//! How much of a peer's list has been heard? It is told in ranges, and ranges may be lost.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

use crate::wire::hello::Session;

/// Something that statements range over.
pub(super) trait Key: Copy + Ord {
    const LEAST: Self;
    const GREATEST: Self;
    /// The next greater one.
    fn successor(self) -> Option<Self>;
}

/// How far a list is known without a gap, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told<K> {
    /// What is not known yet begins here; `None`: nothing is missing.
    rest: Option<K>,
}

// === impl Told ===

impl<K: Key> Default for Told<K> {
    fn default() -> Self {
        Self {
            rest: Some(K::LEAST),
        }
    }
}

impl<K: Key> Told<K> {
    pub(super) fn add(&mut self, range: &RangeInclusive<K>) {
        if self.rest.is_some_and(|rest| range.contains(&rest)) {
            self.rest = range.end().successor();
        }
    }

    pub(super) fn all(&self) -> bool {
        self.rest.is_none()
    }
}

// === impl Key ===

impl Key for Session {
    const LEAST: Self = Self(0);
    const GREATEST: Self = Self(u32::MAX);

    fn successor(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl Key for Ipv4Addr {
    const LEAST: Self = Self::from_bits(0);
    const GREATEST: Self = Self::from_bits(u32::MAX);

    fn successor(self) -> Option<Self> {
        self.to_bits().checked_add(1).map(Self::from_bits)
    }
}

impl Key for Ipv6Addr {
    const LEAST: Self = Self::from_bits(0);
    const GREATEST: Self = Self::from_bits(u128::MAX);

    fn successor(self) -> Option<Self> {
        self.to_bits().checked_add(1).map(Self::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_known_when_its_ranges_leave_no_gap() {
        let at = Ipv4Addr::from_bits;
        let mut told = Told::default();
        told.add(&(at(100)..=Ipv4Addr::GREATEST));
        assert!(!told.all(), "the beginning is missing");
        told.add(&(Ipv4Addr::LEAST..=at(50)));
        told.add(&(at(100)..=Ipv4Addr::GREATEST));
        assert!(!told.all(), "51 to 99 are missing");
        told.add(&(at(51)..=at(99)));
        told.add(&(at(100)..=Ipv4Addr::GREATEST));
        assert!(told.all());
    }
}
