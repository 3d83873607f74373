//! What one packet costs to seal and to open, for every mode, at the size of a voice packet and of a video packet.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use voxhall_protocol::voice::EncryptionMode;
use voxhall_transport::crypto::overhead;
use voxhall_transport::{Cipher, NonceSuffix, PacketKind, Sealer, TransportKey};

/// Payload sizes: Opus at 48 kbit/s, and a full video packet.
const SIZES: [usize; 2] = [120, 1200];
const HEADER: [u8; 12] = [0x80, 0x78, 0x1a, 0x2b, 0, 1, 0x2c, 0, 0, 0x0a, 0xe4, 0x11];

fn key() -> TransportKey {
    TransportKey::from([0x42; TransportKey::LENGTH])
}

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    for mode in EncryptionMode::ALL {
        for size in SIZES {
            let mut sealer = Sealer::server(Cipher::new(mode, &key()), 0, [7; 24]);
            let body = vec![0x55; size];
            let mut datagram = vec![0; HEADER.len() + size + overhead(mode)];
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(mode.as_str(), size), |bencher| {
                bencher.iter(|| {
                    let sealed = sealer.seal_parts(PacketKind::Rtp, &HEADER, black_box(&body), &mut datagram);
                    black_box(sealed).expect("the benchmark seals fewer packets than there are nonces")
                });
            });
        }
    }
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for mode in EncryptionMode::ALL {
        for size in SIZES {
            let cipher = Cipher::new(mode, &key());
            let mut datagram = vec![0; HEADER.len() + size + overhead(mode)];
            let body = vec![0x55; size];
            let suffix = NonceSuffix::zeroed(mode);
            cipher
                .seal_parts(PacketKind::Rtp, &HEADER, &body, &mut datagram, &suffix)
                .expect("the buffer is long enough");
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(mode.as_str(), size), |bencher| {
                // Opening consumes the datagram, so each round gets a copy that is not timed.
                bencher.iter_batched_ref(
                    || datagram.clone(),
                    |copy| {
                        cipher
                            .open(PacketKind::Rtp, black_box(copy))
                            .map(|opened| opened.fingerprint)
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
