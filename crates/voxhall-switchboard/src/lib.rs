//! The versioned key-value store with watch that carries live state, in memory or shared.
