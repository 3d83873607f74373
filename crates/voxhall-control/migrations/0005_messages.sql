-- Messages of guild channels and private channels, and what groups are besides their people.

-- The channel is one of a guild or a private one, so no single table can be referred to. What a message holds besides
-- its text stands in `details` as JSON: it is only ever read whole.
CREATE TABLE messages (
    id BIGINT NOT NULL PRIMARY KEY,
    channel_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    kind INTEGER NOT NULL,
    content TEXT NOT NULL,
    edited_at_ms BIGINT,
    details TEXT NOT NULL
);

CREATE INDEX messages_of_channel ON messages (channel_id, id);

-- Calls are part of the history of their channel; their participants stay where they are.
INSERT INTO messages (id, channel_id, author_id, kind, content, edited_at_ms, details)
SELECT id, channel_id, author_id, 3, '', NULL, '{}' FROM call_messages;

-- The newest message of a guild's channel. It may have been deleted since.
CREATE TABLE last_messages (
    channel_id BIGINT NOT NULL PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    message_id BIGINT NOT NULL
);

ALTER TABLE private_channels ADD COLUMN name TEXT;
ALTER TABLE private_channels ADD COLUMN icon TEXT;
ALTER TABLE private_channels ADD COLUMN owner_id BIGINT;

-- Whether this person has taken the channel out of the list; the next message brings it back.
ALTER TABLE private_recipients ADD COLUMN closed BOOLEAN NOT NULL DEFAULT FALSE;
