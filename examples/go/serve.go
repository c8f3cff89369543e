package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	pb "github.com/blackroad/realtime/examples/go/gen/blackroad/realtime/v1"
)

var errCancelled = errors.New("a viewer has cancelled the answer")

// serve takes invocations until the stream ends, with at most 8 at a time. When ctx is done it
// takes no more, finishes what it has, and the server ends the stream.
func (a *agent) serve(ctx context.Context) (retryAfter time.Duration, err error) {
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := a.streams.Serve(streamCtx)
	if err != nil {
		cancel()
		return 0, err
	}
	var running sync.Map // stream_id: context.CancelCauseFunc
	var answers sync.WaitGroup
	defer answers.Wait()
	defer cancel()

	var writing sync.Mutex
	send := func(request *pb.ServeRequest) {
		writing.Lock()
		defer writing.Unlock()
		_ = stream.Send(request) // Recv tells why it failed
	}
	defer context.AfterFunc(ctx, func() {
		send(&pb.ServeRequest{Frame: &pb.ServeRequest_Drain{Drain: &pb.Drain{}}})
	})()
	send(&pb.ServeRequest{Frame: &pb.ServeRequest_Register{Register: &pb.Register{
		Agent:          a.name,
		Capabilities:   []string{"greeting"},
		MaxConcurrency: 8,
	}}})
	for {
		response, err := stream.Recv()
		if err != nil {
			return retryAfter, err
		}
		switch frame := response.Frame.(type) {
		case *pb.ServeResponse_Registered:
			say("serving %s", strings.Join(frame.Registered.Serves, ", "))
		case *pb.ServeResponse_Invocation:
			answerCtx, stop := context.WithCancelCause(streamCtx)
			running.Store(response.StreamId, stop)
			answers.Go(func() {
				defer running.Delete(response.StreamId)
				defer stop(nil)
				a.answer(answerCtx, response, send)
			})
		case *pb.ServeResponse_Cancel:
			stop(&running, response.StreamId, errCancelled)
		case *pb.ServeResponse_Superseded:
			stop(&running, response.StreamId, nil)
		case *pb.ServeResponse_Rejected:
			if response.StreamId == "" {
				return 0, refused(frame.Rejected)
			}
		case *pb.ServeResponse_Closing:
			retryAfter = frame.Closing.RetryAfter.AsDuration()
		}
	}
}

func stop(running *sync.Map, streamID string, cause error) {
	if found, ok := running.Load(streamID); ok {
		found.(context.CancelCauseFunc)(cause)
	}
}

// answer says some words. A cancel is confirmed by FinishInvocation; where the stream is lost or
// another worker has taken over, nothing more is said.
func (a *agent) answer(ctx context.Context, asked *pb.ServeResponse, send func(*pb.ServeRequest)) {
	text := question(asked.GetInvocation())
	say("answering %q", text)
	said := fmt.Sprintf("Hello from Go. Events heard: %d. You said: %s", a.heard.Load(), text)
	err := speak(ctx, said, func(chunk *pb.Chunk) {
		send(&pb.ServeRequest{
			StreamId: asked.StreamId,
			Attempt:  asked.Attempt,
			Frame:    &pb.ServeRequest_Chunk{Chunk: chunk},
		})
	})
	if err == nil || err == errCancelled {
		finish := &pb.FinishInvocation{Cancelled: err != nil}
		send(&pb.ServeRequest{
			StreamId: asked.StreamId,
			Attempt:  asked.Attempt,
			Frame:    &pb.ServeRequest_Finish{Finish: finish},
		})
	}
}

// speak makes one chunk of each word, as fast as a model; it returns why it was stopped.
func speak(ctx context.Context, text string, say func(*pb.Chunk)) error {
	for i, word := range strings.SplitAfter(text, " ") {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
			say(&pb.Chunk{Index: uint64(i + 1), Part: &pb.Chunk_Text{Text: word}})
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
