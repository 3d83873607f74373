//! The vector file and how to read it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const FILE: &str = include_str!("../data/transport-vectors.json");

/// Bytes that the file writes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hex(pub Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| Some(digit.to_digit(16)? as u8))
            .collect();
        let digits = digits
            .filter(|digits| digits.len() % 2 == 0)
            .ok_or(format!("not hexadecimal: {text}"))?;
        Ok(Self(
            digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect(),
        ))
    }
}

impl std::ops::Deref for Hex {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// One part of the file; fails the test if it has not `count` entries.
pub fn section<T: DeserializeOwned>(name: &str, count: usize) -> Vec<T> {
    let mut file: Value = serde_json::from_str(FILE).expect("the file is JSON");
    let entries: Vec<T> =
        serde_json::from_value(file[name].take()).expect("the entries have the documented shape");
    assert_eq!(entries.len(), count, "entries of {name}");
    entries
}
