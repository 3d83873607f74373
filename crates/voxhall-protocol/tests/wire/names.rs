//! Opcodes, close codes and flags: their names, and what follows from them.

use std::collections::BTreeSet;

use voxhall_protocol::gateway::{
    Capabilities, GatewayCloseAction, GatewayCloseCode, GatewayOpcode, Intents, Need,
};
use voxhall_protocol::voice::{
    ClientFlags, CloseAction, EncryptionMode, Platform, SpeakingFlags, VoiceCloseCode, VoiceOpcode,
    VoiceVersion,
};

#[test]
fn every_opcode_is_found_by_its_number_and_has_its_own_name() {
    let voice: BTreeSet<_> = VoiceOpcode::ALL.iter().map(|opcode| opcode.name()).collect();
    assert_eq!(voice.len(), 33);
    for (number, opcode) in VoiceOpcode::ALL.into_iter().enumerate() {
        assert_eq!(VoiceOpcode::from_number(number as u64), Some(opcode));
        assert_eq!(usize::from(opcode.number()), number);
    }
    assert_eq!(VoiceOpcode::from_number(33), None);

    let main: BTreeSet<_> = GatewayOpcode::ALL.iter().map(|opcode| opcode.name()).collect();
    assert_eq!(main.len(), 44);
    for (number, opcode) in GatewayOpcode::ALL.into_iter().enumerate() {
        assert_eq!(GatewayOpcode::from_number(number as u64), Some(opcode));
    }
    assert_eq!(GatewayOpcode::from_number(u64::MAX), None);
}

#[test]
fn numbered_voice_messages_are_those_of_the_protocol() {
    let numbered: Vec<u8> = VoiceOpcode::ALL
        .into_iter()
        .filter(|opcode| opcode.is_numbered())
        .map(VoiceOpcode::number)
        .collect();
    // Op 14 is an open question of the protocol notes; all others are certain.
    assert_eq!(
        numbered,
        [5, 11, 12, 13, 14, 15, 18, 20, 21, 22, 24, 25, 27, 29, 30]
    );
}

#[test]
fn what_the_server_must_do_on_the_main_gateway() {
    let must: Vec<u8> = GatewayOpcode::ALL
        .into_iter()
        .filter(|opcode| opcode.need() == Need::Must)
        .map(GatewayOpcode::number)
        .collect();
    assert_eq!(must, [0, 1, 2, 4, 6, 8, 9, 10, 11, 13, 40]);
    assert!(!GatewayOpcode::Hello.is_from_client() && GatewayOpcode::Heartbeat.is_from_client());
}

#[test]
fn what_a_voice_client_does_after_each_close_code() {
    let codes = |action| -> Vec<u16> {
        (4000..4030)
            .filter(|code| VoiceCloseCode::from(*code).action() == action)
            .collect()
    };
    assert_eq!(codes(CloseAction::Resume), [4013, 4015]);
    assert_eq!(codes(CloseAction::Rejoin), [4004, 4006, 4009]);
    assert_eq!(codes(CloseAction::AwaitServerUpdate), [4011, 4014, 4022]);
    for code in [1000, 1001, 1006, 1011, 3999] {
        assert!(VoiceCloseCode::from(code).may_resume(), "{code}");
    }
    assert_eq!(VoiceCloseCode::from(4800).action(), CloseAction::Stop);
    assert_eq!(VoiceCloseCode::from(4014).to_string(), "disconnected");
    assert_eq!(VoiceCloseCode::from(4018).to_string(), "unknown 4018");
    assert_eq!(VoiceCloseCode::from(4018).number(), 4018);
}

#[test]
fn what_a_main_gateway_client_does_after_each_close_code() {
    let codes = |action| -> Vec<u16> {
        (4000..4016)
            .filter(|code| GatewayCloseCode::from(*code).action() == action)
            .collect()
    };
    assert_eq!(
        codes(GatewayCloseAction::Stop),
        [4004, 4010, 4011, 4012, 4013, 4014, 4015]
    );
    assert_eq!(codes(GatewayCloseAction::NewSession), [4007, 4009]);
    assert!(GatewayCloseCode::Normal.ends_session() && !GatewayCloseCode::from(4200).ends_session());
}

#[test]
fn flags_print_their_names_and_keep_bits_without_one() {
    assert_eq!(SpeakingFlags::from_bits(5).to_string(), "voice | priority");
    assert_eq!(SpeakingFlags::from_bits(9).to_string(), "voice | 0x8");
    assert_eq!(SpeakingFlags::NONE.to_string(), "none");
    assert_eq!(ClientFlags::ALL.bits(), 7);
    assert_eq!(Intents::VOICE.bits(), 129);
    assert_eq!(Intents::PRIVILEGED.bits(), 1 << 1 | 1 << 8 | 1 << 15);
    let seen = Capabilities::from_bits(22_525);
    assert!(seen.contains(Capabilities::CLIENT_STATE_V2 | Capabilities::AUTO_CALL_CONNECT));
    assert!(!seen.contains(Capabilities::PASSIVE_GUILD_UPDATE));
    assert_eq!(Platform::from(1).to_string(), "mobile");
}

#[test]
fn modes_and_versions() {
    for mode in EncryptionMode::ALL {
        assert_eq!(mode.as_str().parse(), Ok(mode));
        assert_eq!(mode.is_legacy(), !EncryptionMode::CURRENT.contains(&mode));
    }
    assert!("aead_aes256_gcm_rtpsize ".parse::<EncryptionMode>().is_err());
    assert!(VoiceVersion::new(0).is_err() && VoiceVersion::new(10).is_err());
    assert_eq!(
        VoiceVersion::ALL.map(VoiceVersion::number),
        [1, 2, 3, 4, 5, 6, 7, 8, 9]
    );
}
