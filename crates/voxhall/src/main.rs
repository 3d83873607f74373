//! The voxhall program: configuration, wiring and command line.

fn main() {}
