package fuzz_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
)

func opsDefault(s, value string) string {
	if s == "" {
		return value
	}
	return s
}

// opsCase is a case, with what the evaluation needs of it.
type opsCase struct{ cases.Case }

// request makes the request of the case, or the one that its Envelope carries.
func (c *opsCase) request(key ops.APIKey, version int16, principal string, data json.RawMessage) (*ops.Request, error) {
	q, err := cases.DecodeRequest(data)
	if err != nil {
		return nil, err
	}
	protocol, err := c.Config.Protocol()
	if err != nil {
		return nil, err
	}
	release, err := ops.ParseRelease(c.Release)
	if err != nil {
		return nil, err
	}
	r := &ops.Request{
		Key: key, Version: version, Release: release,
		Caller:    ops.Caller{Principal: principal, TokenAuthenticated: c.Config.TokenAuthenticated, Protocol: protocol},
		Forwarded: c.Config.Forwarded,

		Group: q.GroupID, TransactionalID: q.TransactionalID,
		KeyType: ops.KeyType(q.KeyType), Keys: q.Keys,
		Owner: q.Owner, Renewers: q.Renewers,
		Subscribed: q.SubscribedTopicNames,
		NewTopics:  c.Config.MissingInternalTopics,

		Follower:                 q.ReplicaID != nil && *q.ReplicaID >= 0,
		NoResponse:               q.Acks != nil && *q.Acks == 0,
		TwoPhaseCommit:           q.Enable2PC,
		AllowAutoCreate:          version >= 4 && (q.AllowAutoTopicCreation == nil || *q.AllowAutoTopicCreation),
		AutoCreateDisabled:       c.Config.AutoCreateDisabled(),
		IncludeClusterOperations: q.IncludeClusterAuthorizedOps,
		IncludeOperations:        q.IncludeTopicAuthorizedOps || q.IncludeAuthorizedOperations,
		NoProtocol:               cases.IsNull(q.ProtocolType) || cases.IsNull(q.ProtocolName),
		FeatureDisabled:          c.Config.FeatureDisabled,
		TokensDisabled:           c.Config.TokenAuthEnabled != nil && !*c.Config.TokenAuthEnabled,
	}
	for _, fill := range []func(*ops.Request, *cases.Request) error{
		c.fillTopics, c.fillGroups, c.fillTransactions, c.fillResources, c.fillTokens, c.fillHeartbeat, c.fillEmbedded,
	} {
		if err := fill(r, &q); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// The APIs whose requests name their topics by leaving the list out, empty, or
// null.
const (
	opsMetadata                = 3
	opsListGroups              = 16
	opsListTransactions        = 66
	opsDescribeTopicPartitions = 75
	opsRenewToken              = 39
	opsExpireToken             = 40
	opsDescribeTokens          = 41
)

func (c *opsCase) fillTopics(r *ops.Request, q *cases.Request) error {
	topics, err := q.TopicList()
	if err != nil {
		return err
	}
	r.AllTopics = r.Key == opsMetadata && (cases.IsNull(q.Topics) || r.Version == 0 && len(topics) == 0) ||
		r.Key == opsDescribeTopicPartitions && len(topics) == 0
	if r.AllTopics {
		r.Topics = c.topics(c.Config.Topics)
		return nil
	}
	for _, t := range topics {
		r.TransactionalRecords = r.TransactionalRecords || t.Transactional
	}
	r.Topics = c.caseTopics(topics)
	return nil
}

// topics returns the named topics.
func (c *opsCase) topics(names []string) []ops.Topic {
	var topics []cases.Topic
	for _, name := range names {
		topics = append(topics, cases.Topic{Name: name})
	}
	return c.caseTopics(topics)
}

func (c *opsCase) caseTopics(topics []cases.Topic) []ops.Topic {
	var list []ops.Topic
	for _, t := range topics {
		topic := ops.Topic{Name: t.Name}
		if t.TopicID != nil {
			topic.ByID, topic.Name = true, c.Config.TopicIDs[*t.TopicID]
			copy(topic.ID[:], *t.TopicID)
		}
		topic.Exists = slices.Contains(c.Config.Topics, topic.Name)
		list = append(list, topic)
	}
	return list
}

func (c *opsCase) fillGroups(r *ops.Request, q *cases.Request) error {
	names := q.GroupIDs
	if r.Key == opsListGroups {
		names = c.Config.Groups
	}
	for _, g := range q.Groups {
		if g.Plain {
			names = append(names, g.GroupID)
			continue
		}
		h := ops.TopicSet{Name: g.GroupID, AllTopics: g.Topics == nil}
		if h.AllTopics {
			h.Topics = c.topics(c.Config.Committed[g.GroupID])
		} else {
			h.Topics = c.caseTopics(*g.Topics)
		}
		r.Groups = append(r.Groups, h)
	}
	for _, name := range names {
		r.Groups = append(r.Groups, ops.TopicSet{Name: name, Topics: c.topics(c.Config.GroupTopics[name])})
	}
	return nil
}

func (c *opsCase) fillTransactions(r *ops.Request, q *cases.Request) error {
	for _, t := range q.Transactions {
		r.Transactions = append(r.Transactions, ops.TopicSet{Name: t.TransactionalID, Topics: c.caseTopics(t.Topics)})
	}
	ids := q.TransactionalIDs
	if r.Key == opsListTransactions {
		for id := range c.Config.Transactions {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	for _, id := range ids {
		r.Transactions = append(r.Transactions, ops.TopicSet{Name: id, Topics: c.topics(c.Config.Transactions[id])})
	}
	return nil
}

// opsConfigTypes are the types of the resources, by name. A name that is none stands
// for a type without configuration.
var opsConfigTypes = map[string]ops.ConfigType{
	"TOPIC": ops.TopicConfig, "BROKER": ops.BrokerConfig, "BROKER_LOGGER": ops.BrokerLoggerConfig,
	"CLIENT_METRICS": ops.ClientMetricsConfig, "GROUP": ops.GroupConfig,
}

func (c *opsCase) fillResources(r *ops.Request, q *cases.Request) error {
	for _, res := range q.Resources {
		t := opsConfigTypes[res.Type]
		r.Resources = append(r.Resources, ops.ConfigResource{
			Type: t, Name: res.Name,
			Exists:    slices.Contains(c.Config.Topics, res.Name),
			Invalid:   res.Invalid,
			OtherNode: t&(ops.BrokerConfig|ops.BrokerLoggerConfig) != 0 && res.Name != "" && res.Name != fmt.Sprint(c.Config.Node()),
		})
	}
	return nil
}

func (c *opsCase) fillTokens(r *ops.Request, q *cases.Request) error {
	for _, t := range c.Config.Tokens {
		token := ops.Token{ID: t.ID, Owner: t.Owner, Requester: t.Requester, Renewers: t.Renewers, Expired: t.Expired}
		switch r.Key {
		case opsRenewToken, opsExpireToken:
			if t.ID == q.Token {
				r.Tokens = append(r.Tokens, token)
			}
		case opsDescribeTokens:
			if q.Owners == nil || slices.Contains(*q.Owners, t.Owner) {
				r.Tokens = append(r.Tokens, token)
			}
		}
	}
	return nil
}

func (c *opsCase) fillHeartbeat(r *ops.Request, q *cases.Request) error {
	if t := q.Topology; t != nil {
		r.Subscribed = slices.Concat(t.SourceTopics, t.RepartitionSinkTopics, t.RepartitionSourceTopics, t.StateChangelogTopics)
	}
	if q.SubscribedTopicRegex == nil || *q.SubscribedTopicRegex == "" {
		return nil
	}
	re, err := regexp.Compile("^(?:" + *q.SubscribedTopicRegex + ")$")
	if err != nil {
		return err
	}
	for _, name := range c.Config.Topics {
		if re.MatchString(name) {
			r.Matched = append(r.Matched, name)
		}
	}
	return nil
}

func (c *opsCase) fillEmbedded(r *ops.Request, q *cases.Request) error {
	f := q.Forwarded
	if f == nil {
		return nil
	}
	r.Embedded = &ops.Embedded{Principal: f.Principal, ClientAddress: opsDefault(f.ClientAddress, "127.0.0.1")}
	if cases.IsNull(f.Request) {
		return nil
	}
	var err error
	r.Embedded.Request, err = c.request(ops.APIKey(f.APIKey), f.Version, f.Principal, f.Request)
	return err
}
