//! Progress output: a bar during the requests, and the traffic of each host after them. On standard error only; the
//! report is not affected.

use std::convert::Infallible;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, interval_at};

use crate::registry::{Client, HostTraffic, Progress};

/// A run that is over before this time shows no bar.
const PATIENCE: Duration = Duration::from_millis(300);
/// The time between two drawings.
const PERIOD: Duration = Duration::from_millis(100);
/// A host that answers sooner is not named.
const SLOW: Duration = Duration::from_secs(1);

/// Does the work, under a bar that is gone when it is done.
pub(super) async fn under_bar<T>(progress: &Progress, client: &Client, work: impl Future<Output = T>) -> T {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {pos}/{len} images {wide_msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let done = tokio::select! {
        biased;
        done = work => done,
        never = draw(&bar, progress, client) => match never {},
    };
    bar.finish_and_clear();
    done
}

async fn draw(bar: &ProgressBar, progress: &Progress, client: &Client) -> Infallible {
    let mut ticks = interval_at(Instant::now() + PATIENCE, PERIOD);
    loop {
        ticks.tick().await;
        if let Some((done, total)) = progress.seen() {
            bar.set_length(total as u64);
            bar.set_message(waiting_for(client.slowest()));
            bar.set_position(done as u64);
        }
    }
}

fn waiting_for(slowest: Option<(String, Duration)>) -> String {
    match slowest {
        Some((host, waited)) if waited >= SLOW => format!("waiting for {host} ({} s)", waited.as_secs()),
        _ => String::new(),
    }
}

/// `ghcr.io:443: 12 requests, 1 retry, 3.20 s in all, the slowest 1.10 s`.
pub(super) fn traffic_line(host: &HostTraffic) -> String {
    let requests = counted(host.requests, "request", "requests");
    let retries = counted(host.retries, "retry", "retries");
    let [total, slowest] = [host.total, host.slowest].map(|time| time.as_secs_f64());
    let stopped = host.stopped.as_ref().map(|why| format!("; given up: {why}")).unwrap_or_default();
    format!("{}: {requests}, {retries}, {total:.2} s in all, the slowest {slowest:.2} s{stopped}", host.host)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_traffic_is_printed_on_one_line() {
        let mut host = HostTraffic {
            host: "ghcr.io:443".to_owned(),
            requests: 12,
            retries: 1,
            total: Duration::from_millis(3204),
            slowest: Duration::from_millis(1100),
            stopped: None,
        };
        assert_eq!(traffic_line(&host), "ghcr.io:443: 12 requests, 1 retry, 3.20 s in all, the slowest 1.10 s");
        host.stopped = Some("503 Service Unavailable".to_owned());
        assert!(traffic_line(&host).ends_with("; given up: 503 Service Unavailable"));
    }

    #[test]
    fn progress_names_only_a_slow_host() {
        assert_eq!(waiting_for(None), "");
        assert_eq!(waiting_for(Some(("ghcr.io:443".to_owned(), Duration::from_millis(900)))), "");
        let slow = Some(("ghcr.io:443".to_owned(), Duration::from_millis(2900)));
        assert_eq!(waiting_for(slow), "waiting for ghcr.io:443 (2 s)");
    }
}
