//! Interactions that run: who used what, whether its application has answered, and until when it may.
//!
//! Sans-IO: time comes from outside. [`Interactions`] is the same behind a lock, with a bell for the task that keeps
//! its time.

mod ephemeral;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::Notify;
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ApplicationId, ChannelId, GuildId, InteractionId, MessageId, UserId};
use voxhall_protocol::model::{CommandKind, CommandOptionKind, InteractionKind};

pub(crate) use ephemeral::EphemeralMessages;

/// How long an application may take for its first answer.
pub(crate) const FIRST_ANSWER: Duration = Duration::from_secs(3);

/// How long an interaction's token is good.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// How many interactions of one account are kept at once.
const MOST_OF_USER: usize = 500;

/// What somebody did, as far as answers to it need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    pub(crate) id: InteractionId,
    pub(crate) kind: InteractionKind,
    pub(crate) application: ApplicationId,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) guild: Option<GuildId>,
    /// The session that hears what becomes of it; all of the account's, if none.
    pub(crate) session: Option<String>,
    /// What the client calls it.
    pub(crate) nonce: Option<Value>,
    /// The command that was used, with its subcommands.
    pub(crate) command: Option<(String, CommandKind)>,
    /// The message that the component belongs to that was used, or that led to the form.
    pub(crate) source: Option<MessageId>,
    /// What the option takes that is being typed.
    pub(crate) completes: Option<CommandOptionKind>,
}

/// What came of the first answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct FirstAnswer {
    /// The message that `@original` stands for.
    pub(crate) original: Option<MessageId>,
    /// It is still being written, so the next one takes its place.
    pub(crate) deferred: bool,
    /// The form that may be sent.
    pub(crate) form: Option<Value>,
}

/// How far an interaction is.
#[derive(Debug, PartialEq)]
enum Phase {
    /// Nobody has answered.
    Waiting,
    /// It was answered, and what came of it.
    Answered(FirstAnswer),
}

#[derive(Debug)]
struct Entry {
    running: Running,
    token: Token,
    begun: Instant,
    phase: Phase,
    /// The messages that were made by the token.
    messages: BTreeSet<MessageId>,
}

impl Entry {
    /// When something is to be done about it.
    fn due(&self) -> Instant {
        let answered = self.phase != Phase::Waiting;
        // What was offered for an option is no message that could be edited.
        if answered && self.running.kind != InteractionKind::Autocomplete {
            self.begun + TOKEN_LIFE
        } else {
            self.begun + FIRST_ANSWER
        }
    }
}

/// Why an interaction cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is none, or its time is over.
    Unknown,
    /// It has its first answer.
    Acknowledged,
}

/// An account has too many interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The interactions that run.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    entries: HashMap<InteractionId, Entry>,
    due: BTreeSet<(Instant, InteractionId)>,
    of_user: HashMap<UserId, usize>,
}

impl Desk {
    /// Somebody has done something. `secret` makes the token.
    pub(crate) fn begin(
        &mut self,
        running: Running,
        secret: &[u8; 32],
        now: Instant,
    ) -> Result<Token, TooMany> {
        let count = self.of_user.entry(running.user).or_default();
        if *count >= MOST_OF_USER {
            return Err(TooMany);
        }
        *count += 1;
        let token = token(running.id, secret);
        let entry = Entry {
            running,
            token: token.clone(),
            begun: now,
            phase: Phase::Waiting,
            messages: BTreeSet::new(),
        };
        let id = entry.running.id;
        self.due.insert((entry.due(), id));
        self.entries.insert(id, entry);
        Ok(token)
    }

    /// An interaction that waits for its first answer.
    pub(crate) fn waiting(
        &self,
        id: InteractionId,
        token: &Token,
        now: Instant,
    ) -> Result<&Running, Refusal> {
        let entry = self.entry(token, now).filter(|entry| entry.running.id == id);
        let entry = entry.ok_or(Refusal::Unknown)?;
        match entry.phase {
            Phase::Waiting => Ok(&entry.running),
            Phase::Answered(_) => Err(Refusal::Acknowledged),
        }
    }

    /// The first answer has come.
    pub(crate) fn acknowledge(
        &mut self,
        id: InteractionId,
        token: &Token,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.waiting(id, token, now)?;
        self.change(id, |entry| entry.phase = Phase::Answered(FirstAnswer::default()));
        Ok(())
    }

    /// Notes what came of the first answer.
    pub(crate) fn note_first(&mut self, id: InteractionId, first: FirstAnswer) {
        self.change(id, |entry| {
            entry.messages.extend(first.original);
            entry.phase = Phase::Answered(first);
        });
    }

    /// Notes a message that followed.
    pub(crate) fn note_message(&mut self, id: InteractionId, message: MessageId) {
        self.change(id, |entry| {
            entry.messages.insert(message);
        });
    }

