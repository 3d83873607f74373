//! Who gets a session: op 2 and op 6.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use voxhall_protocol::gateway::{Capabilities, GatewayCloseCode, Identify, Intents, Resume, TokenKind};
use voxhall_protocol::ids::UserId;

use super::announce::platform_of;
use super::connection::Refusal;
use super::hub::{Profile, Seat, SessionCell};
use super::limit::SlidingWindow;
use super::outgoing::Outgoing;
use super::ready::Greeting;
use super::session::{ReplayLimits, ResumeError};
use super::socket::Dialect;
use crate::control::Core;
use crate::directory::{TokenDigest, User};
use crate::{Limits, clock};

/// From how many members on a guild is large, where the client does not say.
const LARGE_THRESHOLD: u32 = 50;

/// The time after which the count of a bot's sessions begins anew.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Identifies of bots, within the window and within a day.
#[derive(Debug, Default)]
pub(crate) struct IdentifyGate {
    seen: Mutex<HashMap<(UserId, u64), SlidingWindow>>,
    begun: Mutex<HashMap<UserId, Begun>>,
}

/// Sessions that a bot has begun.
#[derive(Debug, Clone, Copy)]
struct Begun {
    since: Instant,
    sessions: usize,
}

/// Sessions that a bot may still begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StartsLeft {
    /// How many.
    pub(crate) remaining: usize,
    /// When they are all there again.
    pub(crate) reset_after: Duration,
}

impl IdentifyGate {
    /// Counts one identify of a bot's shard; says whether there was room for it.
    fn admit(&self, now: Instant, limits: &Limits, user: UserId, shard: Option<[u32; 2]>) -> bool {
        let number = shard.map_or(0, |[number, _]| u64::from(number));
        let bucket = number % limits.max_concurrency.max(1);
        let mut seen = self.seen.lock();
        seen.retain(|_, window| !window.is_idle(now, limits.identify_window));
        let window = seen.entry((user, bucket)).or_default();
        window.admit(now, limits.identify_window, limits.identifies)
    }

    /// Counts one session of a bot; says whether there was room for it.
    fn begin(&self, now: Instant, limits: &Limits, user: UserId) -> bool {
        let mut begun = self.begun.lock();
        begun.retain(|_, begun| now.duration_since(begun.since) < DAY);
        let begun = begun.entry(user).or_insert(Begun {
            since: now,
            sessions: 0,
        });
        let free = begun.sessions < limits.session_starts;
        begun.sessions += usize::from(free);
        free
    }

    /// How many sessions a bot may still begin.
    pub(crate) fn left(&self, now: Instant, limits: &Limits, user: UserId) -> StartsLeft {
        let begun = self.begun.lock().get(&user).copied();
        let running = begun.filter(|begun| now.duration_since(begun.since) < DAY);
        running.map_or(
            StartsLeft {
                remaining: limits.session_starts,
                reset_after: Duration::ZERO,
            },
            |begun| StartsLeft {
                remaining: limits.session_starts.saturating_sub(begun.sessions),
                reset_after: DAY.saturating_sub(now.duration_since(begun.since)),
            },
        )
    }
}

impl Core {
    /// Op 2: begins a session and writes what it begins with.
    pub(crate) async fn identify(
        &self,
        dialect: &Dialect,
        identify: &Identify,
    ) -> Result<(Arc<SessionCell>, Arc<Seat>), Refusal> {
        let (_, token) = TokenKind::split(identify.token.expose());
        let account = self.authenticate(token).await?;
        let token = TokenDigest::of(token);
        let profile = profile(&account, token, identify)?;
        self.check_room(&account, &profile)?;
        let replay = ReplayLimits {
            events: self.config.limits.replay_events,
            bytes: self.config.limits.replay_bytes,
        };
        let cell = self.begin(dialect, &account, &profile, replay)?;
        self.announce(&cell, identify.presence.value()).await;
        let seat = cell.seat();
        Ok((cell, seat))
    }

