-- What guilds, roles and channels are besides what the first landing needed, and who is banned from where.

ALTER TABLE guilds ADD COLUMN description TEXT;
ALTER TABLE guilds ADD COLUMN afk_channel_id BIGINT;
ALTER TABLE guilds ADD COLUMN afk_timeout INTEGER NOT NULL DEFAULT 300;
ALTER TABLE guilds ADD COLUMN system_channel_id BIGINT;
ALTER TABLE guilds ADD COLUMN system_channel_flags BIGINT NOT NULL DEFAULT 0;
ALTER TABLE guilds ADD COLUMN verification_level INTEGER NOT NULL DEFAULT 0;
ALTER TABLE guilds ADD COLUMN default_message_notifications INTEGER NOT NULL DEFAULT 0;
ALTER TABLE guilds ADD COLUMN explicit_content_filter INTEGER NOT NULL DEFAULT 0;
ALTER TABLE guilds ADD COLUMN preferred_locale TEXT NOT NULL DEFAULT 'en-US';

ALTER TABLE roles ADD COLUMN color INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roles ADD COLUMN hoist BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE roles ADD COLUMN mentionable BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE roles ADD COLUMN managed BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE channels ADD COLUMN topic TEXT;
ALTER TABLE channels ADD COLUMN nsfw BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE channels ADD COLUMN rate_limit_per_user INTEGER NOT NULL DEFAULT 0;

CREATE TABLE bans (
    guild_id BIGINT NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    reason TEXT,
    PRIMARY KEY (guild_id, user_id)
);
