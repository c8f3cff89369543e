package main

import (
	"context"
	"time"

	pb "github.com/blackroad/realtime/examples/go/gen/blackroad/realtime/v1"
)

// follow prints the events of the pattern until the stream ends. It goes on after the newest
// cursor, so the next stream brings what was missed, or says that something is lost.
func (a *agent) follow(ctx context.Context) (retryAfter time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := a.channels.Connect(ctx)
	if err != nil {
		return 0, err
	}
	subscribe := &pb.Subscribe{Channel: a.pattern}
	if a.cursor != "" {
		subscribe.Start = &pb.Subscribe_Cursor{Cursor: a.cursor}
	}
	// An error of Send is io.EOF only; Recv tells the reason.
	_ = stream.Send(&pb.ConnectRequest{Frame: &pb.ConnectRequest_Subscribe{Subscribe: subscribe}})
	for {
		response, err := stream.Recv()
		if err != nil {
			return retryAfter, err
		}
		switch frame := response.Frame.(type) {
		case *pb.ConnectResponse_Subscribed:
			a.subscribed(frame.Subscribed)
		case *pb.ConnectResponse_Delivery:
			for _, event := range frame.Delivery.Events {
				a.hear(event)
			}
		case *pb.ConnectResponse_CaughtUp:
			a.cursor = frame.CaughtUp.Cursor
		case *pb.ConnectResponse_Bookmark:
			a.cursor = frame.Bookmark.Cursor
		case *pb.ConnectResponse_Gap:
			a.lost(frame.Gap.Reason)
			a.cursor = frame.Gap.Cursor
		case *pb.ConnectResponse_Rejected:
			return 0, refused(frame.Rejected)
		case *pb.ConnectResponse_Closing:
			retryAfter = frame.Closing.RetryAfter.AsDuration()
		}
	}
}

func (a *agent) subscribed(subscribed *pb.Subscribed) {
	switch {
	case subscribed.Recovered == nil:
		say("following %s", a.pattern)
	case *subscribed.Recovered:
		say("following %s: recovered, nothing is missing", a.pattern)
	default:
		a.lost(subscribed.GetGap())
	}
	a.cursor = subscribed.Cursor
}

func (a *agent) lost(reason pb.GapReason) {
	say("following %s: events are missing (%v): load the state anew", a.pattern, reason)
}

func (a *agent) hear(event *pb.Event) {
	body := event.GetText()
	if body == "" {
		body = event.GetJson()
	}
	say("%s#%d %s: %s", event.Channel, event.Offset, event.Sender, body)
	a.heard.Add(1)
	a.cursor = event.Cursor
}
