//! Which channels share a member list.

use voxhall_protocol::ids::RoleId;
use voxhall_protocol::model::Permissions;

use crate::directory::{Channel, Guild, OverwriteTarget};

/// The list of all channels that everybody sees.
const EVERYONE: &str = "everyone";

/// The id of a channel's list. Clients compute it as well, so it must be theirs: `everyone`, or the hash of who is
/// let in and kept out.
pub(crate) fn of(guild: &Guild, channel: &Channel) -> String {
    if is_open(guild, channel) {
        return EVERYONE.to_owned();
    }
    let mut rules: Vec<String> = (channel.overwrites.iter())
        .filter_map(|it| {
            let id = it.target.id();
            if it.allow.contains(Permissions::VIEW_CHANNEL) {
                Some(format!("allow:{id}"))
            } else if it.deny.contains(Permissions::VIEW_CHANNEL) {
                Some(format!("deny:{id}"))
            } else {
                None
            }
        })
        .collect();
    rules.sort_unstable();
    murmur3(rules.join(",").as_bytes()).to_string()
}

/// Whether `@everyone` sees a channel.
pub(crate) fn is_open(guild: &Guild, channel: &Channel) -> bool {
    let everyone = RoleId(guild.id.0);
    let base = guild
        .roles
        .get(&everyone)
        .map_or(Permissions::NONE, |role| role.permissions);
    let overwrite = (channel.overwrites.iter()).find(|it| it.target == OverwriteTarget::Role(everyone));
    let allowed = overwrite.is_some_and(|it| it.allow.contains(Permissions::VIEW_CHANNEL));
    let denied = overwrite.is_some_and(|it| it.deny.contains(Permissions::VIEW_CHANNEL));
    base.contains(Permissions::ADMINISTRATOR)
        || allowed
        || base.contains(Permissions::VIEW_CHANNEL) && !denied
}

/// MurmurHash3 in its form of 32 bits, with seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    let scramble = |word: u32| {
        word.wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let words = bytes.chunks_exact(4);
    let rest = words.remainder();
    let mut hash = words.fold(0_u32, |hash, word| {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        (hash ^ scramble(word))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64)
    });
    if !rest.is_empty() {
        let word = (rest.iter().rev()).fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash ^= scramble(word);
    }
    // The length counts modulo 2³².
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    #[test]
    fn the_hash_is_the_one_that_clients_know() {
        // Published vectors of MurmurHash3_x86_32.
        assert_eq!(murmur3(b""), 0);
        assert_eq!(murmur3(&[0, 0, 0, 0]), 0x2362_f9de);
        assert_eq!(murmur3(&[0x21, 0x43, 0x65, 0x87]), 0xf55b_516b);
        assert_eq!(murmur3(&[0x21, 0x43, 0x65]), 0x7e4a_8634);
        assert_eq!(
            murmur3(b"The quick brown fox jumps over the lazy dog"),
            0x2e4f_f723
        );
    }
}
