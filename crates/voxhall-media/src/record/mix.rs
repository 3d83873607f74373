//! Everyone's voice in one WAV file.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::io::{Seek, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Timeline;
use super::order::{Ordered, Placed};
use crate::opus::{Channels, Decoder, MAX_PACKET_SAMPLES};
use crate::pcm::soft_clip;
use crate::wav::WavWriter;
use crate::{CHANNELS, Result, SAMPLE_RATE, samples_in};

/// How far behind the newest packet the file is written: what arrives later than that is left out.
const WINDOW: Duration = Duration::from_secs(1);

/// Lost packets in a row that are concealed; more than that becomes silence.
const MAX_CONCEALED: u32 = 5;

/// Decodes every sender and writes their sum at their places on a [`Timeline`]. `K` names a sender.
#[derive(Debug)]
pub struct MixRecorder<K, W> {
    writer: WavWriter<W>,
    timeline: Timeline,
    voices: HashMap<K, Voice>,
    window: Window,
}

#[derive(Debug)]
struct Voice {
    ordered: Ordered,
    decoder: Decoder,
}

impl<K: Eq + Hash, W: Write + Seek> MixRecorder<K, W> {
    /// Begins a file of 16-bit samples.
    ///
    /// # Errors
    /// The writer's own.
    pub fn new(writer: W, timeline: Timeline) -> Result<Self> {
        let writer = WavWriter::pcm16(writer)?;
        Ok(Self {
            writer,
            timeline,
            voices: HashMap::new(),
            window: Window::default(),
        })
    }

    /// Takes a packet of `sender` as it arrives, and writes what lies a second back.
    ///
    /// # Errors
    /// [`Error::Packet`](crate::Error::Packet) or [`Error::Decode`](crate::Error::Decode) for a packet that cannot be
    /// decoded, which is left out, or the writer's own.
    pub fn push(
        &mut self,
        sender: K,
        sequence: u16,
        timestamp: u32,
        payload: Bytes,
        arrival: Instant,
    ) -> Result<()> {
        // First, so that the window never spans more than the packet's own delay.
        self.advance(arrival)?;
        let voice = match self.voices.entry(sender) {
            std::collections::hash_map::Entry::Occupied(voice) => voice.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(Voice {
                ordered: Ordered::new(self.timeline.stream()),
                decoder: Decoder::new(Channels::Stereo)?,
            }),
        };
        let mut outcome = Ok(());
        for placed in voice.ordered.push(sequence, timestamp, payload, arrival)? {
            outcome = outcome.and(decode(&mut voice.decoder, &placed, &mut self.window));
        }
        outcome
    }

    /// Writes what lies a second before `now`; to be called now and then while nobody talks.
    ///
    /// # Errors
    /// The writer's own.
    pub fn advance(&mut self, now: Instant) -> Result<()> {
        let until = self.timeline.position(now).saturating_sub(samples_in(WINDOW));
        self.window.write_until(until, &mut self.writer)
    }

    /// Writes everything up to `end`, fills in the lengths and hands back the writer.
    ///
    /// # Errors
    /// As [`MixRecorder::push`].
    pub fn finish(mut self, end: Instant) -> Result<W> {
        for voice in self.voices.values_mut() {
            for placed in voice.ordered.finish() {
                decode(&mut voice.decoder, &placed, &mut self.window)?;
            }
        }
        let end = self.timeline.position(end).max(self.window.end());
        self.window.write_until(end, &mut self.writer)?;
        self.writer.finish()
    }
}

/// Decodes a packet, and conceals what was lost before it, into the window.
fn decode(decoder: &mut Decoder, placed: &Placed, window: &mut Window) -> Result<()> {
    let mut pcm = [0.0; MAX_PACKET_SAMPLES as usize * CHANNELS];
    let samples = placed.frame.samples() as usize;
    let concealed = if placed.lost <= MAX_CONCEALED {
        placed.lost
    } else {
        0
    };
    for back in (1..=concealed).rev() {
        let length = if back == 1 {
            decoder.decode_fec(placed.frame.packet(), samples, &mut pcm)?
        } else {
            decoder.decode(None, &mut pcm[..samples * CHANNELS])?
        };
        if let Some(position) = placed.position.checked_sub(u64::from(back) * samples as u64) {
            window.add(position, &pcm[..length * CHANNELS]);
        }
    }
    let length = decoder.decode(Some(placed.frame.packet()), &mut pcm)?;
    window.add(placed.position, &pcm[..length * CHANNELS]);
    Ok(())
}

/// The stretch of the timeline that is not written yet.
#[derive(Debug, Default)]
struct Window {
    /// Samples per channel that are written.
    start: u64,
    sum: VecDeque<f32>,
}

impl Window {
    fn add(&mut self, position: u64, pcm: &[f32]) {
        let late = usize::try_from(self.start.saturating_sub(position)).unwrap_or(usize::MAX);
        let pcm = pcm.get(late.saturating_mul(CHANNELS)..).unwrap_or_default();
        let offset = position.saturating_sub(self.start) as usize * CHANNELS;
        if self.sum.len() < offset + pcm.len() {
            self.sum.resize(offset + pcm.len(), 0.0);
        }
        for (sum, sample) in self.sum.range_mut(offset..).zip(pcm) {
            *sum += sample;
        }
    }

    fn write_until<W: Write + Seek>(&mut self, position: u64, writer: &mut WavWriter<W>) -> Result<()> {
        const SECOND: u64 = SAMPLE_RATE as u64;
        while self.start < position {
            let samples = (position - self.start).min(SECOND);
            let values = samples as usize * CHANNELS;
            let mut pcm: Vec<f32> = self.sum.drain(..values.min(self.sum.len())).collect();
            pcm.resize(values, 0.0);
            soft_clip(&mut pcm);
            writer.write(&pcm)?;
            self.start += samples;
        }
        Ok(())
    }

    fn end(&self) -> u64 {
        self.start + (self.sum.len() / CHANNELS) as u64
    }
}
