//! The TCP edge: TLS and plain text on one port, the local certificate authority, HTTP serving.
