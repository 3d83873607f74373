//! The wire types against captures, vectors, real clients' habits, chance and malice.

mod capture;
mod captures;
mod dialects;
mod hostile;
mod names;
mod round_trip;
mod sdp;
mod strict_clients;
mod tolerance;
mod vectors;
