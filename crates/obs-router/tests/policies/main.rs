//! The policies that there are, through the layer.
mod budgeted;
mod expected;
mod learned;
mod sticky;
mod support;
mod weighted;
