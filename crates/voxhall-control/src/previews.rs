//! What streams look like: the newest picture of each, kept in memory as long as the stream lasts.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use voxhall_protocol::ids::ChannelId;

/// The most bytes of a picture.
pub(crate) const LARGEST_PICTURE: usize = 128 << 10;

/// What a picture is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureKind {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl PictureKind {
    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// What files of this kind begin with.
    pub(crate) const fn signature(self) -> &'static [u8] {
        match self {
            Self::Jpeg => &[0xff, 0xd8, 0xff],
            Self::Png => &[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a],
        }
    }
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// What it is.
    pub(crate) kind: PictureKind,
    /// The file.
    pub(crate) bytes: Bytes,
}

/// The pictures of running streams, by the room of its own that each stream has.
#[derive(Debug, Default)]
pub(crate) struct Previews(Mutex<HashMap<ChannelId, Kept>>);

#[derive(Debug)]
struct Kept {
    picture: Picture,
    /// Whoever knows it may see this picture: a browser shows pictures without saying who asks.
    token: String,
}

impl Previews {
    /// Keeps a picture in place of the one before.
    pub(crate) fn put(&self, room: ChannelId, picture: Picture) {
        let token = format!("{:032x}", rand::random::<u128>());
        self.0.lock().insert(room, Kept { picture, token });
    }

    /// By which token the picture of a stream may be seen.
    pub(crate) fn token(&self, room: ChannelId) -> Option<String> {
        self.0.lock().get(&room).map(|kept| kept.token.clone())
    }

    /// The picture of a stream, for who knows its token.
    pub(crate) fn get(&self, room: ChannelId, token: &str) -> Option<Picture> {
        let kept = self.0.lock();
        let kept = kept.get(&room)?;
        // In constant time, or the answer's delay would spell the token out.
        aws_lc_rs::constant_time::verify_slices_are_equal(kept.token.as_bytes(), token.as_bytes()).ok()?;
        Some(kept.picture.clone())
    }

    /// The stream is over.
    pub(crate) fn forget(&self, room: ChannelId) {
        self.0.lock().remove(&room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_picture_has_a_new_token_and_the_old_one_opens_nothing() {
        let previews = Previews::default();
        let picture = |byte: u8| Picture {
            kind: PictureKind::Png,
            bytes: Bytes::from(vec![byte]),
        };
        let room = ChannelId(1);
        assert_eq!(previews.token(room), None);
        previews.put(room, picture(1));
        let first = previews.token(room).unwrap();
        previews.put(room, picture(2));
        let second = previews.token(room).unwrap();
        assert_eq!(previews.get(room, &first), None);
        assert_eq!(previews.get(room, &second), Some(picture(2)));
        previews.forget(room);
        assert_eq!(previews.get(room, &second), None);
    }
}
