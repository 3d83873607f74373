//! Which video codec a publisher is told to send (`voice-gateway.md` section 9, `media-transport.md` section 10.6).

use voxhall_protocol::voice::{Codec, CodecName, MediaKind};

/// More entries than any client has codecs; the rest of a longer list is ignored.
const MOST_CODECS: usize = 32;

/// The video codecs of a client's list, most liked first.
pub(super) fn video_codecs(codecs: &[Codec]) -> Box<[Codec]> {
    let listed = codecs.iter().take(MOST_CODECS);
    let mut video: Vec<Codec> = listed
        .filter(|codec| codec.kind == MediaKind::Video)
        .cloned()
        .collect();
    video.sort_by_key(|codec| codec.priority);
    video.into()
}

/// Who in a room can decode what.
#[derive(Debug, Default)]
pub(super) struct Decoders {
    /// Members that listed any video codec; others receive no video and do not count.
    viewers: usize,
    by_codec: Vec<(CodecName, usize)>,
}

impl Decoders {
    /// Counts one member, by its video codecs.
    pub(super) fn add(&mut self, codecs: &[Codec]) {
        if codecs.is_empty() {
            return;
        }
        self.viewers += 1;
        for (index, codec) in codecs.iter().enumerate() {
            let counted = codecs[..index].iter().any(|before| before.name == codec.name);
            if counted || !decodes(codecs, &codec.name) {
                continue;
            }
            match self.by_codec.iter_mut().find(|(name, _)| *name == codec.name) {
                Some((_, count)) => *count += 1,
                None => self.by_codec.push((codec.name.clone(), 1)),
            }
        }
    }

    /// What a member with these video codecs should send: what all others can decode, else what it likes best to
    /// encode. `None` if it encodes nothing. The member itself must have been counted.
    pub(super) fn choose(&self, codecs: &[Codec]) -> Option<CodecName> {
        let mut encodable = codecs.iter().filter(|codec| codec.can_encode());
        let best = encodable.clone().next()?;
        let chosen = encodable
            .find(|codec| self.all_others_decode(codec, codecs))
            .unwrap_or(best);
        Some(chosen.name.clone())
    }

    fn all_others_decode(&self, codec: &Codec, own: &[Codec]) -> bool {
        let counted = self.by_codec.iter().find(|(name, _)| *name == codec.name);
        let decoders = counted.map_or(0, |(_, count)| *count);
        let others = decoders - usize::from(decodes(own, &codec.name));
        others + 1 == self.viewers
    }
}

fn decodes(codecs: &[Codec], name: &CodecName) -> bool {
    codecs
        .iter()
        .any(|codec| codec.name == *name && codec.can_decode())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(name: CodecName, priority: u32, encode: bool, decode: bool) -> Codec {
        Codec {
            name,
            kind: MediaKind::Video,
            priority,
            encode: Some(encode),
            decode: Some(decode),
            ..Codec::opus()
        }
    }

    fn choose(members: &[Box<[Codec]>]) -> Vec<Option<CodecName>> {
        let mut decoders = Decoders::default();
        members.iter().for_each(|codecs| decoders.add(codecs));
        members.iter().map(|codecs| decoders.choose(codecs)).collect()
    }

    #[test]
    fn the_best_liked_codec_that_all_others_decode() {
        let modern = video_codecs(&[
            codec(CodecName::H264, 3000, true, true),
            codec(CodecName::Av1, 1000, false, true),
            codec(CodecName::H265, 2000, true, true),
        ]);
        let browser = video_codecs(&[
            codec(CodecName::Vp8, 1000, true, true),
            codec(CodecName::H264, 2000, true, true),
        ]);
        let bot = video_codecs(&[Codec::opus()]);
        assert_eq!(
            choose(&[modern.clone(), bot.clone()]),
            [Some(CodecName::H265), None],
            "who listed no video does not count and is told none"
        );
        assert_eq!(
            choose(&[modern.clone(), browser.clone(), bot]),
            [Some(CodecName::H264), Some(CodecName::H264), None]
        );
        let firefox = video_codecs(&[codec(CodecName::Vp8, 1000, true, true)]);
        assert_eq!(
            choose(&[modern, firefox]),
            [Some(CodecName::H265), Some(CodecName::Vp8)],
            "nothing in common: each its own best"
        );
    }

    #[test]
    fn hostile_lists_do_no_harm() {
        let twice = video_codecs(&[
            codec(CodecName::Vp8, 1000, true, false),
            codec(CodecName::Vp8, 1000, true, true),
            codec(CodecName::Other("x".into()), 0, true, false),
        ]);
        assert_eq!(
            choose(&[twice.clone(), twice]),
            [Some(CodecName::Vp8), Some(CodecName::Vp8)]
        );
    }
}
