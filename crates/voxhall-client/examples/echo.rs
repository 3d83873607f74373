//! Sends back what it hears, until Ctrl-C: whoever speaks last is repeated.
//!
//! ```sh
//! cargo run -p voxhall-client --example echo -- .state/dev.json
//! ```

mod dev;

use std::error::Error;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use voxhall_client::{SpeakingChange, VoiceClient};

use voxhall_media::source::{AudioFrame, AudioSource};

/// Plays packets as they come; ends when the sending end is dropped.
struct Echo(Receiver<AudioFrame>);

impl AudioSource for Echo {
    fn next_frame(&mut self) -> voxhall_media::Result<Option<AudioFrame>> {
        match self.0.try_recv() {
            Ok(frame) => Ok(Some(frame)),
            // Nothing was said for now: silence keeps the rhythm.
            Err(TryRecvError::Empty) => {
                let silence = voxhall_media::opus::SILENCE.as_slice();
                Ok(Some(AudioFrame::new(silence.into())?))
            }
            Err(TryRecvError::Disconnected) => Ok(None),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(world) = std::env::args().nth(1) else {
        return Err("usage: echo DEV.JSON".into());
    };
    let world = dev::World::read(&world)?;
    let client = VoiceClient::login(world.bot(1)).await?;
    let connection = client.join(world.guild, world.channel).await?;
    let mut packets = connection.packets(100);
    let mut speaking = connection.speaking(100);
    let mut echo = None;
    loop {
        tokio::select! {
            Some(packet) = packets.recv() => {
                let Ok(frame) = AudioFrame::new(packet.payload) else { continue };
                let sender = echo.get_or_insert_with(|| {
                    let (sender, receiver) = channel();
                    connection.play(Echo(receiver));
                    sender
                });
                // An echo that was replaced hears no more.
                let _ = sender.send(frame);
            }
            Some(SpeakingChange::Stopped(user)) = speaking.recv() => {
                println!("{user} has spoken");
                echo = None;
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    client.close().await;
    Ok(())
}
