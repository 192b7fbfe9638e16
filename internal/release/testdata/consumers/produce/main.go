package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func main() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(31921), kfake.SeedTopics(1, "orders"))
	if err != nil {
		panic(err)
	}
	defer cluster.Close()
	os.WriteFile("acls.txt", []byte("Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=*, patternType=LITERAL)`:\n\t(principal=User:*, host=*, operation=ALL, permissionType=ALLOW)\n"), 0o644)
	p := exec.Command(os.Args[1], "server", "--bootstrap-server-mapping", "127.0.0.1:31921,127.0.0.1:31200", "--default-listener-ip", "127.0.0.1", "--http-disable", "--acl-file", "acls.txt")
	p.Start()
	defer func() { p.Process.Kill(); p.Wait() }()
	time.Sleep(1500 * time.Millisecond)
	cl, _ := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:31200"), kgo.RecordDeliveryTimeout(12*time.Second), kgo.DisableIdempotentWrite())
	defer cl.Close()
	r, err := kmsg.NewPtrApiVersionsRequest().RequestWith(context.Background(), cl)
	for _, k := range r.ApiKeys {
		if k.ApiKey < 2 {
			fmt.Println(kmsg.NameForKey(k.ApiKey), k.MaxVersion)
		}
	}
	t := time.Now()
	fmt.Println(cl.ProduceSync(context.Background(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr(), time.Since(t).Round(time.Millisecond))
}
