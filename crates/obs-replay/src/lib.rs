#![doc = include_str!("../README.md")]

mod answer;
mod ask;
mod judge;
mod layers;
pub mod log;
mod progress;
pub mod prove;
mod question;
mod report;
mod rng;
mod simulation;
mod time;
mod totals;
mod upstream;

pub use self::{
    answer::Answer,
    ask::Ask,
    judge::ModelledJudge,
    layers::Layers,
    progress::Progress,
    question::{Arrival, Outcome, Question},
    simulation::{Ended, Seen, Simulation},
    time::VirtualTime,
    totals::Totals,
};
