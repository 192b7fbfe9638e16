package refmodel

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// requestConditions are the conditions on a request, in the words of the table.
var requestConditions = map[string]func(*ops.Request) bool{
	"the topology has a topic that is internal to Kafka or has an invalid name": func(r *ops.Request) bool {
		return slices.ContainsFunc(r.Subscribed, func(name string) bool {
			return slices.Contains(internalNames, name) || !topicName.MatchString(name) || name == "." || name == ".."
		})
	},
	"":       func(*ops.Request) bool { return true },
	"always": func(*ops.Request) bool { return true },
	"the connection has completed authentication":                        func(*ops.Request) bool { return true },
	"the request is from a follower (its replica id is not negative)":    func(r *ops.Request) bool { return r.Follower },
	"the request is from a consumer":                                     func(r *ops.Request) bool { return !r.Follower },
	"the client sent the request to a controller":                        func(r *ops.Request) bool { return r.Endpoint == ops.Controller },
	"the records are transactional":                                      func(r *ops.Request) bool { return r.TransactionalRecords },
	"the transactional id is not null (it may be empty)":                 func(r *ops.Request) bool { return r.TransactionalID != nil },
	"the transactional id is null":                                       func(r *ops.Request) bool { return r.TransactionalID == nil },
	"the transactional id is not null and two-phase commit is requested": func(r *ops.Request) bool { return r.TransactionalID != nil && r.TwoPhaseCommit },
	"the request wants the authorized operations of the cluster":         func(r *ops.Request) bool { return r.IncludeClusterOperations },
	"the keys are groups":                                                func(r *ops.Request) bool { return r.KeyType == 0 },
	"the keys are transactional ids":                                     func(r *ops.Request) bool { return r.KeyType == 1 },
	"the keys are partitions of share groups":                            func(r *ops.Request) bool { return r.KeyType == 2 },
	"the key type is unknown":                                            func(r *ops.Request) bool { return r.KeyType < 0 || r.KeyType > 2 },
	"the protocol type or name is missing":                               func(r *ops.Request) bool { return r.NoProtocol },
	"the owner is given and is not the caller":                           func(r *ops.Request) bool { return r.Owner != "" && r.Owner != r.Caller.Principal },
	"delegation tokens are disabled":                                     func(r *ops.Request) bool { return r.TokensDisabled },
	"the token does not exist":                                           func(r *ops.Request) bool { return len(r.Tokens) == 0 },
	"the token has expired":                                              func(r *ops.Request) bool { return len(r.Tokens) > 0 && r.Tokens[0].Expired },
	"the feature is disabled":                                            func(r *ops.Request) bool { return r.FeatureDisabled },
	"the forwarded principal cannot be read":                             func(r *ops.Request) bool { return r.Embedded == nil || r.Embedded.Principal == "" },
	"the embedded request cannot be parsed":                              func(r *ops.Request) bool { return r.Embedded == nil || r.Embedded.Request == nil },
	"the caller has authenticated with a token; or the request is not forwarded, and its connection is plaintext, or TLS without a client certificate": func(r *ops.Request) bool {
		anonymous := r.Caller.Protocol == ops.SSL && r.Caller.Principal == "User:ANONYMOUS"
		known := r.Caller.Protocol == ops.SSL || r.Caller.Protocol == ops.SASLPlaintext || r.Caller.Protocol == ops.SASLSSL
		return r.Caller.TokenAuthenticated || !r.Forwarded && (anonymous || !known)
	},
	"a renewer has a principal type other than User": func(r *ops.Request) bool {
		return slices.ContainsFunc(r.Renewers, func(p string) bool { typ, _, ok := strings.Cut(p, ":"); return !ok || typ != "User" })
	},
	"the caller is neither the owner nor a renewer of the token": func(r *ops.Request) bool {
		return len(r.Tokens) == 0 || !knows(r.Caller.Principal, append(slices.Clone(r.Tokens[0].Renewers), r.Tokens[0].Owner)...)
	},
	"a resource has a type that has no configuration": func(r *ops.Request) bool {
		return slices.ContainsFunc(r.Resources, func(c ops.ConfigResource) bool { return configWords[c.Type] == "" })
	},
}

// knows reports whether p is not empty and is one of some.
func knows(p string, some ...string) bool { return p != "" && slices.Contains(some, p) }

