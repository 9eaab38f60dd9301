//! Stop signals: the first begins an orderly end, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::future::select_all;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// The exit status of a program that a second stop signal ends.
const INTERRUPTED: i32 = 1;

/// Resolves when the program is told to stop: SIGINT (ctrl-c), SIGTERM, or SIGHUP (its terminal was closed). A second
/// signal ends the program at once, even if the runtime does nothing any more.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let stopping = Arc::new(AtomicBool::new(false));
    let mut signals = Vec::new();
    for number in [SIGINT, SIGTERM, SIGHUP] {
        if number == SIGHUP && is_ignored(SIGHUP) {
            continue;
        }
        // The actions run in this order: the first signal finds the flag unset, and then sets it.
        flag::register_conditional_shutdown(number, INTERRUPTED, stopping.clone())?;
        flag::register(number, stopping.clone())?;
        signals.push(signal(SignalKind::from_raw(number))?);
    }
    Ok(async move {
        select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
        tracing::info!("received a stop signal");
    })
}

/// Whether the process that started this one made it ignore a signal, as `nohup` does with SIGHUP. Only Linux tells.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
