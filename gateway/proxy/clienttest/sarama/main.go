// Command sarama is a client of the library Sarama: it prints what it does, or what it is
// told where it may not. The arguments are the address, the user, what to do, and names.
// It is a module of its own so that no other depends on Sarama.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const (
	// recordsEach is how many records the topic has that is read.
	recordsEach = 5
	// limit is how long a client tries, where the library would try forever.
	limit = 20 * time.Second
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

var actions = map[string]func(c *client, names []string) error{
	"produce":    produce,
	"idempotent": produceIdempotent,
	"transact":   transact,
	"consume":    consume,
	"create":     create,
	"describe":   describe,
	"grant":      grant,
	"acls":       acls,
}

type client struct {
	brokers []string
	user    string
	config  *sarama.Config
}

func run(broker, user, action string, names []string) error {
	config := sarama.NewConfig()
	config.ClientID = "sarama"
	config.Version = sarama.V4_1_0_0
	config.Net.SASL.Enable = true
	config.Net.SASL.Mechanism = sarama.SASLTypePlaintext
	config.Net.SASL.User, config.Net.SASL.Password = user, user+"-secret"
	config.Producer.Return.Successes, config.Producer.Return.Errors = true, true
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	act, ok := actions[action]
	if !ok {
		return fmt.Errorf("no action %q", action)
	}
	return act(&client{[]string{broker}, user, config}, names)
}

// using runs an action with something that has to be closed.
func using[T interface{ Close() error }](made T, err error, act func(T) error) error {
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	err = act(made)
	if closed := made.Close(); err == nil && closed != nil {
		err = fmt.Errorf("close: %w", closed)
	}
	return err
}

func produce(c *client, names []string) error {
	p, err := sarama.NewSyncProducer(c.brokers, c.config)
	return using(p, err, func(p sarama.SyncProducer) error {
		for _, value := range []string{"one", "two"} {
			partition, offset, err := p.SendMessage(&sarama.ProducerMessage{Topic: names[0], Value: sarama.StringEncoder(value)})
			if err != nil {
				return err
			}
			fmt.Println("produced", partition, offset)
		}
		return nil
	})
}

func produceIdempotent(c *client, names []string) error {
	c.idempotent()
	return produce(c, names)
}

func (c *client) idempotent() {
	c.config.Producer.Idempotent = true
	c.config.Producer.RequiredAcks = sarama.WaitForAll
	c.config.Net.MaxOpenRequests = 1
}

func transact(c *client, names []string) error {
	topic, id, group, from := names[0], names[1], names[2], names[3]
	c.idempotent()
	c.config.Producer.Transaction.ID = id
	p, err := sarama.NewSyncProducer(c.brokers, c.config)
	return using(p, err, func(p sarama.SyncProducer) error {
		if err := p.BeginTxn(); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("one")}); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		fmt.Println("produced")
		offsets := map[string][]*sarama.PartitionOffsetMetadata{from: {{Partition: 0, Offset: 3}}}
		if err := p.AddOffsetsToTxn(offsets, group); err != nil {
			return fmt.Errorf("offsets: %w", err)
		}
		fmt.Println("offsets added")
		if err := p.CommitTxn(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		fmt.Println("committed")
		return nil
	})
}

// reader reads the records of a group, and stops it once it has them all.
type reader struct {
	stop   context.CancelFunc
	values []string
}

func (*reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (r *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		session.MarkMessage(message, "")
		if r.values = append(r.values, string(message.Value)); len(r.values) == recordsEach {
			fmt.Println("read", r.values)
			session.Commit()
			r.stop()
		}
	}
	return nil
}

func consume(c *client, names []string) error {
	topic, group := names[0], names[1]
	g, err := sarama.NewConsumerGroup(c.brokers, group, c.config)
	return using(g, err, func(g sarama.ConsumerGroup) error {
		ctx, stop := context.WithTimeout(context.Background(), limit)
		defer stop()
		told := make(chan error, 1)
		go func() {
			for err := range g.Errors() {
				select {
				case told <- err:
					stop()
				default: // the first is printed
				}
			}
		}()
		r := &reader{stop: stop}
		if err := g.Consume(ctx, []string{topic}, r); err != nil {
			return fmt.Errorf("consume: %w", err)
		}
		select {
		case err := <-told:
			return fmt.Errorf("told: %w", err)
		default:
		}
		return committed(c, topic, group)
	})
}

// committed prints what the group has committed.
func committed(c *client, topic, group string) error {
	a, err := sarama.NewClusterAdmin(c.brokers, c.config)
	return using(a, err, func(a sarama.ClusterAdmin) error {
		offsets, err := a.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
		if err != nil {
			return fmt.Errorf("offsets: %w", err)
		}
		fmt.Println("committed", offsets.GetBlock(topic, 0).Offset)
		return nil
	})
}

func create(c *client, names []string) error {
	a, err := sarama.NewClusterAdmin(c.brokers, c.config)
	return using(a, err, func(a sarama.ClusterAdmin) error {
		if err := a.CreateTopic(names[0], &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false); err != nil {
			return err
		}
		fmt.Println("created")
		return nil
	})
}

func describe(c *client, names []string) error {
	a, err := sarama.NewClusterAdmin(c.brokers, c.config)
	return using(a, err, func(a sarama.ClusterAdmin) error {
		topics, err := a.DescribeTopics(names)
		if err != nil {
			return err
		}
		for _, t := range topics {
			fmt.Println("described", t.Name, t.Err, len(t.Partitions))
		}
		return nil
	})
}

// filter finds the ACL that is granted for a topic.
func filter(topic string) sarama.AclFilter {
	return sarama.AclFilter{ResourceType: sarama.AclResourceTopic, ResourceName: &topic, ResourcePatternTypeFilter: sarama.AclPatternLiteral,
		Operation: sarama.AclOperationAny, PermissionType: sarama.AclPermissionAny}
}

func grant(c *client, names []string) error {
	a, err := sarama.NewClusterAdmin(c.brokers, c.config)
	return using(a, err, func(a sarama.ClusterAdmin) error {
		err := a.CreateACLs([]*sarama.ResourceAcls{{
			Resource: sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: names[0], ResourcePatternType: sarama.AclPatternLiteral},
			Acls:     []*sarama.Acl{{Principal: "User:granted", Host: "*", Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow}},
		}})
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		fmt.Println("granted")
		var found []sarama.ResourceAcls
		for began := time.Now(); len(found) == 0 && time.Since(began) < limit; time.Sleep(50 * time.Millisecond) { // a broker hears of it a moment later
			if found, err = a.ListAcls(filter(names[0])); err != nil {
				return fmt.Errorf("list: %w", err)
			}
		}
		fmt.Println("found", resourceNames(found))
		removed, err := a.DeleteACL(filter(names[0]), false)
		if err != nil {
			return fmt.Errorf("delete: %w", err)
		}
		for _, r := range removed {
			fmt.Println("revoked", r.Err, r.ResourceName)
		}
		return nil
	})
}

func acls(c *client, names []string) error {
	a, err := sarama.NewClusterAdmin(c.brokers, c.config)
	return using(a, err, func(a sarama.ClusterAdmin) error {
		found, err := a.ListAcls(filter(names[0]))
		if err != nil {
			return err
		}
		fmt.Println("found", resourceNames(found))
		return nil
	})
}

func resourceNames(found []sarama.ResourceAcls) (names []string) {
	for _, r := range found {
		names = append(names, r.ResourceName)
	}
	slices.Sort(names)
	return names
}
