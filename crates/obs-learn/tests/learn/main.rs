//! The whole of it through its public face: learning, figures, files, prompts and traffic.

mod allowance;
mod evaluation;
mod files;
mod learning;
mod prompts;
mod restarts;
mod support;
mod traffic;
