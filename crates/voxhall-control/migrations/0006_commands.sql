-- Commands of applications. An application is what a bot account is for programs, and has the same id.

-- What a command asks for stands in `details` as JSON: it is only ever read whole.
CREATE TABLE application_commands (
    id BIGINT NOT NULL PRIMARY KEY,
    application_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The only guild that has it; null for all guilds.
    guild_id BIGINT REFERENCES guilds (id) ON DELETE CASCADE,
    details TEXT NOT NULL
);

CREATE INDEX commands_of_application ON application_commands (application_id);
