//! How often somebody may try to sign in or to make an account.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Limits;
use crate::gateway::limit::SlidingWindow;

/// How many windows are kept before those that have become idle are looked for.
const FIRST_SWEEP: usize = 1024;

/// Where attempts come from: an address of IPv4, or a network of IPv6, of which one person has 2⁶⁴ addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Origin(Option<IpAddr>);

impl Origin {
    /// The origin of a connection; those without an address share one.
    pub(crate) fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address => address,
        }))
    }
}

/// One more try is too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// How long to wait.
    pub(crate) retry_after: Duration,
}

/// Counts attempts.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    sign_ins: Mutex<Counted<Origin>>,
    /// By the name that was tried, whether there is such an account or not.
    accounts: Mutex<Counted<String>>,
    sign_ups: Mutex<Counted<Origin>>,
}

impl Attempts {
    /// Counts an attempt to sign in.
    ///
    /// # Errors
    /// [`TooMany`]; the password must not be looked at.
    pub(crate) fn sign_in(
        &self,
        now: Instant,
        limits: &Limits,
        origin: Origin,
        account: &str,
    ) -> Result<(), TooMany> {
        let (window, limit) = (limits.sign_in_window, limits.sign_ins);
        self.sign_ins.lock().admit(now, window, limit, origin)?;
        self.password(now, limits, account)
    }

    /// Counts an attempt at the password of an account.
    ///
    /// # Errors
    /// [`TooMany`]; the password must not be looked at.
    pub(crate) fn password(&self, now: Instant, limits: &Limits, account: &str) -> Result<(), TooMany> {
        let (window, limit) = (limits.sign_in_window, limits.sign_ins);
        self.accounts.lock().admit(now, window, limit, account.to_owned())
    }

    /// The password was right: what was tried for this account before counts no more.
    pub(crate) fn succeeded(&self, account: &str) {
        self.accounts.lock().windows.remove(account);
    }

    /// Counts an attempt to make an account.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn sign_up(&self, now: Instant, limits: &Limits, origin: Origin) -> Result<(), TooMany> {
        let (window, limit) = (limits.sign_up_window, limits.sign_ups);
        self.sign_ups.lock().admit(now, window, limit, origin)
    }
}

/// Windows by whom they count.
#[derive(Debug)]
struct Counted<K> {
    windows: HashMap<K, SlidingWindow>,
    sweep_at: usize,
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self {
            windows: HashMap::new(),
            sweep_at: FIRST_SWEEP,
        }
    }
}

impl<K: Eq + Hash> Counted<K> {
    fn admit(&mut self, now: Instant, window: Duration, limit: usize, key: K) -> Result<(), TooMany> {
        if self.windows.len() >= self.sweep_at {
            self.windows.retain(|_, times| !times.is_idle(now, window));
            // So that sweeping costs each attempt the same, however many there are.
            self.sweep_at = FIRST_SWEEP.max(self.windows.len() * 2);
        }
        let times = self.windows.entry(key).or_default();
        if times.admit(now, window, limit) {
            return Ok(());
        }
        Err(TooMany {
            retry_after: times.time_until_free(now, window),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            sign_ins: 2,
            sign_in_window: Duration::from_secs(10),
            ..Limits::default()
        }
    }

    fn from(text: &str) -> Origin {
        Origin::new(Some(text.parse().unwrap()))
    }

    #[test]
    fn an_account_is_guarded_wherever_attempts_come_from() {
        let (attempts, limits, now) = (Attempts::default(), limits(), Instant::now());
        attempts.sign_in(now, &limits, from("192.0.2.1"), "ada").unwrap();
        attempts.sign_in(now, &limits, from("192.0.2.2"), "ada").unwrap();
        let later = now + Duration::from_secs(3);
        let refused = attempts.sign_in(later, &limits, from("192.0.2.3"), "ada");
        assert_eq!(
            refused,
            Err(TooMany {
                retry_after: Duration::from_secs(7)
            })
        );
        attempts
            .sign_in(later, &limits, from("192.0.2.3"), "bob")
            .unwrap();
        attempts.succeeded("ada");
        attempts
            .sign_in(later, &limits, from("192.0.2.4"), "ada")
            .unwrap();
    }

    #[test]
    fn an_address_is_stopped_whichever_accounts_it_tries() {
        let (attempts, limits, now) = (Attempts::default(), limits(), Instant::now());
        for (address, account) in [("2001:db8::1", "a"), ("2001:db8::2", "b")] {
            attempts.sign_in(now, &limits, from(address), account).unwrap();
        }
        assert!(attempts.sign_in(now, &limits, from("2001:db8::3"), "c").is_err());
        attempts
            .sign_in(now, &limits, from("2001:db8:0:1::3"), "c")
            .unwrap();
        let later = now + limits.sign_in_window;
        attempts
            .sign_in(later, &limits, from("2001:db8::3"), "c")
            .unwrap();
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let mut counted = Counted::default();
        let (now, window) = (Instant::now(), Duration::from_secs(1));
        for key in 0..FIRST_SWEEP {
            counted.admit(now, window, 1, key).unwrap();
        }
        counted.admit(now + window, window, 1, FIRST_SWEEP).unwrap();
        assert_eq!(counted.windows.len(), 1);
    }
}
