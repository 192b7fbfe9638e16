package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// brokerSession is a share session as a broker has it.
type brokerSession struct {
	epoch int32
	has   map[string]bool
}

// TestShareSessionsByAModel: random requests of two members, random answers and random changes of the
// ACLs. After each fetch of records the cluster's session has no partition that the member may
// not read.
func TestShareSessionsByAModel(t *testing.T) {
	topics := []string{"mine", "lost", "third"}
	for seed := range uint64(5_000) {
		r := rand.New(rand.NewPCG(seed, 3))
		store := allowing(t, "Read Group:g", "Read Topic:mine", "Read Topic:lost", "Read Topic:third")
		g := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"mine", "lost", "third"}})
		s := &shareMember{T: t, gateway: g, store: store}
		keeps, alice := &allowance{limit: 500 + r.IntN(2000)}, client("alice")
		if seed%2 == 0 {
			alice.Keep = keeps.keep
		}
		s.conn = g.Conn(alice)
		allowed := map[string]bool{"mine": true, "lost": true, "third": true}
		at := map[string]*brokerSession{}
		epochs := map[string]int32{"a": 0, "b": 0}
		var log []string
		note := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
		flip := func() {
			list := []string{"Read Group:g"}
			if r.IntN(8) == 0 {
				list = []string{"Read Group:h"}
			}
			for _, name := range topics {
				if allowed[name] = r.IntN(3) > 0; allowed[name] {
					list = append(list, "Read Topic:"+name)
				}
			}
			s.may(list...)
			note("may %v", list)
		}
		for range 14 {
			if r.IntN(4) == 0 {
				flip()
				continue
			}
			if r.IntN(10) == 0 { // authenticates again
				again := client("alice")
				again.Before = s.conn
				s.conn = g.Conn(again)
			}
			member := []string{"a", "b"}[r.IntN(2)*r.IntN(2)]
			epoch := epochs[member]
			switch r.IntN(12) {
			case 0:
				epoch = 0
			case 1:
				epoch = -1
			case 2:
				epoch++
			}
			some := func() (names []string) {
				for _, name := range topics {
					if r.IntN(3) == 0 {
						if r.IntN(3) == 0 && epoch > 0 {
							name += []string{" 10-14", " 12-13", " 10-30"}[r.IntN(3)]
						}
						names = append(names, name)
					}
				}
				return names
			}
			if r.IntN(5) == 0 { // an acknowledgement
				a := kmsg.NewPtrShareAcknowledgeRequest()
				a.SetVersion(2)
				a.GroupID, a.MemberID, a.ShareSessionEpoch = new("g"), &member, epoch
				names := some()
				s.epoch = epoch
				for _, of := range s.fetch(names...).Topics {
					p := kmsg.ShareAcknowledgeRequestTopicPartition{Partition: 7}
					for _, b := range of.Partitions[0].AcknowledgementBatches {
						p.AcknowledgementBatches = append(p.AcknowledgementBatches, kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch(b))
					}
					a.Topics = append(a.Topics, kmsg.ShareAcknowledgeRequestTopic{TopicID: of.TopicID, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{p}})
				}
				note("%s: acknowledge %d %v", member, epoch, names)
				plan := decide(t, s.conn, a)
				resp := a.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
				frames := plan.Forward()
				if len(frames) == 0 {
					note("  refused")
					_, _ = plan.Response()
					continue
				}
				up := sent[*kmsg.ShareAcknowledgeRequest](t, plan)[0]
				b := at[*up.MemberID]
				switch {
				case b == nil:
					resp.ErrorCode = 122
				case r.IntN(10) == 0:
					resp.ErrorCode = 42
				case epoch == -1:
					delete(at, *up.MemberID)
					epochs[member] = 0
				case epoch != b.epoch:
					resp.ErrorCode = 123
				default:
					b.epoch++
					epochs[member] = b.epoch
				}
				if got := answer[*kmsg.ShareAcknowledgeResponse](t, plan, a, resp); got.ErrorCode != 0 {
					note("  error %d", got.ErrorCode)
				}
				continue
			}
			s.epoch = epoch
			names := some()
			m := as("g", member, s.fetch(names...))
			if r.IntN(8) == 0 {
				m.IsRenewAck, m.MaxWaitMillis = true, 0
			}
			var forgets []string
			for _, name := range topics {
				if r.IntN(6) == 0 {
					forgets = append(forgets, name)
					m.ForgottenTopicsData = append(m.ForgottenTopicsData, kmsg.ShareFetchRequestForgottenTopicsData{TopicID: idOf(name), Partitions: []int32{7}})
				}
			}
			note("%s: fetch %d %v forgets %v renews %v", member, epoch, names, forgets, m.IsRenewAck)
			plan := decide(t, s.conn, m)
			frames := plan.Forward()
			if len(frames) == 0 {
				note("  refused")
				_, _ = plan.Response()
				epochs[member] = 0
				continue
			}
			note("  sends %s", s.upstream(plan))
			up := sent[*kmsg.ShareFetchRequest](t, plan)[0]
			resp := m.ResponseKind().(*kmsg.ShareFetchResponse)
			b := at[*up.MemberID]
			acks := slices.ContainsFunc(up.Topics, func(of kmsg.ShareFetchRequestTopic) bool { return len(of.Partitions[0].AcknowledgementBatches) > 0 })
			switch {
			case r.IntN(12) == 0:
				resp.ErrorCode = 42
			case epoch == 0 && acks:
				resp.ErrorCode = 42
			case epoch == 0:
				b = &brokerSession{0, map[string]bool{}}
				at[*up.MemberID] = b
			case b == nil:
				resp.ErrorCode = 122
			case epoch == -1:
				delete(at, *up.MemberID)
				epochs[member] = 0
			case epoch != b.epoch:
				resp.ErrorCode = 123
			}
			if resp.ErrorCode != 0 {
				epochs[member] = 0
			} else if epoch != -1 {
				for _, of := range up.Topics {
					b.has[nameOf(of.TopicID)] = true
				}
				if epoch != 0 {
					for _, of := range up.ForgottenTopicsData {
						delete(b.has, nameOf(of.TopicID))
					}
				}
				b.epoch++
				epochs[member] = b.epoch
				if !m.IsRenewAck {
					for name := range b.has {
						if !allowed[name] {
							t.Fatalf("seed %d: the cluster's session has %s:\n%s", seed, name, strings.Join(log, "\n"))
						}
					}
				}
				if r.IntN(4) == 0 {
					flip() // while it waits
				}
				for _, name := range topics {
					var p kmsg.ShareFetchResponseTopicPartition
					p.Partition, p.Records = 7, []byte{}
					named := slices.ContainsFunc(up.Topics, func(of kmsg.ShareFetchRequestTopic) bool { return nameOf(of.TopicID) == name })
					acquires := !m.IsRenewAck && b.has[name] && r.IntN(2) == 0
					if acquires {
						first := int64(10 + 5*r.IntN(3))
						p.AcquiredRecords = []kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{{FirstOffset: first, LastOffset: first + 4}}
						p.Records = []byte("x")
						note("  %s acquires %d-%d", name, first, first+4)
					}
					if named || acquires {
						resp.Topics = append(resp.Topics, kmsg.ShareFetchResponseTopic{TopicID: idOf(name), Partitions: []kmsg.ShareFetchResponseTopicPartition{p}})
					}
				}
			}
			got := s.told(plan, m, resp)
			note("  told %s", got)
			for _, name := range topics {
				if !allowed[name] && strings.Contains(got, name+" 0/0 1B") {
					t.Fatalf("seed %d: records of %s:\n%s", seed, name, strings.Join(log, "\n"))
				}
			}
		}
	}
}
