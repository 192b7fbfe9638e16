package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/aclfile/watch"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func main() {
	text := "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:\n\t(principal=User:a, host=*, operation=WRITE, permissionType=ALLOW)\n"
	os.WriteFile("f", []byte(text), 0o644)
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}})
	aclfile.Apply(store, "f", aclfile.ChecksumOptional)
	go watch.Run(context.Background(), store, "f", watch.Options{Checksums: aclfile.ChecksumOptional, Report: func(e error) { fmt.Println("watch", e) }})
	time.Sleep(500 * time.Millisecond)
	g, _ := gateway.New(gateway.Config{Store: store})
	c := g.Conn(gateway.Client{Subject: snapshot.Subject{Principal: principal.User("root"), Host: netip.MustParseAddr("10.0.0.1")}})
	m := kmsg.NewPtrCreateACLsRequest()
	m.Version = 1
	m.Creations = []kmsg.CreateACLsRequestCreation{{ResourceType: 2, ResourceName: "t", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 4, PermissionType: 2}}
	p, err := c.Request(kmsg.NewRequestFormatter().AppendRequest(nil, m, 1)[4:])
	a, err2 := p.Response()
	fmt.Printf("CreateAcls DENY: %x %v %v\n", a, err, err2)
	who := snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("10.0.0.1")}
	fmt.Println("after create:", store.Check(who, ops.Write, resource.Topic, "t").Allowed())
	os.WriteFile("f", []byte(text+"\t(principal=User:b, host=*, operation=READ, permissionType=ALLOW)\n"), 0o644)
	time.Sleep(time.Second)
	fmt.Println("after file edit:", store.Check(who, ops.Write, resource.Topic, "t").Allowed())
}
