// Command proxyloop shows how a Kafka proxy that is written in Go asks the engine. What
// was there before is a loop that hands requests to a broker, and responses to the
// client; what is new is marked.
package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// serve is the loop of one connection.
func serve(g *gateway.Gateway, client, upstream net.Conn) error {
	host, err := relay.HostOf(client.RemoteAddr().String()) // as ACLs have it
	if err != nil {
		return err
	}
	conn := g.Conn(gateway.Client{Subject: snapshot.Subject{Principal: principal.Anonymous, Host: host}}) // new
	for {
		request, err := gateway.ReadFrame(client, gateway.DefaultMaxFrame)
		if err != nil {
			return err
		}
		plan, err := conn.Request(request) // new: what is allowed of it
		if err != nil {
			return err
		}
		var replies [][]byte
		for _, allowed := range plan.Forward() { // new: instead of request
			if _, err := upstream.Write(gateway.AppendFrame(nil, allowed)); err != nil {
				return err
			}
			if !plan.Silent {
				reply, err := gateway.ReadFrame(upstream, 1<<30)
				if err != nil {
					return err
				}
				replies = append(replies, reply)
			}
		}
		answer, err := plan.Response(replies...) // new: with what was refused
		if err == nil && answer != nil {
			_, err = client.Write(gateway.AppendFrame(nil, answer))
		}
		if err != nil || plan.Close { // new
			return err
		}
	}
}

func main() {
	cluster := must(kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "payroll")))
	listener := must(net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	store := snapshot.NewStore(snapshot.Config{})
	must(0, aclfile.Apply(store, "acls.txt", aclfile.ChecksumOptional))
	here := gateway.Broker{Host: "127.0.0.1", Port: int32(listener.Addr().(*net.TCPAddr).Port)} // of the one broker
	g := must(gateway.New(gateway.Config{Store: store, Cluster: topics{Cluster: cluster}, Address: func(gateway.Broker) (gateway.Broker, error) { return here, nil }}))
	go func() {
		for {
			client := must(listener.Accept())
			upstream := must(net.Dial("tcp", cluster.ListenAddrs()[0]))
			go func() { fmt.Fprintln(os.Stderr, serve(g, client, upstream), client.Close(), upstream.Close()) }()
		}
	}()
	client := must(kgo.NewClient(kgo.SeedBrokers(listener.Addr().String())))
	for _, topic := range []string{"orders", "payroll"} {
		err := client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
		fmt.Printf("%s: %v\n", topic, err)
	}
}

// topics says which topics there are: new requests name them by ids.
type topics struct {
	gateway.NoCluster // for all other questions
	*kfake.Cluster
}

func (topics) Provides() gateway.Facts { return gateway.TopicNames }

func (c topics) TopicName(id [16]byte) (string, bool) {
	info := cmp.Or(c.TopicIDInfo(id), &kfake.TopicInfo{})
	return info.Topic, info.Topic != ""
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
