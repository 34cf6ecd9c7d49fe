//! Which server serves which slots.
use std::{ops::RangeInclusive, sync::Arc};

use fred::types::{Value, config::Server};

use crate::{State, node::Node};

/// A range of slots, and the master that serves it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slots {
    range: RangeInclusive<u16>,
    master: Server,
}

/// The masters, and which slots each serves.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// Ordered, with the place of the server in `nodes`.
    ranges: Vec<(RangeInclusive<u16>, usize)>,
    nodes: Vec<(Server, Arc<Node>)>,
}

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS`. A server that does not know its own address is where it was asked.
    pub(super) fn read(told: Value, asked: &Server) -> Result<Vec<Self>, &'static str> {
        let bad = "the list of slots cannot be read: is this a cluster?";
        let Value::Array(list) = told else {
            return Err(bad);
        };
        let slots: Option<Vec<_>> = list
            .into_iter()
            .map(|range| Self::read_one(range, asked))
            .collect();
        match slots.ok_or(bad)? {
            slots if slots.is_empty() => Err("the cluster serves no slots yet"),
            slots => Ok(slots),
        }
    }

    fn read_one(range: Value, asked: &Server) -> Option<Self> {
        let range = range.into_array();
        let [first, last, master, ..] = &range[..] else {
            return None;
        };
        let slot = |slot: &Value| u16::try_from(slot.as_u64()?).ok();
        let range = slot(first)?..=slot(last)?;
        let master = master.clone().into_array();
        let [host, port, ..] = &master[..] else {
            return None;
        };
        let host = host.as_str().filter(|host| !matches!(&**host, "" | "?"));
        let host = host.map_or_else(|| asked.host.to_string(), Into::into);
        let port = u16::try_from(port.as_u64()?).ok()?;
        let master = Server::new(host, port);
        Some(Self { range, master })
    }
}

impl Map {
    /// The map with these slots, and with the servers of this one where they stay.
    pub(super) fn next(&self, slots: &[Slots], open: impl Fn(&Server) -> Option<Node>) -> Self {
        let mut next = Self::default();
        for Slots { range, master } in slots {
            let known = next.nodes.iter().position(|(server, _)| server == master);
            let place = known.or_else(|| {
                let node = self.at(master).cloned();
                let node = node.or_else(|| open(master).map(Arc::new))?;
                next.nodes.push((master.clone(), node));
                Some(next.nodes.len() - 1)
            });
            next.ranges
                .extend(place.map(|place| (range.clone(), place)));
        }
        next.ranges.sort_by_key(|(range, _)| *range.start());
        next
    }

    /// Who serves this slot.
    pub(super) fn serving(&self, slot: u16) -> Option<&Node> {
        let place = self
            .ranges
            .partition_point(|(range, _)| *range.end() < slot);
        let (range, node) = self.ranges.get(place)?;
        range.contains(&slot).then(|| &*self.nodes[*node].1)
    }

    /// The server at this address.
    pub(super) fn at(&self, address: &Server) -> Option<&Arc<Node>> {
        let mut nodes = self.nodes.iter();
        nodes.find_map(|(server, node)| (server == address).then_some(node))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|(_, node)| &**node)
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &(Server, Arc<Node>)> {
        self.nodes.iter()
    }

    /// That of the worst server.
    pub(super) fn state(&self) -> State {
        let states = || self.nodes().map(Node::state);
        let worst = [State::Open, State::HalfOpen, State::Connecting];
        let found = worst
            .into_iter()
            .find(|worst| states().any(|it| it == *worst));
        found.unwrap_or(State::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ranges: &[(i64, i64, &str, i64)]) -> Value {
        let array = |values: Vec<Value>| Value::Array(values);
        let range = |&(first, last, host, port): &(i64, i64, &str, i64)| {
            let master = vec![host.into(), port.into(), "id".into()];
            array(vec![first.into(), last.into(), array(master)])
        };
        array(ranges.iter().map(range).collect())
    }

    #[test]
    fn a_server_that_does_not_know_its_address_is_where_it_was_asked() {
        let asked = Server::new("seed", 1);
        let slots = Slots::read(told(&[(0, 9, "", 2), (10, 11, "b", 3)]), &asked);
        let masters: Vec<_> = slots
            .expect("good")
            .into_iter()
            .map(|it| it.master)
            .collect();
        assert_eq!(masters, [Server::new("seed", 2), Server::new("b", 3)]);
    }

    #[test]
    fn what_is_no_list_of_slots_is_refused() {
        let asked = Server::new("seed", 1);
        for bad in [
            Value::Null,
            told(&[(0, 70_000, "a", 1)]),
            told(&[(0, 1, "a", -1)]),
            Value::Array(vec![Value::Null]),
            told(&[]),
        ] {
            assert!(Slots::read(bad, &asked).is_err());
        }
    }

    #[tokio::test]
    async fn each_slot_has_its_server_and_servers_that_stay_are_kept() {
        use crate::breaker::{Breaker, Told};

        let asked = Server::new("seed", 1);
        let opened = std::cell::Cell::new(0);
        let open = |_: &Server| {
            opened.set(opened.get() + 1);
            let breaker = Breaker::new(String::new(), Arc::<Told>::default());
            Some(Node::open(&[], breaker, None, 1))
        };
        let read = |ranges: &[_]| Slots::read(told(ranges), &asked).expect("good");
        let map = Map::default().next(
            &read(&[(20, 29, "a", 1), (0, 9, "a", 1), (10, 19, "b", 1)]),
            open,
        );
        assert_eq!(opened.get(), 2);
        let at = |map: &Map, slot: u16| {
            let node = map.serving(slot)?;
            let mut servers = map.servers();
            let found = servers.find(|(_, other)| std::ptr::eq(&**other, node));
            found.map(|(server, _)| server.host.to_string())
        };
        for (slot, host) in [(0, "a"), (9, "a"), (10, "b"), (19, "b"), (20, "a")] {
            assert_eq!(at(&map, slot).as_deref(), Some(host), "{slot}");
        }
        assert_eq!(at(&map, 30), None);
        let next = map.next(&read(&[(0, 9, "a", 1), (10, 10, "c", 1)]), open);
        assert_eq!(opened.get(), 3);
        assert!(Arc::ptr_eq(
            next.at(&Server::new("a", 1)).expect("there"),
            map.at(&Server::new("a", 1)).expect("there")
        ));
        assert_eq!(at(&next, 10).as_deref(), Some("c"));
        assert_eq!(at(&next, 11), None, "nobody serves it");
    }
}