const (
	toBeCreated   = "the topic does not exist, is requested by name, and is to be created automatically"
	notForwarded  = "the API of the embedded request is never forwarded"
	topicIsAbsent = "the topic does not exist"
)

var internalNames = []string{"__consumer_offsets", "__transaction_state", "__share_group_state"}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// entryConditions are the conditions on an entry. A condition that does not concern the
// entry is false.
var entryConditions = map[string]func(*protocolEvaluation, *protocolEntry) bool{
	topicIsAbsent: func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && !e.topic.Exists || e.config != nil && !e.config.Exists
	},
	"the topic exists": func(_ *protocolEvaluation, e *protocolEntry) bool { return e.topic != nil && e.topic.Exists },
	toBeCreated: func(p *protocolEvaluation, e *protocolEntry) bool {
		automatic := !p.r.AutoCreateDisabled && (p.r.AllowAutoCreate || p.r.Version < 4) && !p.r.AllTopics
		return e.topic != nil && !e.topic.Exists && !e.topic.ByID && automatic
	},
	"the name is not a valid topic name": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && (!topicName.MatchString(e.name) || e.name == "." || e.name == "..")
	},
	"the topic is internal to Kafka": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && slices.Contains(internalNames, e.name)
	},
	"the topic is the cluster's metadata log": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && e.name == "__cluster_metadata"
	},
	"the request has the topic more than once": func(p *protocolEvaluation, e *protocolEntry) bool {
		times := 0
		for _, other := range p.entries {
			if e.topic == nil || other.topic == nil || e.topic.ByID != other.topic.ByID {
				continue
			}
			if e.topic.ByID && e.topic.ID == other.topic.ID || !e.topic.ByID && e.name == other.name {
				times++
			}
		}
		return times > 1
	},
	"no topic has the id": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && e.topic.ByID && e.name == ""
	},
	"the request names topics of the group": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && e.of != nil && !e.of.AllTopics
	},
	"the request is for every topic of the group": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.topic != nil && e.of != nil && e.of.AllTopics
	},
	"the request cannot alter resources of this type": func(_ *protocolEvaluation, e *protocolEntry) bool {
		return e.config != nil && configWords[e.config.Type] == ""
	},
	"the request has the resource more than once": func(p *protocolEvaluation, e *protocolEntry) bool {
		times := 0
		for _, other := range p.entries {
			if e.config != nil && other.config != nil && e.config.Type == other.config.Type && e.config.Name == other.config.Name {
				times++
			}
		}
		return times > 1
	},
	"a configuration is repeated or has no value": func(_ *protocolEvaluation, e *protocolEntry) bool { return e.config != nil && e.config.Invalid },
	"the resource names another node":             func(_ *protocolEvaluation, e *protocolEntry) bool { return e.config != nil && e.config.OtherNode },
	"the caller is not the owner, the requester or a renewer of the token": func(p *protocolEvaluation, e *protocolEntry) bool {
		return e.token != nil && !knows(p.r.Caller.Principal, append(slices.Clone(e.token.Renewers), e.token.Owner, e.token.Requester)...)
	},
}

// condition returns whether a condition is on an entry, and a function that evaluates
// it. An unknown condition panics.
func (e *protocolEvaluation) condition(words string) (onEntry bool, holds func(*protocolEntry) bool) {
	if words == notForwarded {
		return false, func(*protocolEntry) bool {
			return e.r.Embedded != nil && e.r.Embedded.Request != nil && !e.table[e.r.Embedded.Request.Key].Forwardable
		}
	}
	if on, ok := requestConditions[words]; ok {
		return false, func(*protocolEntry) bool { return on(e.r) }
	}
	on, ok := entryConditions[words]
	if !ok {
		panic("no condition is called " + words)
	}
	return true, func(entry *protocolEntry) bool { return on(e, entry) }
}

// Authorizer answers for a subject in a world.
type Authorizer struct {
	World   World
	Subject Subject
}

// Allowed is [World.Check].
func (a Authorizer) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return a.World.Check(a.Subject, Request{op, t, name}).Allowed()
}

// AllowedAny is [World.CheckAny].
func (a Authorizer) AllowedAny(op ops.Operation, t resource.Type) bool {
	return a.World.CheckAny(a.Subject, op, t).Allowed()
}
