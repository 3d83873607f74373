//! The media node: voice-gateway sessions and rooms over voxhall-sfu.
