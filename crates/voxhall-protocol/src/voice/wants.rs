//! Op 15, Media Sink Wants (voice-gateway protocol, section 6.15).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

use super::Ssrc;
use crate::Extra;

/// Op 15. From a client: what it wants to receive. From a server: what the client should send.
/// Each message replaces the one before it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MediaSinkWants {
    /// Quality for every source not named, 0 (nothing) to 100 (best).
    pub any: Option<u8>,
    /// Quality by primary source, 0–100.
    pub sources: BTreeMap<Ssrc, u8>,
    /// How many pixels the view of a source really has; the wire has doubles.
    pub pixel_counts: Option<BTreeMap<Ssrc, Number>>,
    /// Keys that are no source, and values that are no quality.
    pub extra: Extra,
}

/// The best quality.
pub const BEST_QUALITY: u8 = 100;

const ANY: &str = "any";
const PIXEL_COUNTS: &str = "pixelCounts";

impl MediaSinkWants {
    /// The same quality for every source.
    #[must_use]
    pub fn any(quality: u8) -> Self {
        Self {
            any: Some(quality.min(BEST_QUALITY)),
            ..Self::default()
        }
    }

    /// The quality wanted of `ssrc`; the best, where nothing was said.
    #[must_use]
    pub fn quality(&self, ssrc: Ssrc) -> u8 {
        self.sources
            .get(&ssrc)
            .copied()
            .or(self.any)
            .unwrap_or(BEST_QUALITY)
    }

    fn put(&mut self, key: String, value: Value) {
        if key == PIXEL_COUNTS && self.take_pixel_counts(&value) {
            return;
        }
        let quality = value
            .as_f64()
            .filter(|number| (0.0..=100.0).contains(number) && number.fract() == 0.0);
        match (quality, key.parse::<u32>()) {
            (Some(quality), _) if key == ANY => self.any = Some(quality as u8),
            // A key such as "007" would not come back as it was, so it is no source.
            (Some(quality), Ok(ssrc)) if ssrc.to_string() == key => {
                self.sources.insert(Ssrc(ssrc), quality as u8);
            }
            _ => {
                self.extra.insert(key, value);
            }
        }
    }

    fn take_pixel_counts(&mut self, value: &Value) -> bool {
        let counts = value.as_object().and_then(|counts| {
            let entry = |(key, value): (&String, &Value)| {
                let ssrc = key.parse::<u32>().ok().filter(|ssrc| ssrc.to_string() == *key)?;
                match value {
                    Value::Number(number) => Some((Ssrc(ssrc), number.clone())),
                    _ => None,
                }
            };
            counts.iter().map(entry).collect::<Option<BTreeMap<_, _>>>()
        });
        self.pixel_counts = counts;
        self.pixel_counts.is_some()
    }
}

impl<'de> Deserialize<'de> for MediaSinkWants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wants;
        impl<'de> Visitor<'de> for Wants {
            type Value = MediaSinkWants;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object from sources to qualities")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MediaSinkWants, A::Error> {
                let mut wants = MediaSinkWants::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    wants.put(key, value);
                }
                Ok(wants)
            }
        }
        deserializer.deserialize_map(Wants)
    }
}

impl Serialize for MediaSinkWants {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(any) = self.any {
            map.serialize_entry(ANY, &any)?;
        }
        for (ssrc, quality) in &self.sources {
            map.serialize_entry(&ssrc.0, quality)?;
        }
        if let Some(counts) = &self.pixel_counts {
            map.serialize_entry(PIXEL_COUNTS, &PixelCounts(counts))?;
        }
        for (key, value) in self.extra.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

struct PixelCounts<'a>(&'a BTreeMap<Ssrc, Number>);

impl Serialize for PixelCounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(ssrc, count)| (ssrc.0, count)))
    }
}
