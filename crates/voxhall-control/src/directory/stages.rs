//! Stages that are live. They outlast a restart; whoever is in one comes back to it.

use voxhall_protocol::ids::{ChannelId, StageInstanceId};
use voxhall_protocol::model::StagePrivacy;

use sqlx::Row as _;

use super::world::World;
use super::{Directory, Pool, from_sql, to_sql};
use crate::Error;

/// A stage that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    /// New each time the stage goes live.
    pub(crate) id: StageInstanceId,
    /// Which channel.
    pub(crate) channel_id: ChannelId,
    /// What it is about.
    pub(crate) topic: String,
    /// Who may know of it.
    pub(crate) privacy: StagePrivacy,
}

impl Directory {
    /// Makes a stage live, or changes one that is.
    pub(crate) async fn put_stage(&self, stage: Stage) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        sqlx::query(
            "INSERT INTO stage_instances (channel_id, id, topic, privacy) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (channel_id) DO UPDATE SET id = excluded.id, topic = excluded.topic, \
             privacy = excluded.privacy",
        )
        .bind(to_sql(stage.channel_id.0))
        .bind(to_sql(stage.id.0))
        .bind(&stage.topic)
        .bind(i64::from(stage.privacy.number()))
        .execute(&self.pool)
        .await?;
        self.world.write().stages.insert(stage.channel_id, stage);
        Ok(())
    }

    /// A stage is not live any more; gives what it was, if it was.
    pub(crate) async fn end_stage(&self, channel: ChannelId) -> Result<Option<Stage>, Error> {
        let _writing = self.writing.lock().await;
        sqlx::query("DELETE FROM stage_instances WHERE channel_id = $1")
            .bind(to_sql(channel.0))
            .execute(&self.pool)
            .await?;
        Ok(self.world.write().stages.remove(&channel))
    }
}

/// Reads all of them, at start.
pub(super) async fn load(pool: &Pool, world: &mut World) -> Result<(), Error> {
    for row in sqlx::query("SELECT channel_id, id, topic, privacy FROM stage_instances")
        .fetch_all(pool)
        .await?
    {
        let privacy: i64 = row.try_get("privacy")?;
        let stage = Stage {
            id: StageInstanceId(from_sql(row.try_get("id")?)),
            channel_id: ChannelId(from_sql(row.try_get("channel_id")?)),
            topic: row.try_get("topic")?,
            privacy: u8::try_from(privacy)
                .map_err(|_| Error::Corrupt { what: "privacy" })?
                .into(),
        };
        world.stages.insert(stage.channel_id, stage);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::model::ChannelKind;

    use super::*;
    use crate::directory::NewUser;

    #[tokio::test]
    async fn a_live_stage_outlasts_a_restart_and_goes_with_its_channel() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.db");
        let directory = Directory::open(&file).await.unwrap();
        let owner = NewUser {
            name: "owner".to_owned(),
            ..NewUser::default()
        };
        let owner = directory.create_user(owner).await.unwrap().id;
        let guild = directory.create_guild(None, "guild", owner).await.unwrap();
        let channel = directory
            .create_channel(guild, None, ChannelKind::GuildStage, "stage")
            .await
            .unwrap();
        let stage = Stage {
            id: StageInstanceId(7),
            channel_id: channel,
            topic: "birds".to_owned(),
            privacy: StagePrivacy::GuildOnly,
        };
        directory.put_stage(stage.clone()).await.unwrap();
        let changed = Stage {
            topic: "fish".to_owned(),
            ..stage
        };
        directory.put_stage(changed.clone()).await.unwrap();
        drop(directory);
        let directory = Directory::open(&file).await.unwrap();
        assert_eq!(directory.read().stage(channel), Some(&changed));
        assert_eq!(directory.end_stage(channel).await.unwrap(), Some(changed));
        assert_eq!(directory.end_stage(channel).await.unwrap(), None);
        drop(directory);
        let directory = Directory::open(&file).await.unwrap();
        assert_eq!(directory.read().stage(channel), None);
    }
}
