//! Keeps a stream: opens it again, with full jitter in between, until waiting cannot help.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use crate::pb;

const LEAST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(20);

/// Why a stream has ended, and how long the server asks to stay away.
pub struct Lost {
    pub status: Status,
    pub retry_after: Duration,
}

impl From<Status> for Lost {
    fn from(status: Status) -> Self {
        Self {
            status,
            retry_after: Duration::ZERO,
        }
    }
}

impl From<pb::Rejected> for Lost {
    /// Waiting helps where the request may succeed later.
    fn from(rejected: pb::Rejected) -> Self {
        let code = if rejected.retryable {
            Code::Unavailable
        } else {
            Code::InvalidArgument
        };
        Status::new(
            code,
            format!("{}: {}", rejected.code().as_str_name(), rejected.message),
        )
        .into()
    }
}

impl From<pb::Closing> for Lost {
    fn from(closing: pb::Closing) -> Self {
        let said = format!("{}: {}", closing.code().as_str_name(), closing.message);
        let after = closing.retry_after.and_then(|after| after.try_into().ok());
        Self {
            status: Status::unavailable(said),
            retry_after: after.unwrap_or_default(),
        }
    }
}

/// Runs a stream again and again until we leave; returns the status that waiting cannot mend.
pub async fn keep(
    rpc: &str,
    leaving: &CancellationToken,
    mut stream: impl AsyncFnMut() -> Result<(), Lost>,
) -> Result<(), Status> {
    let mut ceiling = LEAST;
    loop {
        let began = Instant::now();
        let lost = match stream().await {
            Ok(()) => Status::unavailable("the server ended the stream").into(),
            Err(lost) => lost,
        };
        if leaving.is_cancelled() {
            return Ok(());
        }
        if let Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument =
            lost.status.code()
        {
            return Err(lost.status);
        }
        if began.elapsed() > MOST {
            ceiling = LEAST; // it had worked
        }
        let pause = lost.retry_after + ceiling.mul_f64(fastrand::f64());
        println!(
            "{rpc} lost: {}; again in {} ms",
            lost.status.message(),
            pause.as_millis()
        );
        tokio::select! {
            _ = tokio::time::sleep(pause) => {}
            _ = leaving.cancelled() => return Ok(()),
        }
        ceiling = MOST.min(2 * ceiling);
    }
}

/// Makes a request that shows the token, where there is one.
pub fn request<T>(frames: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(frames);
    if let Ok(token) = std::env::var("BLACKROAD_TOKEN") {
        let bearer = MetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Status::invalid_argument("BLACKROAD_TOKEN is no token"))?;
        request.metadata_mut().insert("authorization", bearer);
    }
    Ok(request)
}
