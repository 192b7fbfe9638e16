package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
)

// TestPlanWindowsKafka does the changes of a plan one by one on a real broker with
// allow.everyone.if.no.acl.found, where alice may write to each topic before and after. Each
// time she writes with a client of her own: she is refused exactly in the windows that the
// plan has told, as long as no ACL allows it to her.
func TestPlanWindowsKafka(t *testing.T) {
	c := startPlanCluster(t, kafkatest.DefaultVersion, true)
	opened, closed, quiet := acltest.Topic("opened"), acltest.Topic("closed"), acltest.Topic("quiet")
	c.CreateTopics(t, kafkatest.Topic{Name: "opened"}, kafkatest.Topic{Name: "closed"}, kafkatest.Topic{Name: "quiet"})
	before := []acl.Binding{
		opsAlter, opsDescribe, acltest.Allow("User:alice", ops.Write, opened), acltest.Allow("User:bob", ops.Read, opened),
		acltest.Allow("User:alice", ops.Write, quiet),
	}
	after := []acl.Binding{
		opsAlter, opsDescribe, acltest.Deny("User:bob", ops.Write, closed), acltest.Allow("User:alice", ops.Write, closed), acltest.Allow("User:zoe", ops.Read, closed),
		acltest.Allow("User:alice", ops.Write, quiet), acltest.Allow("User:bob", ops.Write, quiet),
	}
	c.SetACLs(t, before...)
	var plan struct {
		Changes []struct {
			Action string      `json:"action"`
			ACL    acl.Binding `json:"acl"`
		} `json:"changes"`
		Interruptions []struct {
			After  int    `json:"after"`
			Before int    `json:"before"`
			Names  string `json:"names"`
		} `json:"interruptions"`
	}
	planned := c.run(2, "plan", "--acls", aclFile(t, after...), "--allow-everyone-if-no-acl-found", "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(planned.stdout), &plan), planned.stdout)
	require.Len(t, plan.Changes, 6)
	require.NotEmpty(t, plan.Interruptions)

	alice, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap("CLIENT")), kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()),
		kgo.DisableIdempotentWrite(), kgo.RecordDeliveryTimeout(time.Minute))
	require.NoError(t, err)
	defer alice.Close()
	now, refusals := slices.Clone(before), 0
	for done := 0; done <= len(plan.Changes); done++ {
		if done > 0 {
			change := plan.Changes[done-1]
			if change.Action == "add" {
				now = append(now, change.ACL)
			} else {
				now = slices.DeleteFunc(now, func(b acl.Binding) bool { return b == change.ACL })
			}
			c.SetACLs(t, now...)
		}
		for _, topic := range []string{"opened", "closed", "quiet"} {
			interrupted := false
			for _, w := range plan.Interruptions {
				interrupted = interrupted || w.Names == `"`+topic+`"` && w.After <= done && done < w.Before
			}
			interrupted = interrupted && !slices.Contains(now, acltest.Allow("User:alice", ops.Write, acltest.Topic(topic)))
			err := alice.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
			if errors.Is(err, kerr.TopicAuthorizationFailed) {
				refusals++
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, interrupted, err != nil, "%s after change %d: %v; the plan: %s", topic, done, err, planned.stdout)
		}
	}
	assert.ElementsMatch(t, after, now)
	assert.GreaterOrEqual(t, refusals, 1)
	t.Logf("%d sets of ACLs, %d writes, %d of them refused in the windows that the plan tells: rows compared", len(plan.Changes)+1, 3*(len(plan.Changes)+1), refusals)
	assert.False(t, strings.Contains(planned.stdout, `"names": "\"quiet\""`), "access to quiet is not interrupted")
}
