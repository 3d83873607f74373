//! The control plane: main Gateway, REST, calls, permissions and the directory.
