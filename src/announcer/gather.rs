//! What does a watch say, of what is kept of its objects? Objects are read and dropped here, one by one: of ten thousand
//! Services little counts. Decides nothing.

use kube::runtime::watcher::Event;

/// Gathers a list that comes object by object, and says when it is whole.
#[derive(Debug)]
pub struct Gathering<T>(Vec<T>);

/// What a watch says, of what is kept of its objects.
#[derive(Clone, Debug)]
pub enum Told<K, T> {
    /// One object is like this from now on, or gone, or of no interest.
    One(K, Option<T>),
    /// All objects of interest are these.
    All(Vec<T>),
}

// === impl Gathering ===

impl<T> Default for Gathering<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Gathering<T> {
    /// Takes in what the watch says; `keep` makes of an object what is kept of it.
    pub fn take<O, K>(
        &mut self,
        event: &Event<O>,
        key: impl Fn(&O) -> K,
        keep: impl Fn(&O) -> Option<T>,
    ) -> Option<Told<K, T>> {
        match event {
            Event::Apply(object) => Some(Told::One(key(object), keep(object))),
            Event::Delete(object) => Some(Told::One(key(object), None)),
            Event::Init => {
                self.0.clear();
                None
            }
            Event::InitApply(object) => {
                self.0.extend(keep(object));
                None
            }
            Event::InitDone => Some(Told::All(std::mem::take(&mut self.0))),
        }
    }
}
