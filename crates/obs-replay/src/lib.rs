#![doc = include_str!("../README.md")]

mod answer;
mod around;
mod ask;
mod judge;
mod layers;
pub mod log;
mod progress;
pub mod prove;
mod question;
mod report;
mod resamples;
mod rng;
mod simulation;
mod time;
mod told;
mod totals;
mod upstream;
mod wilson;

pub use self::{
    answer::{Answer, Gathered, Piece},
    around::{Around, Inside, Stack},
    ask::Ask,
    judge::ModelledJudge,
    layers::Layers,
    progress::Progress,
    question::{Arrival, Outcome, Question},
    rng::chance,
    simulation::{Ended, Seen, Simulation},
    time::VirtualTime,
    totals::Totals,
    wilson::wilson,
};
