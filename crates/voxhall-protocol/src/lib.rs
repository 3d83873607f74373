//! The messages of the main Gateway, the voice gateway and REST as types; knows the wire, holds no state.

pub mod ids;
