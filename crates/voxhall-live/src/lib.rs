//! The records of live state that control plane and media nodes share through the switchboard.
