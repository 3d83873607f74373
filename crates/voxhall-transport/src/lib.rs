//! RTP and RTCP packets, the eight transport encryption modes, nonces and replay windows; opens no socket.
