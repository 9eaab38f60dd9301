//! Many rows.

use std::time::Duration;

use super::old_server::{OldServer, TASKS};

/// The most memory that the process has had, in KiB.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "takes long, it copies 300,000 tasks: `make test-all`"]
async fn many_tasks_are_adopted_in_bounded_memory() {
    let old = OldServer::with(&format!(
        "{TASKS} insert into public.tasks
         select n, 'user ' || n % 1000, 'task ' || n, repeat('d', 800), n % 3 = 0, now(), now() from generate_series(1, 300000) n"
    ))
    .await;

    let program = old.adopt("public.tasks", &[]).start();
    let process = program.id();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let watch = tokio::spawn(async move {
        let mut peak = 0;
        while stopped.try_recv().is_err() {
            peak = peak.max(peak_memory(process).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        peak
    });
    let ended = program.ended().await;
    let _ = stop.send(());

    assert!(ended.out.contains("copied    300000 tasks"), "{ended:?}");
    let peak = watch.await.expect("a watch");
    assert!((1..64 * 1024).contains(&peak), "{peak} KiB");
}
