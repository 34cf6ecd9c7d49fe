//! The settings: one table of scalars for the file, the environment and the flags, and the lists of providers and
//! routes, which stand in the file alone.
mod budget;
mod check;
mod document;
mod environment;
pub(crate) mod example;
mod freshness;
mod implied;
mod items;
pub(crate) mod keys;
mod load;
mod money;
mod parse;
mod print;
mod problem;
mod providers;
mod routes;
mod secret;
mod sections;
pub(crate) mod table;

pub(crate) use self::implied::OPENAI_MODELS;
pub use self::{
    budget::{Budget, Judging},
    environment::Environment,
    freshness::{Freshness, Seal},
    load::{Loaded, Sources, load},
    problem::{Problem, Problems},
    secret::Secret,
    sections::{
        Admin, Cache, Format, Log, LogFormat, Malformed, Metrics, Policy, Prices, Provider, Route,
        Router, Server, Settings, Simulated, Store, TellDeadline, Tenant, Timeout, VirtualKey,
        Wish,
    },
};
pub(crate) use self::{parse::name, secret::mask_url};
