//! The voice client: VoiceClient, one VoiceConnection per guild or call, tracks in, voices out.
