//! Fields that the wire carries in more than one shape.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A whole number that may come as an integer, as a double without a fraction, or as digits in a string.
struct WholeNumber<T>(PhantomData<T>);

impl<T: TryFrom<i128>> WholeNumber<T> {
    fn fit<E: de::Error>(value: i128) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::custom(format_args!("the number {value} is out of range")))
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for WholeNumber<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number or digits in a string")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        Self::fit(i128::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        Self::fit(i128::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        if value.fract() != 0.0 || value.abs() > 9e15 {
            return Err(E::custom(format_args!("the number {value} is not whole")));
        }
        Self::fit(value as i128)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        match text.parse::<i128>() {
            Ok(value) => Self::fit(value),
            Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

/// Reads a whole number in any of its shapes.
pub(crate) fn whole<'de, T: TryFrom<i128>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(WholeNumber(PhantomData))
}

/// Reads a whole number in any of its shapes, or null.
pub(crate) fn optional_whole<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: TryFrom<i128>,
    D: Deserializer<'de>,
{
    struct Whole<T>(T);
    impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Self)
        }
    }
    Ok(Option::<Whole<T>>::deserialize(deserializer)?.map(|number| number.0))
}

/// Reads a field that decides nothing: what has another type than ours counts as not said, because nobody should be
/// locked out for it.
pub(crate) fn if_it_fits<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    Value::deserialize(deserializer).map(|value| T::deserialize(value).unwrap_or_default())
}

/// The same for a whole number in any of its shapes.
pub(crate) fn whole_if_it_fits<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: TryFrom<i128>,
    D: Deserializer<'de>,
{
    Value::deserialize(deserializer).map(|value| optional_whole(value).unwrap_or_default())
}

/// Reads a string that careless senders write as a number (`rid`), or null.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Option<String>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a string or a number")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(value.to_string()))
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
            Ok(Some(value.to_string()))
        }

        fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
            Ok(Some(value.to_string()))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.to_owned()))
        }
    }
    deserializer.deserialize_any(Text)
}

/// Writes a double without its fraction where it has none, as the real senders do.
pub(crate) fn plain_number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        serializer.serialize_i64(*value as i64)
    } else {
        value.serialize(serializer)
    }
}

/// A heartbeat interval in milliseconds, held between 100 ms and one hour so that no server can make a client spin or
/// die.
pub(crate) fn heartbeat_interval(millis: f64) -> Duration {
    const SHORTEST_MS: f64 = 100.0;
    const LONGEST_MS: f64 = 3_600_000.0;
    let millis = if millis.is_nan() {
        LONGEST_MS
    } else {
        millis.clamp(SHORTEST_MS, LONGEST_MS)
    };
    Duration::from_secs_f64(millis / 1000.0)
}
