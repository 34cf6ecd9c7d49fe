//! What the vocabulary promises, through its public face.
mod attempt;
mod background;
mod chat;
mod deadline;
mod error;
mod fingerprint;
mod report;
mod tokens;
