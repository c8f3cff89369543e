package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "github.com/blackroad/realtime/examples/go/gen/blackroad/realtime/v1"
)

var (
	errCancelled  = errors.New("a viewer has cancelled the answer")
	errSuperseded = errors.New("another worker has taken over")
)

// serve takes invocations until the stream ends, with at most 8 at a time. When ctx is done it
// takes no more, finishes what it has, and the server ends the stream. Answers outlive the stream
// that brought them: the next one names them and goes on.
func (a *agent) serve(ctx context.Context) (retryAfter time.Duration, err error) {
	outlives := context.WithoutCancel(ctx)
	streamCtx, cancel := context.WithCancel(outlives)
	defer cancel()
	stream, err := a.streams.Serve(streamCtx)
	if err != nil {
		return 0, err
	}
	send := a.answers.begin(stream, &pb.Register{
		Agent:          a.name,
		Capabilities:   []string{"greeting"},
		MaxConcurrency: 8,
	})
	defer context.AfterFunc(ctx, func() {
		send(&pb.ServeRequest{Frame: &pb.ServeRequest_Drain{Drain: &pb.Drain{}}})
	})()
	for {
		response, err := stream.Recv()
		if err != nil {
			return retryAfter, err
		}
		switch frame := response.Frame.(type) {
		case *pb.ServeResponse_Registered:
			say("serving %s", strings.Join(frame.Registered.Serves, ", "))
		case *pb.ServeResponse_Invocation:
			go a.answer(a.answers.add(outlives, response), question(frame.Invocation))
		case *pb.ServeResponse_Cancel:
			a.answers.stop(response.StreamId, errCancelled)
		case *pb.ServeResponse_Superseded:
			a.answers.stop(response.StreamId, errSuperseded)
		case *pb.ServeResponse_Rejected:
			if response.StreamId == "" {
				return 0, refused(frame.Rejected)
			}
		case *pb.ServeResponse_Closing:
			retryAfter = frame.Closing.RetryAfter.AsDuration()
		}
	}
}

// answer says some words. A cancel is confirmed by FinishInvocation; where another worker has taken
// over, nothing more is said.
func (a *agent) answer(to *answer, text string) {
	say("answering %q", text)
	err := speak(to, fmt.Sprintf("Hello from Go. Events heard: %d. You said: %s", a.heard.Load(), text))
	if err != errSuperseded {
		finish := &pb.FinishInvocation{Cancelled: err != nil}
		to.say(&pb.ServeRequest{Frame: &pb.ServeRequest_Finish{Finish: finish}})
	}
	time.AfterFunc(kept, func() { a.answers.forget(to) })
}

// speak makes one chunk of each word, as fast as a model; it returns why it was stopped.
func speak(to *answer, text string) error {
	for i, word := range strings.SplitAfter(text, " ") {
		select {
		case <-to.ctx.Done():
			return context.Cause(to.ctx)
		case <-time.After(50 * time.Millisecond):
			chunk := &pb.Chunk{Index: uint64(i + 1), Part: &pb.Chunk_Text{Text: word}}
			to.say(&pb.ServeRequest{Frame: &pb.ServeRequest_Chunk{Chunk: chunk}})
		}
	}
	return nil
}

// question is the text of the last message.
func question(invocation *pb.Invocation) string {
	var text strings.Builder
	if turns := invocation.Messages; len(turns) > 0 {
		for _, part := range turns[len(turns)-1].Parts {
			text.WriteString(part.GetText())
		}
	}
	return text.String()
}
