//! Calls in virtual time: what the SFU owes its members, one file for each promise.

mod addresses;
mod audio_forwarding;
mod browser;
mod common;
mod discovery_and_keep_alive;
mod enforcement;
mod hostile_datagrams;
mod idle_receivers;
mod keyframe_requests;
mod leaving;
mod lossy_network;
mod narrow_links;
mod no_allocation;
mod nonces;
mod picture_ids;
mod reports;
mod retransmission;
mod simulcast;
mod small_pictures;
mod speech;
mod stage;
mod webrtc_audio;
mod webrtc_hostile;
mod webrtc_video;
