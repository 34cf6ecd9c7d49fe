//! How a caller comes to a flight: to one that is in the air, or to a new one.
use std::sync::{Arc, Weak};

use obs_core::{Key, Replay};

use super::{
    flights::{Flights, Map},
    passenger::Passenger,
    plan::Plan,
    seat::Seat,
    shared::Flight,
    waiter::Waiter,
};

/// Joins the flight of this key, or starts one.
pub(crate) fn board<T: Replay>(
    flights: &Flights,
    key: Key,
    passenger: Passenger,
    start: impl FnOnce() -> Plan<T>,
) -> Waiter<T> {
    // Dropping the last handle of a flight locks the map: it must not happen under that lock.
    let found;
    let mut map = flights.lock();
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
    let mut map = flights.lock();
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
    let mut map = flights.lock();
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
