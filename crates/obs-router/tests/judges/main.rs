//! Judges that are built in.
mod checks;
mod consistency;
mod support;
