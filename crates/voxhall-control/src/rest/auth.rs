//! Signing up, signing in and signing out.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use voxhall_edge::Peer;
use voxhall_protocol::Extra;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::rest::{ApiErrorCode, LoggedIn, Login, LoginSettings, Register, Registered};
use voxhall_protocol::{Password, Token};

use super::caller::{Caller, Presented};
use super::operation::{Input, Operation};
use super::reply::{Answer, Body, Created, Done, Failure, FieldFault, Json};
use super::route::{Routes, post};
use crate::attempts::{Origin, TooMany};
use crate::config::SignUpPolicy;
use crate::control::Core;
use crate::directory::{Admission, SignUp, Standing, Username};
use crate::passwords::PasswordHash;
use crate::{Error, clock, wall};

/// How many characters a password has.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=72;
/// How many characters the name shown has.
const GLOBAL_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=32;
/// The longest mail address, in bytes (RFC 5321, section 4.5.3.1.3).
const LONGEST_ADDRESS: usize = 254;
/// The longest label of a token, in characters.
const LONGEST_LABEL: usize = 100;

pub(super) fn api() -> Routes {
    Routes::new("accounts")
        .route("/auth/register", post(register, "Makes an account"))
        .route("/auth/login", post(login, "Signs in"))
        .route("/auth/logout", post(logout, "Signs out: revokes the token"))
}

/// Who speaks, as far as that is known before anybody has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stranger {
    origin: Origin,
    /// What the program calls itself.
    program: String,
}

impl FromRequestParts<Arc<Core>> for Stranger {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Core>) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<Peer>().map(|peer| peer.address.ip());
        let agent = parts.headers.get(USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("signed in");
        Ok(Self {
            origin: Origin::new(address),
            program: agent.chars().take(LONGEST_LABEL).collect(),
        })
    }
}

impl Input for Stranger {
    fn describe(_: &mut Operation<'_>) {}
}

impl From<TooMany> for Failure {
    fn from(TooMany { retry_after }: TooMany) -> Self {
        Self::too_many(retry_after)
    }
}

async fn register(
    State(core): State<Arc<Core>>,
    stranger: Stranger,
    Body(request): Body<Register>,
) -> Answer<Created<Registered>> {
    if core.config.sign_up == SignUpPolicy::Closed {
        return Err(Failure::forbidden(ApiErrorCode::FeatureDisabled));
    }
    let limits = &core.config.limits;
    core.attempts.sign_up(clock::now(), limits, stranger.origin)?;
    let wish = Wish::read(&request)?;
    let admission = admission(&core, request.invite.as_deref())?;
    let password = core.passwords.hash(request.password).await?;
    let new = SignUp {
        password: password.clone(),
        name: wish.name,
        global_name: wish.global_name,
        email: wish.email,
    };
    let made = core.directory.sign_up(new, &admission, wall::now_ms()).await;
    let (user, used) = made.map_err(taken)?;
    if let Some(used) = used {
        core.welcome(&used, user.id).await?;
    }
    let token = core
        .sign_in(user.id, &stranger.program, Some(&password))
        .await?
        .ok_or_else(Failure::unauthorized)?;
    Ok(Created(Registered {
        token,
        user_id: user.id,
        show_verification_form: false,
        extra: Extra::new(),
    }))
}

/// What a stranger wishes to be, checked.
struct Wish {
    name: Username,
    global_name: Option<String>,
    email: Option<String>,
}

impl Wish {
    /// Names every field that is wrong, so that a form can show them all at once.
    fn read(request: &Register) -> Answer<Self> {
        let mut faults = Vec::new();
        if request.consent == Some(false) {
            let why = "You must agree to the terms of the service.";
            faults.push(FieldFault::new("consent", "CONSENT_REQUIRED", why));
        }
        let name = username(&request.username).map_err(|fault| faults.push(fault));
        let global_name = request.global_name.as_deref().map(global_name).transpose();
        let global_name = global_name.map_err(|fault| faults.push(fault));
        let email = request.email.as_deref().map(address).transpose();
        let email = email.map_err(|fault| faults.push(fault));
        if let Err(fault) = check_password("password", &request.password) {
            faults.push(fault);
        }
        match (name, global_name, email) {
            (Ok(name), Ok(global_name), Ok(email)) if faults.is_empty() => Ok(Self {
                name,
                global_name,
                email,
            }),
            _ => Err(Failure::invalid_fields(faults)),
        }
    }
}

/// Reads a unique name.
pub(super) fn username(text: &str) -> Result<Username, FieldFault> {
    Username::parse(text).map_err(|bad| FieldFault::new("username", "USERNAME_INVALID", bad.to_string()))
}

/// Reads the name that is shown.
pub(super) fn global_name(text: &str) -> Result<String, FieldFault> {
    let name = text.trim();
    if GLOBAL_NAME_LENGTH.contains(&name.chars().count()) {
        return Ok(name.to_owned());
    }
    let why = "Must be between 1 and 32 in length.";
    Err(FieldFault::new("global_name", "BASE_TYPE_BAD_LENGTH", why))
}

/// Reads a mail address. Whether mail arrives there, nobody knows.
pub(super) fn address(text: &str) -> Result<String, FieldFault> {
    let address = text.trim().to_lowercase();
    let parts = address
        .rsplit_once('@')
        .filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let clean = !address
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control());
    if parts.is_some() && clean && address.len() <= LONGEST_ADDRESS {
        return Ok(address);
    }
    Err(FieldFault::new(
        "email",
        "EMAIL_TYPE_INVALID_EMAIL",
        "Not a well formed email address.",
    ))
}

