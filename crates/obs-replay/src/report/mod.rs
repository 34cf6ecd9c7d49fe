//! Reports for people: pages of their own, with pictures.
mod chart;
mod page;

pub(crate) use self::{
    chart::{Chart, Line},
    page::page,
};
