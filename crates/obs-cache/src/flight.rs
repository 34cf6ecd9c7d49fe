//! One upstream call for several callers, polled by whichever of them is alive. Nothing is spawned.
//!
//! Order of the locks: map, then state, then bell or a journal or a deadline. Upstream is polled and dropped under
//! none of them, and nobody is woken under one.
mod bell;
mod flights;
mod ground;
mod joining;
mod landed;
mod landing;
mod lock;
mod passenger;
mod plan;
mod seat;
mod shared;
mod state;
mod waiter;

pub(crate) use self::{
    flights::Flights,
    joining::{board, board_first, depart},
    landed::Landed,
    passenger::Passenger,
    plan::{Giver, Plan, context},
    waiter::Waiter,
};
