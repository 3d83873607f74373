use voxhall_protocol::voice::{EncryptionMode, ModeName};

/// The mode to select: the forced one if it is on offer, else the best of those on offer.
///
/// The order of preference is that of [`EncryptionMode::ALL`] (media transport, section 5.1). `plain`, which hides
/// nothing, is only taken when it is forced.
pub(super) fn choose(offered: &[ModeName], forced: Option<EncryptionMode>) -> Option<EncryptionMode> {
    EncryptionMode::ALL
        .into_iter()
        .filter(|mode| match forced {
            Some(forced) => forced == *mode,
            None => *mode != EncryptionMode::Plain,
        })
        .find(|mode| offered.iter().any(|name| name.known() == Some(*mode)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<ModeName> {
        names.iter().map(|name| ModeName::from(*name)).collect()
    }

    #[test]
    fn the_best_on_offer_wins_whatever_the_servers_order() {
        let offered = names(&[
            "xsalsa20_poly1305",
            "aead_xchacha20_poly1305_rtpsize",
            "aead_aes256_gcm_rtpsize",
            "new_mode",
        ]);
        assert_eq!(choose(&offered, None), Some(EncryptionMode::AeadAes256GcmRtpsize));
        assert_eq!(
            choose(&names(&["xsalsa20_poly1305", "xsalsa20_poly1305_lite"]), None),
            Some(EncryptionMode::Xsalsa20Poly1305Lite)
        );
    }

    #[test]
    fn plain_is_never_chosen_but_may_be_forced() {
        assert_eq!(choose(&names(&["plain"]), None), None);
        let forced = Some(EncryptionMode::Plain);
        assert_eq!(choose(&names(&["plain"]), forced), forced);
    }

    #[test]
    fn a_forced_mode_must_be_on_offer() {
        let offered = names(&["aead_aes256_gcm_rtpsize", "xsalsa20_poly1305_suffix"]);
        let forced = Some(EncryptionMode::Xsalsa20Poly1305Suffix);
        assert_eq!(choose(&offered, forced), forced);
        assert_eq!(choose(&offered, Some(EncryptionMode::AeadAes256Gcm)), None);
    }
}