/// Checks the length of a new password.
pub(super) fn check_password(field: &'static str, password: &Password) -> Result<(), FieldFault> {
    if PASSWORD_LENGTH.contains(&password.expose().chars().count()) {
        return Ok(());
    }
    let why = "Must be between 8 and 72 in length.";
    Err(FieldFault::new(field, "BASE_TYPE_BAD_LENGTH", why))
}

/// By which right a stranger comes.
fn admission(core: &Core, code: Option<&str>) -> Answer<Admission> {
    let fault = |code, message: &str| Failure::invalid_fields(vec![FieldFault::new("invite", code, message)]);
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        return match core.config.sign_up {
            SignUpPolicy::Open => Ok(Admission::Open),
            _ => Err(fault("BASE_TYPE_REQUIRED", "An invite is needed here.")),
        };
    };
    let world = core.directory.read();
    let now = wall::now_ms();
    if world.invite(code, now).is_some() {
        Ok(Admission::Guild(code.to_owned()))
    } else if world.sign_up_invite(code, now).is_some() {
        Ok(Admission::SignUp(code.to_owned()))
    } else {
        Err(unknown_invite())
    }
}

fn unknown_invite() -> Failure {
    let why = "This invite is unknown, or no longer good.";
    Failure::invalid_fields(vec![FieldFault::new("invite", "UNKNOWN_INVITE", why)])
}

/// What somebody else was faster with is a field that is wrong.
pub(super) fn taken(error: Error) -> Failure {
    let fault = match error {
        Error::Taken { what: "address" } => FieldFault::new(
            "email",
            "EMAIL_ALREADY_REGISTERED",
            "Email is already registered.",
        ),
        Error::Taken { .. } => {
            FieldFault::new("username", "USERNAME_ALREADY_TAKEN", "Username is unavailable.")
        }
        Error::Unknown { what: "invite" } => return unknown_invite(),
        other => return other.into(),
    };
    Failure::invalid_fields(vec![fault])
}

async fn login(
    State(core): State<Arc<Core>>,
    stranger: Stranger,
    Body(request): Body<Login>,
) -> Answer<Json<LoggedIn>> {
    let (user, stored) = {
        let world = core.directory.read();
        let user = world.user_of_login(&request.login).cloned();
        let stored = user.as_ref().and_then(|user| world.password_of(user.id)).cloned();
        (user, stored)
    };
    // Name and address of one account are one account.
    let account = match &user {
        Some(user) => user.id.to_string(),
        None => request.login.chars().take(LONGEST_ADDRESS).collect(),
    };
    core.attempts
        .sign_in(clock::now(), &core.config.limits, stranger.origin, &account)?;
    let right = core.passwords.verify(request.password, stored.clone()).await?;
    let user = user.filter(|_| right).ok_or_else(invalid_login)?;
    core.attempts.succeeded(&account);
    if user.standing != Standing::Active {
        let why = "This account is disabled.";
        return Err(Failure::invalid_fields(vec![FieldFault::new(
            "login",
            "ACCOUNT_DISABLED",
            why,
        )]));
    }
    // Whoever changes the password meanwhile means to keep this one out.
    let token = core
        .sign_in(user.id, &stranger.program, stored.as_ref())
        .await?
        .ok_or_else(invalid_login)?;
    Ok(Json(LoggedIn {
        user_id: user.id,
        token,
        user_settings: LoginSettings::default(),
        extra: Extra::new(),
    }))
}

/// One answer for an unknown account and a wrong password.
fn invalid_login() -> Failure {
    let fault = |field| FieldFault::new(field, "INVALID_LOGIN", "Login or password is invalid.");
    Failure::invalid_fields(vec![fault("login"), fault("password")])
}

async fn logout(State(core): State<Arc<Core>>, caller: Caller, Presented(token): Presented) -> Answer<Done> {
    match core.directory.revoke_token(caller.id(), token.id()).await {
        // Somebody was faster, and it is gone all the same.
        Ok(_) | Err(Error::Unknown { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    core.tokens_revoked(&[token]).await;
    Ok(Done)
}

impl Core {
    /// A new token for somebody who has shown who they are, with the password that was `verified` if with any; `None` if
    /// that is not their password any more, or the account not active. One too many revokes the oldest.
    pub(super) async fn sign_in(
        &self,
        user: UserId,
        label: &str,
        verified: Option<&PasswordHash>,
    ) -> Answer<Option<Token>> {
        let surplus: Vec<_> = {
            let world = self.directory.read();
            let tokens = world.tokens_of(user);
            let surplus = (tokens.len() + 1).saturating_sub(self.config.limits.tokens);
            tokens.iter().take(surplus).map(|(digest, _)| *digest).collect()
        };
        for digest in surplus {
            match self.directory.revoke_token(user, digest.id()).await {
                Ok(_) | Err(Error::Unknown { .. }) => self.tokens_revoked(&[digest]).await,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.directory.sign_in(user, label, verified).await?)
    }

    /// Checks the password of an account that is signed in already; attempts count like those to sign in.
    pub(super) async fn check_own_password(&self, user: UserId, given: Option<Password>) -> Answer<()> {
        let wrong = || {
            let why = "Password does not match.";
            Failure::invalid_fields(vec![FieldFault::new("password", "PASSWORD_DOES_NOT_MATCH", why)])
        };
        let given = given.ok_or_else(wrong)?;
        let account = user.to_string();
        self.attempts
            .password(clock::now(), &self.config.limits, &account)?;
        let stored = self.directory.read().password_of(user).cloned();
        if !self.passwords.verify(given, stored).await? {
            return Err(wrong());
        }
        self.attempts.succeeded(&account);
        Ok(())
    }
}
