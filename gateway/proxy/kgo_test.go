package proxy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// transact writes a record to orders in a transaction.
func transact(ctx context.Context, c *kgo.Client) error {
	if err := c.BeginTransaction(); err != nil {
		return err
	}
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("tx")}).FirstErr(); err != nil {
		_ = c.EndTransaction(ctx, kgo.TryAbort)
		return err
	}
	return c.EndTransaction(ctx, kgo.TryCommit)
}

// consume returns the error of the first record that a group reads of orders, with
// its commit.
func consume(t *testing.T, address, user, group string) error {
	c := client(t, address, user, kgo.ConsumeTopics("orders"), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	defer c.Close()
	for ctx := soon(t); ; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return e.Err
		}
		if fetches.NumRecords() > 0 {
			return c.CommitUncommittedOffsets(ctx)
		}
	}
}

// What franz-go's clients hear of what is allowed, and of what is refused.
func TestFranzGo(t *testing.T) {
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders", "secret")), proxy.Config{Store: store(t,
		"alice ALLOW READ TOPIC orders", "alice ALLOW WRITE TOPIC orders", "alice ALLOW ALL TOPIC alice.…",
		"alice ALLOW READ GROUP readers", "alice ALLOW DELETE GROUP readers", "alice ALLOW WRITE TRANSACTIONAL_ID alice-…",
		"bob ALLOW READ TOPIC orders", "bob ALLOW WRITE TOPIC suggestions",
		"operator ALLOW ALTER CLUSTER kafka-cluster",
	)})
	address := p.Addresses()[0]
	alice, bob, operator := client(t, address, "alice"), client(t, address, "bob"), client(t, address, "operator")
	aliceAdmin, bobAdmin, operatorAdmin := kadm.NewClient(alice), kadm.NewClient(bob), kadm.NewClient(operator)
	acl := kadm.NewACLs().Topics("granted").Allow("User:bob").AllowHosts("*").
		Operations(kmsg.ACLOperationRead).ResourcePatternType(kadm.ACLPatternLiteral)
	topicErr := func(r kadm.CreateTopicResponses, err error) error { return errors.Join(err, r.Error()) }

	for _, test := range []struct {
		what string
		do   func(ctx context.Context) error
		want error
	}{
		{"alice produces", func(ctx context.Context) error {
			return alice.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
		}, nil},
		{"bob produces", func(ctx context.Context) error {
			return bob.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
		}, kerr.TopicAuthorizationFailed},
		{"alice produces unseen", func(ctx context.Context) error {
			return alice.ProduceSync(ctx, &kgo.Record{Topic: "secret", Value: []byte("x")}).FirstErr()
		}, kerr.TopicAuthorizationFailed},

		{"alice consumes in a group", func(context.Context) error { return consume(t, address, "alice", "readers") }, nil},
		{"bob consumes in a group", func(context.Context) error { return consume(t, address, "bob", "readers") }, kerr.GroupAuthorizationFailed},

		{"alice commits a transaction", func(ctx context.Context) error {
			return transact(ctx, client(t, address, "alice", kgo.TransactionalID("alice-tx")))
		}, nil},
		{"bob begins a transaction", func(ctx context.Context) error {
			return transact(ctx, client(t, address, "bob", kgo.TransactionalID("alice-tx")))
		}, kerr.TransactionalIDAuthorizationFailed},

		{"alice creates a topic", func(ctx context.Context) error { return topicErr(aliceAdmin.CreateTopics(ctx, 1, 1, nil, "alice.new")) }, nil},
		{"bob creates a topic", func(ctx context.Context) error { return topicErr(bobAdmin.CreateTopics(ctx, 1, 1, nil, "bob.new")) }, kerr.TopicAuthorizationFailed},
		{"alice describes a configuration", func(ctx context.Context) error {
			r, err := aliceAdmin.DescribeTopicConfigs(ctx, "alice.new")
			_, each := r.On("alice.new", nil)
			return errors.Join(err, each)
		}, nil},
		{"bob describes a configuration", func(ctx context.Context) error {
			r, err := bobAdmin.DescribeTopicConfigs(ctx, "orders")
			if err == nil {
				_, err = r.On("orders", func(c *kadm.ResourceConfig) error { return c.Err })
			}
			return err
		}, kerr.TopicAuthorizationFailed},
		{"bob describes a broker", func(ctx context.Context) error {
			r, err := bobAdmin.DescribeBrokerConfigs(ctx, 0)
			if err == nil {
				_, err = r.On("0", func(c *kadm.ResourceConfig) error { return c.Err })
			}
			return err
		}, kerr.ClusterAuthorizationFailed},
		{"alice deletes a topic", func(ctx context.Context) error {
			r, err := aliceAdmin.DeleteTopics(ctx, "alice.new")
			return errors.Join(err, r.Error())
		}, nil},
		{"bob deletes a topic", func(ctx context.Context) error {
			r, err := bobAdmin.DeleteTopics(ctx, "orders")
			return errors.Join(err, r.Error())
		}, kerr.TopicAuthorizationFailed},
		{"bob deletes a group", func(ctx context.Context) error {
			r, err := bobAdmin.DeleteGroups(ctx, "readers")
			return errors.Join(err, r.Error())
		}, kerr.GroupAuthorizationFailed},
		{"alice deletes a group", func(ctx context.Context) error {
			r, err := aliceAdmin.DeleteGroups(ctx, "readers")
			return errors.Join(err, r.Error())
		}, nil},

		{"the operator creates an ACL", func(ctx context.Context) error {
			r, err := operatorAdmin.CreateACLs(ctx, acl)
			for _, one := range r {
				err = errors.Join(err, one.Err)
			}
			return err
		}, nil},
		{"the operator finds it", func(ctx context.Context) error {
			r, err := operatorAdmin.DescribeACLs(ctx, acl)
			if err == nil && (len(r) != 1 || r[0].Err != nil || len(r[0].Described) != 1) {
				err = errors.New("it is not there")
			}
			return err
		}, nil},
		{"bob reads what was granted", func(ctx context.Context) error {
			r, err := bobAdmin.ListTopics(ctx, "granted")
			if detail, ok := r["granted"]; err == nil && ok && detail.Err != nil {
				err = detail.Err
			}
			return err
		}, kerr.UnknownTopicOrPartition}, // seen to be missing, which was refused before
		{"the operator deletes it", func(ctx context.Context) error {
			r, err := operatorAdmin.DeleteACLs(ctx, acl)
			if err == nil && (len(r) != 1 || r[0].Err != nil || len(r[0].Deleted) != 1) {
				err = errors.New("it was not there")
			}
			return err
		}, nil},
		{"bob lists ACLs", func(ctx context.Context) error {
			r, err := bobAdmin.DescribeACLs(ctx, acl)
			for _, one := range r {
				err = errors.Join(err, one.Err)
			}
			return err
		}, kerr.ClusterAuthorizationFailed},
		{"bob creates an ACL", func(ctx context.Context) error {
			r, err := bobAdmin.CreateACLs(ctx, acl)
			for _, one := range r {
				err = errors.Join(err, one.Err)
			}
			return err
		}, kerr.ClusterAuthorizationFailed},
		{"bob deletes an ACL", func(ctx context.Context) error {
			r, err := bobAdmin.DeleteACLs(ctx, acl)
			for _, one := range r {
				err = errors.Join(err, one.Err)
			}
			return err
		}, kerr.ClusterAuthorizationFailed},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		if err := test.do(ctx); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
		cancel()
	}

	fresh := kadm.NewClient(client(t, address, "bob")) // the other has answers from before in its cache
	topics, err := fresh.ListTopics(soon(t))
	if err != nil || len(topics) != 1 || !topics.Has("orders") {
		t.Errorf("bob sees %v, %v", topics.Names(), err)
	}
	brokers, err := fresh.ListBrokers(soon(t))
	if err != nil || len(brokers) != 3 {
		t.Errorf("brokers: %v, %v", brokers, err)
	}
	for _, b := range brokers {
		if c := dial(t, hostport.Join(b.Host, b.Port)); c != nil {
			c.login("bob", passwords["bob"])
			c.works()
		}
	}
}
