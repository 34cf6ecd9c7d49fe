//! Judges that are built in, and comparisons in the background.
mod checks;
mod consistency;
mod schema;
mod shadow;
mod support;