    /// Opens a session and writes what it begins with.
    fn begin(
        &self,
        dialect: &Dialect,
        account: &User,
        profile: &Profile,
        replay: ReplayLimits,
    ) -> Result<Arc<SessionCell>, Refusal> {
        let world = self.directory.read();
        // Whoever revokes a token ends the sessions that it finds then; this one must not come behind that.
        if world.user_of_token(profile.token).is_none() {
            return Err(Refusal::Close(GatewayCloseCode::AuthenticationFailed));
        }
        let view = self.calls.view();
        let cell = self.hub.open(profile.clone(), replay, |session_id, session| {
            let greeting = Greeting {
                world: &world,
                view: &view,
                account,
                profile,
                session_id,
                version: dialect.version,
                gateway_url: &dialect.gateway_url,
                regions: self
                    .config
                    .regions
                    .iter()
                    .map(|region| region.id.clone())
                    .collect(),
            };
            for event in greeting.events() {
                session.greet(Arc::new(Outgoing::to_all(&event)));
            }
        });
        Ok(cell)
    }

    /// Op 6: takes up a session, also from a socket that still has it.
    pub(crate) fn resume(&self, resume: &Resume) -> Result<(Arc<SessionCell>, Arc<Seat>), Refusal> {
        let (_, token) = TokenKind::split(resume.token.expose());
        let token = TokenDigest::of(token);
        let owner = self.directory.read().user_of_token(token).map(|user| user.id);
        if owner.is_none_or(|owner| self.hub.faults.has_expired(owner)) {
            return Err(Refusal::Close(GatewayCloseCode::AuthenticationFailed));
        }
        let session = self.hub.session(&resume.session_id);
        // With the token that it began with: when that is revoked, the session must end.
        let cell = session.filter(|cell| cell.profile.token == token);
        let cell = cell.ok_or(Refusal::InvalidSession)?;
        match cell.take_over(resume.seq.unwrap_or(0)) {
            Ok(seat) => {
                self.session_kept(&cell.id);
                Ok((cell, seat))
            }
            Err(ResumeError::Ahead) => Err(Refusal::Close(GatewayCloseCode::InvalidSeq)),
            Err(ResumeError::Lost) => Err(Refusal::InvalidSession),
        }
    }

    async fn authenticate(&self, token: &str) -> Result<User, Refusal> {
        match self.account_of(token).await {
            Ok(Some(account)) => Ok(account),
            Ok(None) => Err(Refusal::Close(GatewayCloseCode::AuthenticationFailed)),
            Err(error) => {
                tracing::error!(%error, "a client cannot log in");
                Err(Refusal::Close(GatewayCloseCode::UnknownError))
            }
        }
    }

    /// Whether there is room for one more session of the account.
    fn check_room(&self, account: &User, profile: &Profile) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        if !account.bot {
            let full = self.hub.sessions_of(account.id) >= limits.user_sessions;
            return if full {
                Err(Refusal::Close(GatewayCloseCode::TooManySessions))
            } else {
                Ok(())
            };
        }
        let held = {
            let world = self.directory.read();
            world
                .guilds_of(account.id)
                .filter(|guild| profile.holds_guild(guild.id))
                .count()
        };
        if held > limits.guilds_per_shard {
            return Err(Refusal::Close(GatewayCloseCode::ShardingRequired));
        }
        if !self
            .identifies
            .admit(clock::now(), limits, account.id, profile.shard)
        {
            return Err(Refusal::InvalidSession);
        }
        if !self.identifies.begin(clock::now(), limits, account.id) {
            tracing::info!(user = %account.id, "a bot has begun all sessions that it may begin in a day");
            return Err(Refusal::InvalidSession);
        }
        Ok(())
    }
}

/// Checks what the client says about itself.
fn profile(account: &User, token: TokenDigest, identify: &Identify) -> Result<Profile, Refusal> {
    if identify.shard.is_some_and(|[number, count]| number >= count) {
        return Err(Refusal::Close(GatewayCloseCode::InvalidShard));
    }
    let intents = identify.intents.unwrap_or_default();
    if account.bot {
        // Both versions this Gateway speaks ask bots for intents.
        let known = identify.intents.is_some() && Intents::ALL.contains(intents);
        if !known {
            return Err(Refusal::Close(GatewayCloseCode::InvalidIntents));
        }
        if !account.privileged_intents && !intents.intersection(Intents::PRIVILEGED).is_empty() {
            return Err(Refusal::Close(GatewayCloseCode::DisallowedIntents));
        }
    }
    Ok(Profile {
        user: account.id,
        token,
        bot: account.bot,
        intents,
        capabilities: identify.capabilities.unwrap_or(Capabilities::NONE),
        shard: identify.shard.filter(|_| account.bot),
        platform: platform_of(account.bot, &identify.properties),
        large_threshold: identify.large_threshold.unwrap_or(LARGE_THRESHOLD),
    })
}