    /// A message is no longer being written, or gone.
    pub(crate) fn note_written(&mut self, id: InteractionId, message: MessageId) {
        self.change(id, |entry| {
            if let Phase::Answered(first) = &mut entry.phase
                && first.original == Some(message)
            {
                first.deferred = false;
            }
        });
    }

    /// The interaction of a token, and what came of it, if it was answered.
    pub(crate) fn find(&self, token: &Token, now: Instant) -> Option<(&Running, Option<&FirstAnswer>)> {
        let entry = self.entry(token, now)?;
        let first = match &entry.phase {
            Phase::Waiting => None,
            Phase::Answered(first) => Some(first),
        };
        Some((&entry.running, first))
    }

    /// Whether a message was made by an interaction's token.
    pub(crate) fn made(&self, id: InteractionId, message: MessageId) -> bool {
        self.entries
            .get(&id)
            .is_some_and(|entry| entry.messages.contains(&message))
    }

    /// The form that an account may send, with the interaction that it answers.
    pub(crate) fn form(&self, id: InteractionId, user: UserId, now: Instant) -> Option<(&Running, &Value)> {
        let entry = self.entries.get(&id).filter(|entry| now < entry.due())?;
        match &entry.phase {
            Phase::Answered(FirstAnswer { form: Some(form), .. }) if entry.running.user == user => {
                Some((&entry.running, form))
            }
            _ => None,
        }
    }

    /// A form was sent, which happens once.
    pub(crate) fn form_sent(&mut self, id: InteractionId) {
        self.change(id, |entry| {
            if let Phase::Answered(first) = &mut entry.phase {
                first.form = None;
            }
        });
    }

    /// When something is to be done.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Forgets those whose time is over. Gives those that nobody has answered.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Running> {
        let mut unanswered = Vec::new();
        while let Some((due, id)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            let Some(entry) = self.entries.remove(&id) else {
                continue;
            };
            if let Some(count) = self.of_user.get_mut(&entry.running.user) {
                *count -= 1;
                if *count == 0 {
                    self.of_user.remove(&entry.running.user);
                }
            }
            if entry.phase == Phase::Waiting {
                unanswered.push(entry.running);
            }
        }
        unanswered
    }

    fn entry(&self, token: &Token, now: Instant) -> Option<&Entry> {
        let (id, _) = token.expose().split_once(SEPARATOR)?;
        let entry = self.entries.get(&id.parse().ok()?)?;
        let known = entry.token.expose().as_bytes();
        // In constant time, or the answer's delay would spell the token out.
        aws_lc_rs::constant_time::verify_slices_are_equal(token.expose().as_bytes(), known).ok()?;
        (now < entry.due()).then_some(entry)
    }

    fn change(&mut self, id: InteractionId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.due.remove(&(entry.due(), id));
            change(entry);
            self.due.insert((entry.due(), id));
        }
    }
}

/// Stands in a token between the interaction's id and what nobody can guess.
const SEPARATOR: char = '.';

fn token(id: InteractionId, secret: &[u8; 32]) -> Token {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    Token::new(format!("{id}{SEPARATOR}{secret}"))
}

/// The interactions that run, for those who share them.
#[derive(Debug, Default)]
pub(crate) struct Interactions {
    desk: Mutex<Desk>,
    ephemeral: Mutex<EphemeralMessages>,
    /// Something is due at another time.
    pub(crate) changed: Notify,
}

impl Interactions {
    /// The interactions. Never hold it across an await, nor while another lock is taken.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }

    /// The messages that only one account sees. Never hold it across an await, nor while another lock is taken.
    pub(crate) fn ephemeral(&self) -> MutexGuard<'_, EphemeralMessages> {
        self.ephemeral.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: UserId = UserId(1);
    const MILLI: Duration = Duration::from_millis(1);

    fn running(id: u64, kind: InteractionKind) -> Running {
        Running {
            id: InteractionId(id),
            kind,
            application: ApplicationId(9),
            user: USER,
            channel: ChannelId(3),
            guild: None,
            session: None,
            nonce: None,
            command: None,
            source: None,
            completes: None,
        }
    }

    fn begun(id: u64, kind: InteractionKind, now: Instant) -> (Desk, Token) {
        let mut desk = Desk::default();
        let token = desk.begin(running(id, kind), &[7; 32], now).unwrap();
        (desk, token)
    }

