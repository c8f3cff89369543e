package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/blackroad/realtime/examples/go/gen/blackroad/realtime/v1"
)

const (
	leastPause = 500 * time.Millisecond
	mostPause  = 20 * time.Second
)

// keep runs a stream until ctx is done, again and again with full jitter in between. The stream
// returns why it ended, and how long the server asks to stay away. What waiting cannot mend ends
// the program.
func keep(ctx context.Context, rpc string, stream func(context.Context) (time.Duration, error)) {
	for ceiling := leastPause; ; ceiling = min(2*ceiling, mostPause) {
		began := time.Now()
		retryAfter, err := stream(ctx)
		if ctx.Err() != nil {
			return
		}
		switch status.Code(err) {
		case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument:
			log.Fatalf("%s: %v", rpc, err)
		}
		if time.Since(began) > mostPause { // it had worked
			ceiling = leastPause
		}
		pause := retryAfter + rand.N(ceiling)
		say("%s lost: %v; again in %v", rpc, err, pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// refused makes an error of a request that the server rejected.
func refused(rejected *pb.Rejected) error {
	if rejected.Retryable {
		return fmt.Errorf("%v: %s", rejected.Code, rejected.Message)
	}
	return status.Errorf(codes.InvalidArgument, "%v: %s", rejected.Code, rejected.Message)
}
