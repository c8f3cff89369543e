// An agent in Go, made from the protos alone.
//
// It serves invocations under the name GOPHER, follows the pattern `orders.>`, and keeps both
// through lost connections.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	pb "github.com/blackroad/realtime/examples/go/gen/blackroad/realtime/v1"
)

//go:generate mkdir -p gen
//go:generate -command protos protoc -I ../../protos --go_opt=module=github.com/blackroad/realtime/gen --go-grpc_opt=module=github.com/blackroad/realtime/gen
//go:generate protos --go_out=gen --go-grpc_out=gen blackroad/realtime/v1/common.proto blackroad/realtime/v1/event.proto blackroad/realtime/v1/channel.proto blackroad/realtime/v1/stream.proto

type agent struct {
	name, pattern string
	channels      pb.ChannelServiceClient
	streams       pb.StreamServiceClient
	cursor        string       // where the follower stands; empty: it begins with what comes
	heard         atomic.Int64 // how many events it has heard
	answers       answers
}

func main() {
	conn, err := dial(cmp.Or(os.Getenv("BLACKROAD_CORE"), "127.0.0.1:50051"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if token := os.Getenv("BLACKROAD_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}

	a := &agent{
		name:     "GOPHER",
		pattern:  "orders.>",
		channels: pb.NewChannelServiceClient(conn),
		streams:  pb.NewStreamServiceClient(conn),
		answers:  answers{all: map[string]*answer{}},
	}
	var both sync.WaitGroup
	both.Go(func() { keep(ctx, "Connect", a.follow) })
	both.Go(func() { keep(ctx, "Serve", a.serve) })
	both.Wait()
}

func dial(core string) (*grpc.ClientConn, error) {
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay = 500 * time.Millisecond
	reconnect.MaxDelay = 5 * time.Second
	return grpc.NewClient(core,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // with TLS: credentials.NewTLS
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect}),
		// Finds out that the network is gone where nobody says so.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
	)
}

// say prints one whole line, whoever else prints.
func say(format string, values ...any) { fmt.Printf(format+"\n", values...) }
