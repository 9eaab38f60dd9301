//! Stop signals: the first begins an orderly end, the second ends the program at once.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use tokio::sync::oneshot;

use super::Failure;

/// The exit status of a program that a second stop signal ends.
const INTERRUPTED: i32 = 1;

/// Resolves when the program is told to stop: SIGINT (ctrl-c), SIGTERM, or SIGHUP (its terminal was closed). A second
/// signal ends the program at once, even if the runtime does nothing any more: one thread counts them.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let watched =
        [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&number| number != SIGHUP || !is_ignored(SIGHUP));
    let mut signals = Signals::new(watched)?;
    let (first, told) = oneshot::channel();
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            let _ = first.send(());
        }
        if signals.next().is_some() {
            low_level::exit(INTERRUPTED);
        }
    })?;
    Ok(async move {
        let _ = told.await;
    })
}

/// Logs that a signal came. What it changes is changed before, so that whoever reads the line can rely on it.
pub(super) fn log_stop_signal() {
    tracing::info!("received a stop signal");
}

/// Whether the process that started this one made it ignore a signal, as `nohup` does with SIGHUP. Only Linux tells.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
