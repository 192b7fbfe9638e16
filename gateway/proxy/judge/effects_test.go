package judge_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// effects returns what requests can have changed in a broker, by place.
func (j *judge) effects(b *broker) map[string]string {
	j.t.Helper()
	found := map[string]string{}
	topics := b.topics(j.t)
	for name, partitions := range topics {
		found["topic "+name] = fmt.Sprintf("%d partitions", partitions)
	}
	for place, offset := range b.logs(j.t) {
		found[fmt.Sprintf("log of %s %d, end %d", place.topic, place.partition, place.which)] = strconv.FormatInt(offset, 10)
	}
	for c, value := range b.configs(j.t, topics) {
		found["config "+c.name+" of "+c.topic] = value
	}
	j.groups(b, found)
	j.security(b, found)
	return found
}

// topicConfig is a setting of a topic.
type topicConfig struct{ topic, name string }

// configs returns the settings of topics that are not defaults.
func (b *broker) configs(t *testing.T, topics map[string]int) map[topicConfig]string {
	t.Helper()
	found := map[topicConfig]string{}
	r := kmsg.NewPtrDescribeConfigsRequest()
	for name := range topics {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, name
		r.Resources = append(r.Resources, resource)
	}
	for _, resource := range b.must(t, r, 1).(*kmsg.DescribeConfigsResponse).Resources {
		for _, c := range resource.Configs {
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig && c.Value != nil {
				found[topicConfig{resource.ResourceName, c.Name}] = *c.Value
			}
		}
	}
	return found
}

// groups adds the groups and the offsets that they have committed.
func (j *judge) groups(b *broker, found map[string]string) {
	var ids []string
	for _, g := range b.must(j.t, kmsg.NewPtrListGroupsRequest(), 3).(*kmsg.ListGroupsResponse).Groups {
		if strings.HasPrefix(g.Group, "j") { // their members end by themselves
			continue
		}
		found["group "+g.Group] = g.ProtocolType
		ids = append(ids, g.Group)
	}
	for _, id := range ids {
		r := kmsg.NewPtrOffsetFetchRequest()
		r.Group = id
		r.Topics = nil
		for _, topic := range b.must(j.t, r, 5).(*kmsg.OffsetFetchResponse).Topics {
			for _, p := range topic.Partitions {
				found[fmt.Sprintf("offset of %s in %s %d", id, topic.Topic, p.Partition)] = strconv.FormatInt(p.Offset, 10)
			}
		}
	}
}

// security adds ACLs, quotas and SCRAM users.
func (j *judge) security(b *broker, found map[string]string) {
	acls := kmsg.NewPtrDescribeACLsRequest()
	acls.ResourceType, acls.ResourcePatternType, acls.Operation, acls.PermissionType = 1, 1, 1, 1
	for _, r := range b.must(j.t, acls, 1).(*kmsg.DescribeACLsResponse).Resources {
		for _, a := range r.ACLs {
			found[fmt.Sprintf("ACL %v %v %s %s %s %v %v", r.ResourceType, r.ResourcePatternType, r.ResourceName, a.Principal, a.Host, a.Operation, a.PermissionType)] = "there"
		}
	}
	for _, e := range b.must(j.t, kmsg.NewPtrDescribeClientQuotasRequest(), 0).(*kmsg.DescribeClientQuotasResponse).Entries {
		for _, v := range e.Values {
			var who []string
			for _, part := range e.Entity {
				name := "default"
				if part.Name != nil {
					name = *part.Name
				}
				who = append(who, part.Type+" "+name)
			}
			slices.Sort(who)
			if slices.Equal(who, []string{"client-id " + barrierClient}) {
				continue
			}
			found["quota "+strings.Join(who, ", ")+" "+v.Key] = fmt.Sprint(v.Value)
		}
	}
	scram := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	scram.Users = nil
	for _, r := range b.must(j.t, scram, 0).(*kmsg.DescribeUserSCRAMCredentialsResponse).Results {
		for _, c := range r.CredentialInfos {
			found[fmt.Sprintf("SCRAM %d of %s", c.Mechanism, r.User)] = fmt.Sprint(c.Iterations)
		}
	}
}

// compareEffects compares what the requests of a round have changed in both brokers.
func (j *judge) compareEffects(before [2]map[string]string, s situation) {
	var after [2]map[string]string
	j.w.each(func(i int, b *broker) { after[i] = j.effects(b) })
	kafka, ours := changed(before[0], after[0]), changed(before[1], after[1])
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, place := range slices.Sorted(maps.Keys(kafka)) {
		if ours[place] != kafka[place] {
			j.noteEffect(place, kafka[place], ours[place], s)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(ours)) {
		if _, ok := kafka[place]; !ok {
			j.noteEffect(place, "", ours[place], s)
		}
	}
}

// effectsPath begins the path of a difference of effects.
const effectsPath = "the effects of all requests of the round: "

func (j *judge) noteEffect(place, kafka, ours string, s situation) {
	kind, _, _ := strings.Cut(place, " ")
	s.question = question{pair: pair{-1, 0}}
	s.difference = difference{effectsPath + kind, place, kafka, ours}
	j.note(s)
}

// changed returns the places whose value is another than before.
func changed(before, after map[string]string) map[string]string {
	found := map[string]string{}
	for place, value := range after {
		if value == before[place] {
			continue
		}
		found[place] = value
	}
	for place := range before {
		if _, ok := after[place]; !ok {
			found[place] = "gone"
		}
	}
	return found
}
