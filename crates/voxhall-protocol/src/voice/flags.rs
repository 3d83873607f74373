//! Speaking flags, client flags and platforms.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::naming::{flag_set, open_numbers};

flag_set! {
    /// What a speaker sends; empty means silence. Up to version 3 the wire knows only true and false.
    SpeakingFlags: u32 {
        /// Ordinary microphone audio.
        VOICE = 1 => "voice",
        /// The sound of a shared screen; no speaking ring.
        SOUNDSHARE = 2 => "soundshare",
        /// Priority speaker: others are turned down.
        PRIORITY = 4 => "priority",
    }
}

impl Serialize for SpeakingFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bits().serialize(serializer)
    }
}

/// Takes an integer or, as versions 1–3 and several old clients on version 4 send it, a boolean.
impl<'de> Deserialize<'de> for SpeakingFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Boolean(bool),
            Bits(#[serde(deserialize_with = "crate::scalar::whole")] u32),
        }
        Ok(match Wire::deserialize(deserializer)? {
            Wire::Boolean(true) => Self::VOICE,
            Wire::Boolean(false) => Self::NONE,
            Wire::Bits(bits) => Self::from_bits(bits),
        })
    }
}

flag_set! {
    /// What a user allows about clips and recordings; op 4 of the main Gateway sets it, op 18 relays it.
    ClientFlags: u32 as number {
        /// Clips are switched on.
        CLIPS_ENABLED = 1 => "clips enabled",
        /// The user's voice may be recorded in clips.
        ALLOW_VOICE_RECORDING = 2 => "voice recording allowed",
        /// Any viewer may clip the user's stream.
        ALLOW_ANY_VIEWER_CLIPS = 4 => "viewer clips allowed",
    }
}

open_numbers! {
    /// The kind of device a user is on (op 20).
    Platform: u8 {
        /// A computer.
        Desktop = 0 => "desktop",
        /// A telephone or tablet.
        Mobile = 1 => "mobile",
        /// An Xbox.
        Xbox = 2 => "xbox",
        /// A PlayStation.
        PlayStation = 3 => "playstation",
    }
}
