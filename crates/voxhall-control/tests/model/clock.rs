//! Waiting without the clock running on.
//!
//! A paused clock jumps to the next timer whenever nothing can run. SQL runs on a thread of its own, so that would be
//! so while a query is under way. Whoever waits here keeps the runtime busy instead.

use std::pin::pin;

use futures_util::FutureExt as _;

/// Waits for something that does not need time to pass.
pub async fn awake<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Some(done) = future.as_mut().now_or_never() {
            return done;
        }
        tokio::task::yield_now().await;
        // The thread that SQL runs on needs a core too.
        std::thread::yield_now();
    }
}

/// Lets every task run that can.
pub async fn let_run() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}
