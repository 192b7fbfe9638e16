package proxy_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// reports is what a mirror reports.
type reports struct {
	mu   sync.Mutex
	errs []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (r *reports) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs)
}

// next waits for a report that begins and ends after the call, and returns it.
func (r *reports) next(t *testing.T) error {
	t.Helper()
	for n, deadline := r.count(), time.Now().Add(60*time.Second); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		if len(r.errs) >= n+2 {
			err := r.errs[n+1]
			r.mu.Unlock()
			return err
		}
		r.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatal("the mirror is silent")
		}
	}
}

func TestMirror(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "orders"))
	var mu sync.Mutex
	var answer func(*kmsg.DescribeACLsResponse) // changes what the upstream answers
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if answer == nil {
			return nil, nil, false
		}
		response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
		answer(response)
		return response, nil, true
	})
	answerWith := func(f func(*kmsg.DescribeACLsResponse)) {
		mu.Lock()
		defer mu.Unlock()
		answer = f
	}

	s := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}})
	var heard reports
	p := start(t, cluster, proxy.Config{Store: s, ACLs: gateway.ForwardACLs, Mirror: &proxy.Mirror{Interval: 5 * time.Millisecond, Report: heard.add}})
	address := p.Addresses()[0]
	produce := func(user string) error {
		c := client(t, address, user)
		defer c.Close()
		return c.ProduceSync(soon(t), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}

	if err := produce("alice"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("without ACLs: %v", err)
	}

	// An ACL made through the proxy comes into force by way of the upstream.
	acls := kadm.NewACLs().Topics("orders").Allow("User:alice").AllowHosts("*").Operations(kmsg.ACLOperationWrite).ResourcePatternType(kadm.ACLPatternLiteral)
	created, err := kadm.NewClient(client(t, address, "admin")).CreateACLs(soon(t), acls)
	if err != nil || len(created) != 1 || created[0].Err != nil {
		t.Fatalf("CreateAcls: %+v, %v", created, err)
	}
	if err := heard.next(t); err != nil {
		t.Fatal(err)
	}
	if err := produce("alice"); err != nil {
		t.Errorf("with an ACL: %v", err)
	}

	// What cannot be understood or had leaves the set before in force.
	generation := s.Load().Generation()
	for name, f := range map[string]func(*kmsg.DescribeACLsResponse){
		"an error": func(r *kmsg.DescribeACLsResponse) { r.ErrorCode = kerr.ClusterAuthorizationFailed.Code },
		"an operation of the future": func(r *kmsg.DescribeACLsResponse) {
			acl := kmsg.NewDescribeACLsResponseResourceACL()
			acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:alice", "*", 99, kmsg.ACLPermissionTypeDeny
			res := kmsg.NewDescribeACLsResponseResource()
			res.ResourceType, res.ResourceName, res.ResourcePatternType = kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLResourcePatternTypeLiteral
			res.ACLs = append(res.ACLs, acl)
			r.Resources = append(r.Resources, res)
		},
	} {
		answerWith(f)
		if err := heard.next(t); err == nil {
			t.Errorf("%s: no error is reported", name)
		}
		if now := s.Load().Generation(); now != generation {
			t.Errorf("%s: generation %d is in force, want %d", name, now, generation)
		}
	}
	answerWith(func(*kmsg.DescribeACLsResponse) {}) // none any more
	if err := heard.next(t); err != nil {
		t.Error(err)
	}
	if err := produce("alice"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("after the ACL is gone: %v", err)
	}
}
