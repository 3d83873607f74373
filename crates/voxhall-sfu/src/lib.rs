//! Rooms, members and packet forwarding: a sans-IO core and the worker thread that drives it.
