//! Bodies of the type `multipart/form-data`, in which clients send JSON beside files (RFC 7578).

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::reply::{Answer, Failure};

/// The field that holds the JSON.
const PAYLOAD: &str = "payload_json";

/// What separates the fields, if the body is such a form.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (essence, parameters) = kind.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parameters.split(';').filter_map(|it| it.trim().split_once('='));
    let boundary = named
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    boundary.map(|(_, value)| value.trim_matches('"').to_owned())
}

/// The JSON in a form; one without any stands for an empty body. Files are refused: this server keeps none.
pub(super) fn payload<'a>(body: &'a [u8], boundary: &str) -> Answer<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let mut payload: &[u8] = b"";
    for part in Parts::new(body, delimiter.as_bytes()) {
        let Some(at) = find(part, b"\r\n\r\n") else {
            return Err(Failure::invalid_field(
                "body",
                "a part of the form has no end of its header",
            ));
        };
        let header = String::from_utf8_lossy(&part[..at]);
        if header.contains("filename=") {
            return Err(Failure::invalid_field("files", "this server keeps no files"));
        }
        if header.contains(&format!("name=\"{PAYLOAD}\"")) {
            payload = &part[at + 4..];
        }
    }
    Ok(payload)
}

/// What stands between the delimiters.
struct Parts<'a, 'd> {
    rest: &'a [u8],
    delimiter: &'d [u8],
}

impl<'a, 'd> Parts<'a, 'd> {
    fn new(body: &'a [u8], delimiter: &'d [u8]) -> Self {
        let start = find(body, delimiter).map_or(body.len(), |at| at + delimiter.len());
        Self {
            rest: &body[start..],
            delimiter,
        }
    }
}

impl<'a> Iterator for Parts<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        // After the last delimiter come two dashes.
        let part = self.rest.strip_prefix(b"\r\n")?;
        let end = find(part, self.delimiter)?;
        self.rest = &part[end + self.delimiter.len()..];
        let part = &part[..end];
        Some(part.strip_suffix(b"\r\n").unwrap_or(part))
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    text.windows(wanted.len()).position(|it| it == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n\
                        --x\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\
                        Content-Type: application/json\r\n\r\n{\"content\":\"hi\"}\r\n--x--\r\n";

    #[test]
    fn the_boundary_is_read_with_and_without_quotes() {
        let of = |kind: &str| boundary(&HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]));
        assert_eq!(of("multipart/form-data; boundary=x").as_deref(), Some("x"));
        assert_eq!(of("Multipart/Form-Data;Boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(of("application/json"), None);
        assert_eq!(of("application/json; charset=utf-8"), None);
    }

    #[test]
    fn the_json_is_found_and_files_are_refused() {
        assert_eq!(payload(FORM.as_bytes(), "x").unwrap(), b"{\"content\":\"hi\"}");
        let file = FORM.replace("name=\"other\"", "name=\"files[0]\"; filename=\"a.png\"");
        assert!(payload(file.as_bytes(), "x").is_err());
        for damaged in ["", "--x", "--x--", "--y\r\n", "--x\r\n\r\n\r\n"] {
            assert_eq!(payload(damaged.as_bytes(), "x").unwrap(), b"", "{damaged:?}");
        }
        assert!(payload(b"--x\r\nno end\r\n--x--", "x").is_err());
    }
}
