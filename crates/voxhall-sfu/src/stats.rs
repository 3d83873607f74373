//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Defines the counters once: as the plain struct for callers and as the atomics through which the thread publishes.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident / $shared:ident { $($(#[$doc:meta])* $field:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: u64,)+
        }

        /// The counters where other threads can read them.
        #[derive(Debug, Default)]
        pub(crate) struct $shared {
            $($field: AtomicU64,)+
        }

        impl $shared {
            /// Makes the state of the counters visible to readers.
            pub(crate) fn publish(&self, stats: &$name) {
                $(self.$field.store(stats.$field, Ordering::Relaxed);)+
            }

            /// The state published last.
            pub(crate) fn read(&self) -> $name {
                $name { $($field: self.$field.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Counters of one worker since its start. Every datagram that came in is counted once, as one of the `dropped_*`,
    /// as media or as one of the others.
    WorkerStats / SharedStats {
        /// Datagrams that came in.
        received,
        /// Bytes of the datagrams that came in.
        received_bytes,
        /// RTP packets that were authentic, new and permitted, whether or not anybody listened.
        media,
        /// Datagrams handed to the system.
        sent,
        /// Bytes of the datagrams handed to the system.
        sent_bytes,
        /// Datagrams the system did not take: its queue was full or the address unreachable.
        send_failed,
        /// Discovery requests answered.
        discovery,
        /// Pings and keep-alives.
        keep_alive,
        /// Connectivity checks of WebRTC clients answered.
        checks,
        /// DTLS datagrams of WebRTC clients taken.
        handshake,
        /// RTCP packets taken.
        rtcp,
        /// Bandwidth probes taken; they are never forwarded.
        probes,
        /// Reports taken on when video arrived at a receiver.
        transport_feedback,
        /// Packets of padding sent to find out what a receiver's link carries.
        padding,
        /// Times that a receiver was given a lower layer of somebody's video, or none, because its link carries no more.
        layers_lowered,
        /// Times that a receiver was given a higher layer again.
        layers_raised,
        /// Video packets sent again because a receiver asked.
        retransmitted,
        /// Times that a receiver was not sent again everything that it asked for, because that was too much, or more than
        /// its link carries.
        repairs_withheld,
        /// Video packets asked for again that got lost on their way here.
        repairs_requested,
        /// Keyframes asked for.
        keyframe_requests,
        /// Dropped: longer than 1500 bytes, or nothing that belongs on the port.
        dropped_malformed,
        /// Dropped: an SSRC that no member owns; so are late packets of a session that ended.
        dropped_unknown_ssrc,
        /// Dropped: the member has no key yet, or nobody by that name or address is known to use WebRTC.
        dropped_not_connected,
        /// Dropped: decryption failed.
        dropped_forged,
        /// Dropped: seen before, or too old to tell.
        dropped_replayed,
        /// Dropped: the member is muted, suppressed, or did not announce the layer.
        dropped_not_permitted,
        /// Dropped: a payload type the member did not name.
        dropped_unknown_payload_type,
        /// Dropped: the source sent too much that was not authentic, or a member more sound and reports than anybody does.
        dropped_rate_limited,
        /// Commands that named an unknown member or an SSRC in use.
        commands_ignored,
        /// Wake-ups that brought datagrams.
        wakeups,
    }
}
