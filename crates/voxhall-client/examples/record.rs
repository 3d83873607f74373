//! Records everyone in a voice channel, packet for packet, each into a file of their own, until Ctrl-C.
//!
//! ```sh
//! cargo run -p voxhall-client --example record -- .state/dev.json recordings
//! ```

mod dev;

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use voxhall_client::VoiceClient;
use voxhall_media::ogg::{OggWriter, OpusHead, OpusTags};
use voxhall_protocol::ids::UserId;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(world), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: record DEV.JSON FOLDER".into());
    };
    let world = dev::World::read(&world)?;
    fs::create_dir_all(&folder)?;

    let client = VoiceClient::login(world.bot(1)).await?;
    let connection = client.join(world.guild, world.channel).await?;
    let mut packets = connection.packets(1_000);
    let mut files: HashMap<UserId, OggWriter<BufWriter<File>>> = HashMap::new();
    loop {
        let packet = tokio::select! {
            packet = packets.recv() => packet,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(packet) = packet else { break };
        let file = match files.get_mut(&packet.user) {
            Some(file) => file,
            None => {
                let path = Path::new(&folder).join(format!("{}.opus", packet.user));
                println!("recording {}", path.display());
                let file = BufWriter::new(File::create(path)?);
                let writer = OggWriter::new(file, OpusHead::default(), &OpusTags::default(), packet.ssrc.0)?;
                files.entry(packet.user).or_insert(writer)
            }
        };
        file.write_packet(&packet.payload)?;
    }
    for (user, file) in files {
        file.finish()?;
        println!("{user} is recorded whole");
    }
    client.close().await;
    Ok(())
}
