//! Opus, audio containers, signals, jitter buffer and mixer; knows nothing of calls.