    #[test]
    fn what_is_not_answered_in_time_is_told_once_and_then_unknown() {
        let start = Instant::now();
        let (mut desk, token) = begun(5, InteractionKind::ApplicationCommand, start);
        let id = InteractionId(5);
        assert_eq!(desk.next(), Some(start + FIRST_ANSWER));
        assert_eq!(desk.expire(start + FIRST_ANSWER - MILLI), []);
        assert!(desk.waiting(id, &token, start + FIRST_ANSWER - MILLI).is_ok());
        // Late, although nobody has looked at the clock yet.
        assert_eq!(
            desk.acknowledge(id, &token, start + FIRST_ANSWER),
            Err(Refusal::Unknown)
        );
        assert_eq!(desk.expire(start + FIRST_ANSWER).len(), 1);
        assert_eq!(desk.expire(start + TOKEN_LIFE), []);
        assert_eq!(desk.next(), None);
    }

    #[test]
    fn a_token_is_answered_once_and_good_for_a_quarter_of_an_hour() {
        let start = Instant::now();
        let (mut desk, token) = begun(5, InteractionKind::ApplicationCommand, start);
        let id = InteractionId(5);
        assert_eq!(
            desk.find(&token, start).unwrap().1,
            None,
            "it was not answered yet"
        );
        desk.acknowledge(id, &token, start).unwrap();
        assert_eq!(desk.acknowledge(id, &token, start), Err(Refusal::Acknowledged));
        let first = FirstAnswer {
            original: Some(MessageId(8)),
            ..FirstAnswer::default()
        };
        desk.note_first(id, first.clone());
        desk.note_message(id, MessageId(9));
        assert!(desk.made(id, MessageId(8)) && desk.made(id, MessageId(9)) && !desk.made(id, MessageId(10)));
        assert_eq!(desk.expire(start + FIRST_ANSWER), []);
        let last = start + TOKEN_LIFE - MILLI;
        assert_eq!(desk.find(&token, last).unwrap().1, Some(&first));
        assert!(desk.find(&token, start + TOKEN_LIFE).is_none());
        assert_eq!(desk.expire(start + TOKEN_LIFE), [], "it was answered");
        assert!(!desk.made(id, MessageId(8)), "and is forgotten");
    }

    #[test]
    fn only_the_whole_token_opens() {
        let start = Instant::now();
        let (desk, token) = begun(5, InteractionKind::ApplicationCommand, start);
        let id = InteractionId(5);
        let text = token.expose();
        for wrong in [
            "",
            "5",
            "5.",
            &text[..text.len() - 1],
            &format!("6{}", &text[1..]),
            &format!("{text}0"),
        ] {
            let wrong = Token::from(wrong);
            assert_eq!(
                desk.waiting(id, &wrong, start),
                Err(Refusal::Unknown),
                "{wrong:?}"
            );
        }
        assert_eq!(
            desk.waiting(InteractionId(6), &token, start),
            Err(Refusal::Unknown)
        );
    }

    #[test]
    fn an_account_can_have_so_many_until_some_are_forgotten() {
        let start = Instant::now();
        let mut desk = Desk::default();
        for id in 0..MOST_OF_USER as u64 {
            desk.begin(running(id, InteractionKind::Autocomplete), &[0; 32], start)
                .unwrap();
        }
        let next = running(1 << 32, InteractionKind::Autocomplete);
        assert_eq!(desk.begin(next.clone(), &[0; 32], start), Err(TooMany));
        let other = Running {
            user: UserId(2),
            id: InteractionId(1 << 33),
            ..next.clone()
        };
        assert!(desk.begin(other, &[0; 32], start).is_ok());
        assert_eq!(desk.expire(start + FIRST_ANSWER).len(), MOST_OF_USER + 1);
        assert!(desk.begin(next, &[0; 32], start + FIRST_ANSWER).is_ok());
        assert_eq!(desk.of_user.len(), 1, "who has none is not counted");
    }

    #[test]
    fn what_was_offered_for_an_option_is_forgotten_soon() {
        let start = Instant::now();
        let (mut desk, token) = begun(5, InteractionKind::Autocomplete, start);
        desk.acknowledge(InteractionId(5), &token, start).unwrap();
        assert_eq!(desk.next(), Some(start + FIRST_ANSWER));
        assert_eq!(desk.expire(start + FIRST_ANSWER), []);
        assert_eq!(desk.next(), None);
    }

    #[test]
    fn a_form_is_sent_once_by_the_one_who_got_it() {
        let start = Instant::now();
        let (mut desk, token) = begun(5, InteractionKind::ApplicationCommand, start);
        let id = InteractionId(5);
        desk.acknowledge(id, &token, start).unwrap();
        let form = Some(Value::from("fields"));
        desk.note_first(
            id,
            FirstAnswer {
                form,
                ..FirstAnswer::default()
            },
        );
        assert!(desk.form(id, UserId(2), start).is_none());
        assert!(desk.form(id, USER, start).is_some());
        desk.form_sent(id);
        assert!(desk.form(id, USER, start).is_none());
    }
}
