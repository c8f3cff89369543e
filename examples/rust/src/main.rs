//! An agent in Rust, made from the protos alone.
//!
//! It serves invocations under the name RUST, follows the pattern `orders.>`, and keeps both
//! through lost connections.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

mod follow;
mod keep;
mod serve;

/// What the build makes of the protos.
#[allow(clippy::all, dead_code)]
mod pb {
    tonic::include_proto!("blackroad.realtime.v1");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let core = std::env::var("BLACKROAD_CORE").unwrap_or("127.0.0.1:50051".into());
    let channel = Endpoint::try_from(format!("http://{core}"))? // with TLS: https, and tls_config
        .connect_timeout(Duration::from_secs(10))
        // Finds out that the network is gone where nobody says so.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_lazy();

    let leaving = CancellationToken::new();
    tokio::spawn(leave_on_signal(leaving.clone()));

    let heard = Arc::new(AtomicU64::new(0));
    let mut follower = follow::Follower::new(channel.clone(), "orders.>", heard.clone());
    let server = serve::Server::new(channel, "RUST", heard);
    tokio::try_join!(
        keep::keep("Connect", &leaving, async || follower
            .follow(&leaving)
            .await),
        keep::keep("Serve", &leaving, async || server.serve(&leaving).await),
    )?;
    Ok(())
}

/// Leaves on the first signal; a second one ends the program at once.
async fn leave_on_signal(leaving: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    for _ in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if leaving.is_cancelled() {
            std::process::exit(130);
        }
        leaving.cancel();
    }
    Ok(())
}
