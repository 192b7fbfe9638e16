package proxy_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
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

// TestMirrorOfALaterRelease: ACLs with codes that this version does not know fail closed, and
// take nothing from the others.
func TestMirrorOfALaterRelease(t *testing.T) {
	const future = 99
	cluster := upstream(t, kfake.SeedTopics(1, "orders", "bills"))
	var mu sync.Mutex
	var described []acl.Binding // what the upstream has; zeros are codes of a later release
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
		for _, b := range described {
			of := kmsg.NewDescribeACLsResponseResource()
			of.ResourceType, of.ResourceName, of.ResourcePatternType = kmsg.ACLResourceType(b.Pattern.Type), b.Pattern.Name, kmsg.ACLResourcePatternType(b.Pattern.PatternType)
			entry := kmsg.NewDescribeACLsResponseResourceACL()
			entry.Principal, entry.Host, entry.Operation, entry.PermissionType = b.Entry.Principal, b.Entry.Host, kmsg.ACLOperation(b.Entry.Operation), kmsg.ACLPermissionType(b.Entry.Permission)
			for _, code := range []*int8{(*int8)(&of.ResourceType), (*int8)(&of.ResourcePatternType), (*int8)(&entry.Operation), (*int8)(&entry.PermissionType)} {
				if *code == 0 {
					*code = future
				}
			}
			of.ACLs = append(of.ACLs, entry)
			response.Resources = append(response.Resources, of)
		}
		return response, nil, true
	})
	allow := func(user, topic string) acl.Binding {
		return acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, topic), Entry: acl.Entry{Principal: "User:" + user, Host: "*", Operation: ops.Write, Permission: acl.Allow}}
	}
	with := func(b acl.Binding, change func(*acl.Binding)) acl.Binding { change(&b); return b }
	deny := func(b *acl.Binding) { b.Entry.Permission = acl.Deny }
	noOperation := func(b *acl.Binding) { b.Entry.Operation = ops.Unknown }

	var heard reports
	var written logtest.Log
	registry := prometheus.NewRegistry()
	p := start(t, cluster, proxy.Config{
		Store: snapshot.NewStore(snapshot.Config{}), ACLs: gateway.ForwardACLs, Metrics: registry,
		Logger: written.Logger(), Mirror: &proxy.Mirror{Interval: 5 * time.Millisecond, Report: heard.add},
	})
	rightsOf := func(t *testing.T, user string) (topics string) {
		c := client(t, p.Addresses()[0], user)
		defer c.Close()
		for _, topic := range []string{"orders", "bills"} {
			switch err := c.ProduceSync(soon(t), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); {
			case err == nil:
				topics += topic + " "
			case !errors.Is(err, kerr.ClusterAuthorizationFailed): // a producer id needs Write on any topic
				require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
			}
		}
		return strings.TrimSpace(topics)
	}
	usual := []acl.Binding{allow("alice", "orders"), allow("bob", "orders"), allow("bob", "bills"), allow("alice", "bills")}
	for _, test := range []struct {
		name       string
		unknown    acl.Binding
		alice, bob string
		counted    float64
	}{
		{"nothing unknown", allow("carol", "orders"), "orders bills", "orders bills", 0},
		{"a DENY of an unknown operation", with(with(allow("alice", "orders"), deny), noOperation), "bills", "orders bills", 1},
		{"an ALLOW of an unknown operation", with(allow("alice", "orders"), noOperation), "orders bills", "orders bills", 1},
		{"an unknown permission", with(allow("alice", "orders"), func(b *acl.Binding) { b.Entry.Permission = acl.PermissionUnknown }), "bills", "orders bills", 1},
		{"a DENY of an unknown pattern type", with(with(allow("alice", "orders"), deny), func(b *acl.Binding) { b.Pattern.PatternType = resource.PatternUnknown }), "", "orders bills", 1},
		{"a DENY of an unknown operation for all", with(with(with(allow("*", "bills"), deny), noOperation), func(b *acl.Binding) { b.Entry.Principal = "User:*" }), "orders", "orders", 1},
		{"a DENY of an unknown resource type", with(with(allow("alice", "orders"), deny), func(b *acl.Binding) { b.Pattern.Type = resource.Unknown }), "orders bills", "orders bills", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			mu.Lock()
			described = append(slices.Clone(usual), test.unknown)
			mu.Unlock()
			require.NoError(t, heard.next(t))
			assert.Equal(t, test.alice, rightsOf(t, "alice"))
			assert.Equal(t, test.bob, rightsOf(t, "bob"))
			assert.InDelta(t, test.counted, gaugeOf(t, registry, "acls_unknown"), 0)
		})
	}
	assert.NotEmpty(t, written.With("level=WARN", "have codes that this version does not know: as far as they may deny, they deny all operations; they allow nothing", "acls=1", `first="of User:alice on Topic orders"`))
}
