package main

import (
	"context"
	"sync"
	"time"

	pb "github.com/blackroad/realtime/examples/go/gen/blackroad/realtime/v1"
)

// kept is how long an answer that has ended is named again: its end may be lost, too.
const kept = 10 * time.Second

// answers are those in progress, and the stream that they are written to. What was said of each is
// kept, to say it again on the next stream: the server ignores what it has.
type answers struct {
	mu     sync.Mutex // only one goroutine at a time may send
	stream pb.StreamService_ServeClient
	all    map[string]*answer // by stream_id
}

type answer struct {
	of       *answers
	ctx      context.Context // done when the answer is to stop
	stop     context.CancelCauseFunc
	streamID string
	attempt  uint32
	said     []*pb.ServeRequest
}

// begin registers on a new stream, with all answers that are in progress; it returns what sends.
func (a *answers) begin(stream pb.StreamService_ServeClient, register *pb.Register) func(*pb.ServeRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stream = stream
	for _, each := range a.all {
		register.Resumed = append(register.Resumed,
			&pb.ResumedInvocation{StreamId: each.streamID, Attempt: each.attempt})
	}
	a.send(&pb.ServeRequest{Frame: &pb.ServeRequest_Register{Register: register}})
	for _, each := range a.all {
		for _, request := range each.said {
			a.send(request)
		}
	}
	return func(request *pb.ServeRequest) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.send(request)
	}
}

func (a *answers) send(request *pb.ServeRequest) {
	_ = a.stream.Send(request) // Recv tells why it failed
}

func (a *answers) add(ctx context.Context, asked *pb.ServeResponse) *answer {
	ctx, stop := context.WithCancelCause(ctx)
	added := &answer{of: a, ctx: ctx, stop: stop, streamID: asked.StreamId, attempt: asked.Attempt}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[added.streamID] = added
	return added
}

func (a *answers) stop(streamID string, cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found := a.all[streamID]; found != nil {
		found.stop(cause)
	}
}

// forget drops an answer that has ended, unless another attempt of it is here.
func (a *answers) forget(ended *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ended.stop(nil)
	if a.all[ended.streamID] == ended {
		delete(a.all, ended.streamID)
	}
}

// say sends a frame about the answer, now or on the next stream.
func (a *answer) say(request *pb.ServeRequest) {
	request.StreamId, request.Attempt = a.streamID, a.attempt
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.said = append(a.said, request)
	a.of.send(request)
}
