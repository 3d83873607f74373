-- The directory: who exists, what belongs to whom, what may be done where.
-- Plain SQL that SQLite and PostgreSQL both take. Snowflakes and bit sets of 64 bits stand in BIGINT, bit for bit.

CREATE TABLE users (
    id BIGINT NOT NULL PRIMARY KEY,
    bot BOOLEAN NOT NULL,
    name TEXT NOT NULL,
    discriminator TEXT NOT NULL,
    global_name TEXT,
    avatar TEXT,
    public_flags BIGINT NOT NULL,
    privileged_intents BOOLEAN NOT NULL
);

-- Tokens are random and long, so an unsalted digest is enough to make the table useless to a reader.
CREATE TABLE tokens (
    digest TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE guilds (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES users (id)
);

CREATE TABLE roles (
    id BIGINT NOT NULL PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    permissions BIGINT NOT NULL,
    position INTEGER NOT NULL
);

CREATE TABLE channels (
    id BIGINT NOT NULL PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    parent_id BIGINT,
    bitrate INTEGER NOT NULL,
    user_limit INTEGER NOT NULL,
    rtc_region TEXT,
    video_quality_mode INTEGER NOT NULL,
    status TEXT
);

CREATE TABLE overwrites (
    channel_id BIGINT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    target_id BIGINT NOT NULL,
    for_member BOOLEAN NOT NULL,
    allow BIGINT NOT NULL,
    deny BIGINT NOT NULL,
    PRIMARY KEY (channel_id, target_id)
);

CREATE TABLE members (
    guild_id BIGINT NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    nick TEXT,
    joined_at_ms BIGINT NOT NULL,
    mute BOOLEAN NOT NULL,
    deaf BOOLEAN NOT NULL,
    timed_out_until_ms BIGINT,
    PRIMARY KEY (guild_id, user_id)
);

CREATE TABLE member_roles (
    guild_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (guild_id, user_id, role_id),
    FOREIGN KEY (guild_id, user_id) REFERENCES members (guild_id, user_id) ON DELETE CASCADE
);

CREATE TABLE private_channels (
    id BIGINT NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    last_message_id BIGINT
);

CREATE TABLE private_recipients (
    channel_id BIGINT NOT NULL REFERENCES private_channels (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (channel_id, user_id)
);

-- The type-3 messages that stand for private calls.
CREATE TABLE call_messages (
    id BIGINT NOT NULL PRIMARY KEY,
    channel_id BIGINT NOT NULL REFERENCES private_channels (id) ON DELETE CASCADE,
    author_id BIGINT NOT NULL REFERENCES users (id),
    ended_at_ms BIGINT
);

CREATE TABLE call_participants (
    message_id BIGINT NOT NULL REFERENCES call_messages (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id),
    PRIMARY KEY (message_id, user_id)
);

-- How far an account has read a channel; `version` counts all of the account's read states.
CREATE TABLE read_states (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (user_id, channel_id)
);

-- Named values of the deployment itself.
CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
