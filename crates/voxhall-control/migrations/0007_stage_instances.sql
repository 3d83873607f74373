-- Stages that are live.

CREATE TABLE stage_instances (
    channel_id BIGINT NOT NULL PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    topic TEXT NOT NULL,
    privacy INTEGER NOT NULL
);
