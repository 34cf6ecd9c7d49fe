#![doc = include_str!("../README.md")]
//!
//! # What it is made of
//!
//! [`Trainer`] makes a [`Model`] of a [`Dataset`], with its [`Comparison`]s and its [`Gate`]. [`Outcomes`] has the figures of any
//! order of prompts, whoever made it. [`Target`] keeps a share of premium calls, [`Allowance`] finds the one that dollars a day pay for; [`Online`] puts model, target, corrections and
//! [`Monitor`] together for traffic. The crate keeps no logs, makes no calls, reads no clock and spawns nothing.

mod allowance;
mod calibrate;
mod dataset;
mod evaluate;
mod explain;
mod features;
mod file;
mod fit;
mod folds;
mod gate;
mod goal;
mod header;
mod held_out;
mod logits;
mod model;
mod online;
mod prompt;
mod rng;
mod target;
mod train;
mod weights;
pub use allowance::{Allowance, Spent};
pub use calibrate::{Calibration, Line};
pub use dataset::{BadQuality, Dataset};
pub use evaluate::{Comparison, Contender, Curve, Estimate, Figures, GRID, Outcomes};
pub use explain::{Explanation, Part, Term};
pub use features::{FEATURES, MAX_SCANNED, NAMES, features};
pub use file::{FORMAT, LoadError, MAX_FILE};
pub use gate::{Check, Gate};
pub use goal::{Goal, Threshold};
pub use header::{Header, Trained};
pub use model::{Evidence, Model};
pub use online::{By, Decision, Monitor, Online, STATE_FORMAT, State, StateError, Watch};
pub use prompt::{Pieces, Prompt, pieces};
pub use target::Target;
pub use train::{
    FEWEST_ROWS, GROUP_PRIOR, LENGTH, STRUCTURE, TrainError, Trainer, Training, WORDS, WORDS_ALONE,
};
