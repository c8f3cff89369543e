//! Serves invocations: takes them, answers them word by word, and stops where it is asked to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::keep::{Lost, request};
use crate::pb::serve_request::Frame;
use crate::pb::stream_service_client::StreamServiceClient;
use crate::pb::{Chunk, Drain, FinishInvocation, Invocation, Register, ServeRequest};
use crate::pb::{chunk, message_part, serve_response};

pub struct Server {
    streams: StreamServiceClient<Channel>,
    name: &'static str,
    heard: Arc<AtomicU64>,
}

impl Server {
    pub fn new(channel: Channel, name: &'static str, heard: Arc<AtomicU64>) -> Self {
        Self {
            streams: StreamServiceClient::new(channel),
            name,
            heard,
        }
    }

    /// Takes invocations until the stream ends, 8 at a time. When we leave it takes no more,
    /// finishes what it has, and the server ends the stream.
    pub async fn serve(&self, leaving: &CancellationToken) -> Result<(), Lost> {
        let (frames, outgoing) = mpsc::channel(64);
        send(&frames, Frame::Register(self.register())).await;
        let mut streams = self.streams.clone();
        let mut responses = streams
            .serve(request(ReceiverStream::new(outgoing))?)
            .await?
            .into_inner();

        let mut answers = JoinSet::new(); // dropped with this stream, and all that runs with it
        let mut running = HashMap::new();
        let mut drained = false;
        loop {
            let response = tokio::select! {
                response = responses.next() => response,
                Some(ended) = answers.join_next() => {
                    running.remove(&ended.unwrap_or_default());
                    continue;
                }
                _ = leaving.cancelled(), if !drained => {
                    drained = true;
                    send(&frames, Frame::Drain(Drain {})).await;
                    continue;
                }
            };
            let Some(response) = response else {
                return Ok(());
            };
            let response = response?;
            let stream_id = response.stream_id;
            match response.frame {
                Some(serve_response::Frame::Registered(registered)) => {
                    println!("serving {}", registered.serves.join(", "));
                }
                Some(serve_response::Frame::Invocation(invocation)) => {
                    let (stop, stopped) = oneshot::channel();
                    running.insert(stream_id.clone(), stop);
                    let heard = self.heard.load(Ordering::Relaxed);
                    let line = Line {
                        frames: frames.clone(),
                        stream_id,
                        attempt: response.attempt,
                    };
                    answers.spawn(answer(line, question(invocation), heard, stopped));
                }
                Some(serve_response::Frame::Cancel(_)) => {
                    running
                        .remove(&stream_id)
                        .map(|stop| stop.send(Stop::Cancelled));
                }
                Some(serve_response::Frame::Superseded(_)) => {
                    running
                        .remove(&stream_id)
                        .map(|stop| stop.send(Stop::Superseded));
                }
                Some(serve_response::Frame::Rejected(rejected)) if stream_id.is_empty() => {
                    return Err(rejected.into());
                }
                Some(serve_response::Frame::Closing(closing)) => return Err(closing.into()),
                _ => {}
            }
        }
    }

    fn register(&self) -> Register {
        Register {
            agent: self.name.into(),
            capabilities: vec!["greeting".into()],
            max_concurrency: 8,
            ..Default::default()
        }
    }
}

async fn send(frames: &mpsc::Sender<ServeRequest>, frame: Frame) {
    // It fails where the stream is gone; who reads it hears why.
    let _ = frames
        .send(ServeRequest {
            frame: Some(frame),
            ..Default::default()
        })
        .await;
}

enum Stop {
    Cancelled,
    Superseded,
}

/// Where the frames of one answer go.
struct Line {
    frames: mpsc::Sender<ServeRequest>,
    stream_id: String,
    attempt: u32,
}

impl Line {
    async fn send(&self, frame: Frame) {
        let stream_id = self.stream_id.clone();
        let request = ServeRequest {
            stream_id,
            attempt: self.attempt,
            frame: Some(frame),
            ..Default::default()
        };
        let _ = self.frames.send(request).await;
    }
}

/// Says some words, one chunk each. A cancel is confirmed by `FinishInvocation`; where another
/// worker has taken over, nothing more is said. Returns the answer's id.
async fn answer(
    line: Line,
    text: String,
    heard: u64,
    mut stopped: oneshot::Receiver<Stop>,
) -> String {
    println!("answering {text:?}");
    let said = format!("Hello from Rust. Events heard: {heard}. You said: {text}");
    let mut finish = FinishInvocation::default();
    for (word, index) in said.split_inclusive(' ').zip(1..) {
        tokio::select! {
            // As fast as a model speaks.
            _ = tokio::time::sleep(Duration::from_millis(50)) => {}
            Ok(stop) = &mut stopped => match stop {
                Stop::Cancelled => { finish.cancelled = true; break }
                Stop::Superseded => return line.stream_id,
            }
        }
        line.send(Frame::Chunk(Chunk {
            index,
            part: Some(chunk::Part::Text(word.into())),
        }))
        .await;
    }
    line.send(Frame::Finish(finish)).await;
    line.stream_id
}

/// The text of the last message.
fn question(invocation: Invocation) -> String {
    let last = invocation
        .messages
        .into_iter()
        .next_back()
        .unwrap_or_default();
    let parts = last.parts.into_iter().filter_map(|part| part.part);
    parts
        .filter_map(|part| {
            if let message_part::Part::Text(text) = part {
                Some(text)
            } else {
                None
            }
        })
        .collect()
}
