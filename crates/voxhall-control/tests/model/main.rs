//! The control plane against a plain model: random sequences of what users, moderators and faults do, in virtual time.
//!
//! After each action everything is let settle, and then every session's picture, built from its events alone, must be
//! what the model says that it must have been told, and the records on the switchboard must be the model's. While the
//! events come, their order is checked.
//!
//! ```text
//! VOXHALL_SEEDS=5000 cargo nextest run -p voxhall-control --test model     # that many seeds
//! VOXHALL_SEED=42 cargo nextest run -p voxhall-control --test model        # this one
//! ```

mod actions;
mod board;
mod check;
mod client;
mod clock;
mod furnish;
mod model;
mod picture;
mod rights;
mod shrink;
mod streams;
mod town;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use actions::Action::{self, Connect, Die, Join, NodeLost, Resume, Rights};
use actions::{Flags, sequence};
use check::{Broken, Outcome};
use world::World;

/// How many seeds are tried where nobody says.
const SEEDS: u64 = 40;

/// Carries out a sequence; the number of the action after which something is wrong, and what.
fn run(actions: &[Action]) -> Result<(), (usize, Broken)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::start().await;
        for (number, action) in actions.iter().enumerate() {
            world.perform(*action).await.map_err(|broken| (number, broken))?;
        }
        Ok(())
    })
}

/// The same, where a panic of the server is a failure like others.
fn outcome(actions: &[Action]) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| run(actions))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err((number, broken))) => Err(Broken {
            detail: format!("after action {number}, {:?}: {}", actions[number], broken.detail),
            ..broken
        }),
        Err(_) => check::broken("nothing panics", "see above".to_owned()),
    }
}

/// What to say about a seed that fails.
fn report(seed: u64, broken: &Broken) -> String {
    let fails = |actions: &[Action]| outcome(actions).is_err_and(|it| it.rule == broken.rule);
    let shortest = shrink::shrink(&sequence(seed), fails);
    let detail = outcome(&shortest)
        .err()
        .map_or_else(|| broken.detail.clone(), |it| it.detail);
    let steps: Vec<String> = shortest
        .iter()
        .enumerate()
        .map(|(number, it)| format!("  {number:2} {it:?}"))
        .collect();
    format!(
        "seed {seed}: it does not hold that {}\n  {detail}\nThe shortest sequence that shows it:\n{}\n\
         Again: VOXHALL_SEED={seed} cargo nextest run -p voxhall-control --test model\n",
        broken.rule,
        steps.join("\n"),
    )
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

#[test]
fn the_control_plane_does_what_the_model_says() {
    let (first, count) = match number("VOXHALL_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("VOXHALL_SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    // One seed for each rule that does not hold.
    let failed: Mutex<BTreeMap<&str, (u64, Broken)>> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            if let Err(broken) = outcome(&sequence(seed)) {
                let mut failed = failed.lock().expect("no panic");
                failed.entry(broken.rule).or_insert((seed, broken));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("no panic");
    let reports: Vec<String> = failed
        .values()
        .map(|(seed, broken)| report(*seed, broken))
        .collect();
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

/// What seeds have found. Seeds mean other sequences when there are other actions; these stay.
#[test]
fn what_once_failed_holds() {
    let deaf = Flags {
        deaf: true,
        ..Flags::default()
    };
    let sequences = [
        // A server update that waits for a socket, for a state that another session has taken over since.
        vec![
            Connect((21, 0)),
            Connect((21, 1)),
            Join((21, 1), 3, deaf),
            Die((21, 1)),
            NodeLost(0),
            Join((21, 0), 1, deaf),
            Resume((21, 1)),
        ],
        // A call that goes on elsewhere, and a session that did not ask for calls.
        vec![
            Connect((1, 0)),
            Join((1, 0), 13, Flags::default()),
            Connect((1, 1)),
            NodeLost(0),
        ],
        // A log-in while no node is there to carry the call that the account is in.
        vec![
            Connect((12, 1)),
            NodeLost(1),
            Join((12, 1), 10, deaf),
            NodeLost(0),
            Connect((12, 0)),
        ],
        // A session takes up what it has missed, of a room that it does not see any more.
        vec![
            Connect((10, 0)),
            Connect((10, 1)),
            Die((10, 1)),
            Join((10, 0), 0, Flags::default()),
            Rights(0, true, 16_777_728),
            Resume((10, 1)),
        ],
    ];
    for sequence in sequences {
        assert_eq!(outcome(&sequence), Ok(()), "{sequence:?}");
    }
}
