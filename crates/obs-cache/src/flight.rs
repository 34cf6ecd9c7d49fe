//! One upstream call for several callers, polled by whichever of them is alive. Nothing is spawned.
//!
//! Order of the locks: map, then state, then bell or a journal or a deadline. Upstream is polled and dropped under
//! none of them, and nobody is woken under one.
mod bell;
mod ground;
mod landing;
mod seat;
mod shared;
mod state;
mod waiter;

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::Bytes;
use obs_core::{CacheStatus, CallContext, Key, Replay, Report, Usage};

use self::{
    seat::Seat,
    shared::Flight,
    state::{Calling, Keep},
};
pub(crate) use self::{state::Giver, waiter::Waiter};
use crate::{ledger::Tally, spare::Spare};

/// Flights in the air. Erased, so that the layer need not name the response.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<Map>>);

type Map = HashMap<Key, Weak<dyn Any + Send + Sync>>;

/// What a flight needs at its start.
pub(crate) struct Plan<T> {
    pub(crate) call: Calling<T>,
    pub(crate) context: CallContext,
    /// Most bytes that are held for those who join, and for those who lag.
    pub(crate) capacity: usize,
    /// Stores the answer.
    pub(crate) keep: Keep,
    /// What is known of an answer that another process asked for.
    pub(crate) given: Option<Giver>,
}

/// A caller who boards.
pub(crate) struct Passenger {
    pub(crate) context: CallContext,
    /// Whether it wants a stream.
    pub(crate) streams: bool,
    pub(crate) tally: Tally,
    /// What it is when it pays.
    pub(crate) status: CacheStatus,
    /// It has another answer, should this call fail.
    pub(crate) spare: Option<Spare>,
}

/// An answer that all who waited for it have.
pub(crate) struct Landed<'a> {
    pub(crate) body: &'a Bytes,
    pub(crate) usage: Option<Usage>,
    /// Whether it is all of the answer: not cut by a limit or a filter.
    pub(crate) is_complete: bool,
    /// What the call for it did.
    pub(crate) report: &'a Report,
}

/// The context of a flight: a journal of its own, and time for as long as one of its callers has some.
pub(crate) fn context(leader: &CallContext) -> CallContext {
    let mut context = leader.fresh(leader.purpose);
    context.deadline = leader.deadline.extendable();
    context
}

/// Joins the flight of this key, or starts one.
pub(crate) fn board<T: Replay>(
    flights: &Flights,
    key: Key,
    passenger: Passenger,
    start: impl FnOnce() -> Plan<T>,
) -> Waiter<T> {
    // Dropping the last handle of a flight locks the map: it must not happen under that lock.
    let found;
    let mut map = lock(&flights.0);
    found = map.get(&key).and_then(Weak::upgrade);
    let flight = found.clone().and_then(|f| f.downcast::<Flight<T>>().ok());
    let mut passenger = Some(passenger);
    let seat = match flight.and_then(|flight| Seat::take(flight, &mut passenger)) {
        Some(seat) => seat,
        None => take_off(&mut map, flights, key, &mut passenger, start),
    };
    drop(map);
    Waiter::new(seat)
}

/// Starts a flight, also if there is one already. Who comes after joins this one.
pub(crate) fn depart<T: Replay>(
    flights: &Flights,
    key: Key,
    passenger: Passenger,
    start: impl FnOnce() -> Plan<T>,
) -> Waiter<T> {
    let mut map = lock(&flights.0);
    let seat = take_off(&mut map, flights, key, &mut Some(passenger), start);
    drop(map);
    Waiter::new(seat)
}

/// Starts a flight, unless there is one that others may join.
pub(crate) fn board_first<T: Replay>(
    flights: &Flights,
    key: Key,
    passenger: Passenger,
    start: impl FnOnce() -> Plan<T>,
) -> Option<Waiter<T>> {
    // As above.
    let found;
    let mut map = lock(&flights.0);
    found = map.get(&key).and_then(Weak::upgrade);
    let flight = found.clone().and_then(|f| f.downcast::<Flight<T>>().ok());
    if flight.is_some_and(|flight| flight.is_open()) {
        return None;
    }
    let seat = take_off(&mut map, flights, key, &mut Some(passenger), start);
    drop(map);
    Some(Waiter::new(seat))
}

fn take_off<T: Replay>(
    map: &mut Map,
    flights: &Flights,
    key: Key,
    passenger: &mut Option<Passenger>,
    start: impl FnOnce() -> Plan<T>,
) -> Seat<T> {
    let flight = Arc::new(Flight::new(start(), flights.clone(), key));
    let weak: Weak<Flight<T>> = Arc::downgrade(&flight);
    map.insert(key, weak);
    Seat::take(flight, passenger).expect("a new flight is open")
}

impl Flights {
    /// Forgets a flight, unless the key is another's by now.
    fn forget<T>(&self, key: &Key, flight: *const T) {
        let mut map = lock(&self.0);
        let is_this =
            |found: &Weak<dyn Any + Send + Sync>| std::ptr::addr_eq(found.as_ptr(), flight);
        if map.get(key).is_some_and(is_this) {
            map.remove(key);
        }
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flights({})", lock(&self.0).len())
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
