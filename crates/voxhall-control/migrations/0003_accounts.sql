-- Signing in: names, addresses, passwords; what is known of a token; invites.

-- 0 in use, 1 disabled by the operator, 2 deleted: the row stays because messages name it.
ALTER TABLE users ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN email TEXT;
CREATE UNIQUE INDEX users_email ON users (email);

-- What people sign in with, as a PHC string. Whoever has no row cannot sign in, only use a token.
CREATE TABLE credentials (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password TEXT NOT NULL
);

-- The day is counted from 1 January 1970; null as long as nobody has logged in with it.
ALTER TABLE tokens ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN last_used_day BIGINT;

-- A development server makes a bot of any unknown token. These are not unknown.
CREATE TABLE revoked_tokens (
    digest TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE invites (
    code TEXT NOT NULL PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    channel_id BIGINT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    inviter_id BIGINT REFERENCES users (id),
    created_at_ms BIGINT NOT NULL,
    max_age_s BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    temporary BOOLEAN NOT NULL
);

-- The operator's invites, with which a stranger may make an account.
CREATE TABLE sign_up_invites (
    code TEXT NOT NULL PRIMARY KEY,
    created_at_ms BIGINT NOT NULL,
    max_age_s BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    uses BIGINT NOT NULL
);

-- Members who go with their last session, unless they have a role by then.
CREATE TABLE temporary_members (
    guild_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (guild_id, user_id),
    FOREIGN KEY (guild_id, user_id) REFERENCES members (guild_id, user_id) ON DELETE CASCADE
);
