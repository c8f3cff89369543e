//! Follows a pattern, and goes on where it stood.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::keep::{Lost, request};
use crate::pb::channel_service_client::ChannelServiceClient;
use crate::pb::connect_response::Frame;
use crate::pb::subscribe::Start;
use crate::pb::{ConnectRequest, Event, GapReason, Subscribe, Subscribed, connect_request, event};

pub struct Follower {
    channels: ChannelServiceClient<Channel>,
    pattern: &'static str,
    cursor: Option<String>, // where it stands; without one it begins with what comes
    heard: Arc<AtomicU64>,
}

impl Follower {
    pub fn new(channel: Channel, pattern: &'static str, heard: Arc<AtomicU64>) -> Self {
        Self {
            channels: ChannelServiceClient::new(channel),
            pattern,
            cursor: None,
            heard,
        }
    }

    /// Prints events until the stream ends. A stream that begins with the newest cursor brings what
    /// was missed, or says that something is lost.
    pub async fn follow(&mut self, leaving: &CancellationToken) -> Result<(), Lost> {
        let subscribe = Subscribe {
            channel: self.pattern.into(),
            start: self.cursor.clone().map(Start::Cursor),
            ..Default::default()
        };
        let frame = connect_request::Frame::Subscribe(subscribe);
        let first = ConnectRequest {
            frame: Some(frame),
            ..Default::default()
        };
        // It ends when we have no more to say; deliveries go on.
        let call = self.channels.connect(request(tokio_stream::once(first))?);
        let mut responses = tokio::select! {
            answered = call => answered?.into_inner(),
            _ = leaving.cancelled() => return Ok(()),
        };
        loop {
            let response = tokio::select! {
                response = responses.next() => response,
                _ = leaving.cancelled() => return Ok(()),
            };
            let Some(response) = response else {
                return Ok(());
            };
            match response?.frame {
                Some(Frame::Subscribed(subscribed)) => self.subscribed(subscribed),
                Some(Frame::Delivery(delivery)) => {
                    delivery
                        .events
                        .into_iter()
                        .for_each(|event| self.hear(event));
                }
                Some(Frame::Gap(gap)) => {
                    self.lost(gap.reason());
                    self.cursor = Some(gap.cursor);
                }
                Some(Frame::CaughtUp(caught_up)) => self.cursor = Some(caught_up.cursor),
                Some(Frame::Bookmark(bookmark)) => self.cursor = Some(bookmark.cursor),
                Some(Frame::Rejected(rejected)) => return Err(rejected.into()),
                Some(Frame::Closing(closing)) => return Err(closing.into()),
                _ => {}
            }
        }
    }

    fn subscribed(&mut self, subscribed: Subscribed) {
        match subscribed.recovered {
            None => println!("following {}", self.pattern),
            Some(true) => println!("following {}: recovered, nothing is missing", self.pattern),
            Some(false) => self.lost(subscribed.gap()),
        }
        self.cursor = Some(subscribed.cursor);
    }

    fn lost(&self, reason: GapReason) {
        let reason = reason.as_str_name();
        println!(
            "following {}: events are missing ({reason}): load the state anew",
            self.pattern
        );
    }

    fn hear(&mut self, event: Event) {
        let body = match event.body {
            Some(event::Body::Text(text) | event::Body::Json(text)) => text,
            _ => String::new(),
        };
        println!(
            "{}#{} {}: {body}",
            event.channel, event.offset, event.sender
        );
        self.heard.fetch_add(1, Ordering::Relaxed);
        self.cursor = Some(event.cursor);
    }
}
