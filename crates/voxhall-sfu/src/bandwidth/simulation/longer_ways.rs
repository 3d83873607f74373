//! Ways that become longer are not narrow.

use super::*;

fn longer(millis: u64, loss: f64, jitter: u64) -> Conditions {
    Conditions {
        loss,
        jitter: Duration::from_millis(jitter),
        ..wire(1 + millis)
    }
}

/// The estimates of the seconds after a way has become longer by so much.
fn after_a_step(seed: u64, rate: u64, way: Conditions) -> (u64, Vec<u64>) {
    let before = Conditions {
        jitter: way.jitter,
        ..wire(1)
    };
    let mut link = Link::new(seed, before, Source::Fixed(Bitrate::kilobits(rate)));
    link.run(10 * SECOND);
    let before = link.estimate();
    link.set_way_down(way);
    (before, link.watch(15 * SECOND))
}

#[test]
fn a_step_of_the_delay_with_a_little_loss_is_no_congestion() {
    for seed in 50..60 {
        for (rate, millis, jitter) in [
            (250, 100, 1),
            (600, 50, 5),
            (600, 100, 10),
            (1_500, 100, 5),
            (1_500, 400, 1),
        ] {
            let (before, after) = after_a_step(seed, rate, longer(millis, 0.02, jitter));
            let context = format!("seed {seed}, {rate} kbit/s, {millis} ms, {before}: {after:?}");
            assert!(
                after.iter().all(|estimate| *estimate > 8 * before / 10),
                "{context}"
            );
        }
    }
}

#[test]
fn a_step_back_is_none_either() {
    let mut link = Link::new(70, longer(100, 0.02, 1), Source::Fixed(Bitrate::kilobits(600)));
    link.run(10 * SECOND);
    for way in [longer(0, 0.02, 1), longer(100, 0.02, 1), longer(0, 0.0, 1)] {
        link.set_way_down(way);
        let after = link.watch(5 * SECOND);
        assert!(after.iter().all(|estimate| *estimate > 800), "{after:?}");
    }
}

#[test]
fn a_way_that_becomes_longer_and_narrow_is_narrow() {
    for (seed, queue) in [(80, 100), (81, 200), (82, 1_000)] {
        let mut link = wide_link(seed);
        link.set_way_down(Conditions {
            latency: Duration::from_millis(120),
            ..bottleneck(300, queue)
        });
        link.run(5 * SECOND);
        let found = link.watch(15 * SECOND);
        assert!(
            found.iter().all(|rate| (150..=345).contains(rate)) && (230..=310).contains(&mean(&found)),
            "queue of {queue} ms: {found:?}"
        );
    }
}
