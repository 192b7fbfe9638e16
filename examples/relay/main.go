// Command relay is a Kafka proxy that is made of package relay. The brokers of the cluster are
// its arguments. It prints the address for clients, who need no login:
//
//	relay kafka-0:9092 kafka-1:9092
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	store := snapshot.NewStore(snapshot.Config{})
	must(0, aclfile.Apply(store, "acls.txt", aclfile.ChecksumOptional))
	cluster := must(relay.NewCluster(relay.Upstream{Brokers: os.Args[1:]}, nil))
	must(0, cluster.Refresh(ctx)) // which brokers there are
	ports := must(cluster.Listen(relay.PortsConfig{Address: "127.0.0.1:0"}))
	g := must(gateway.New(gateway.Config{Store: store, Address: ports.Address}))
	r := must(relay.New(cluster, relay.Limits{}))
	fmt.Println(ports.Bootstrap())

	go cluster.Run(ctx)
	ports.Serve(ctx, func(client net.Conn, node int32) {
		conn, err := r.Admit(client)
		if err != nil { // there are too many
			log.Println(err, client.Close())
			return
		}
		host := must(relay.HostOf(client.RemoteAddr().String()))
		who := relay.Known{Principal: principal.Anonymous, Host: host}
		go func() {
			if err := conn.Serve(context.Background(), relay.Client{Node: node, Gateway: g, Login: who}); !relay.Ended(err) {
				log.Println(err)
			}
		}()
	})
	r.Drain() // what is in progress
	r.Close()
	cluster.Close()
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
