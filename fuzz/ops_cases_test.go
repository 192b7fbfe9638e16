package fuzz_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// opsCase is a request with the ACLs and the state it meets, and what Kafka's
// handlers answer.
type opsCase struct {
	ID                    string          `json:"id"`
	APIKey                int16           `json:"apiKey"`
	API                   string          `json:"api"`
	Version               int16           `json:"version"`
	Endpoint              string          `json:"endpoint"`
	ForwardedToController bool            `json:"forwardedToController"`
	Principal             string          `json:"principal"`
	Host                  string          `json:"host"`
	Request               json.RawMessage `json:"request"`
	ACLs                  []caseACL       `json:"acls"`
	Config                caseConfig      `json:"config"`
	Expect                caseOutcome     `json:"expect"`
	Why                   string          `json:"why"`
	Source                string          `json:"source"`
}

type caseACL struct {
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	PatternType  string `json:"patternType"`
	Principal    string `json:"principal"`
	Host         string `json:"host"`
	Operation    string `json:"operation"`
	Permission   string `json:"permission"`
}

// caseConfig is the state of the cluster and of the connection.
type caseConfig struct {
	Topics                    []string            `json:"topics"`
	TopicIDs                  map[string]string   `json:"topicIds"`
	Groups                    []string            `json:"groups"`
	GroupTopics               map[string][]string `json:"groupTopics"`
	Committed                 map[string][]string `json:"committed"`
	Transactions              map[string][]string `json:"transactions"`
	Tokens                    []caseToken         `json:"tokens"`
	TokenAuthenticated        bool                `json:"tokenAuthenticated"`
	TokenAuthEnabled          *bool               `json:"tokenAuthEnabled"`
	SecurityProtocol          string              `json:"securityProtocol"`
	Forwarded                 bool                `json:"forwarded"`
	AutoCreateTopicsEnable    *bool               `json:"autoCreateTopicsEnable"`
	MissingInternalTopics     []string            `json:"missingInternalTopics"`
	NodeID                    *int                `json:"nodeId"`
	SuperUsers                []string            `json:"superUsers"`
	AllowEveryoneIfNoACLFound bool                `json:"allowEveryoneIfNoAclFound"`
	FeatureDisabled           bool                `json:"featureDisabled"`
}

type caseToken struct {
	ID        string   `json:"id"`
	Owner     string   `json:"owner"`
	Requester string   `json:"requester"`
	Renewers  []string `json:"renewers"`
	Expired   bool     `json:"expired"`
}

// caseRequest holds the fields that the requests of the cases have. Some are of
// several shapes, which the API decides.
type caseRequest struct {
	Acks                        *int            `json:"acks"`
	AllowAutoTopicCreation      *bool           `json:"allowAutoTopicCreation"`
	Enable2PC                   bool            `json:"enable2Pc"`
	Forwarded                   *caseForwarded  `json:"forwarded"`
	GroupID                     string          `json:"groupId"`
	GroupIDs                    []string        `json:"groupIds"`
	Groups                      json.RawMessage `json:"groups"`
	IncludeAuthorizedOperations bool            `json:"includeAuthorizedOperations"`
	IncludeClusterAuthorizedOps bool            `json:"includeClusterAuthorizedOperations"`
	IncludeTopicAuthorizedOps   bool            `json:"includeTopicAuthorizedOperations"`
	Keys                        []string        `json:"keys"`
	KeyType                     int8            `json:"keyType"`
	Owner                       string          `json:"owner"`
	Owners                      *[]string       `json:"owners"`
	ProtocolType                json.RawMessage `json:"protocolType"`
	ProtocolName                json.RawMessage `json:"protocolName"`
	Renewers                    []string        `json:"renewers"`
	ReplicaID                   *int            `json:"replicaId"`
	Resources                   []caseResource  `json:"resources"`
	SubscribedTopicNames        []string        `json:"subscribedTopicNames"`
	SubscribedTopicRegex        *string         `json:"subscribedTopicRegex"`
	Token                       string          `json:"token"`
	Topics                      json.RawMessage `json:"topics"`
	Topology                    *caseTopology   `json:"topology"`
	TransactionalID             *string         `json:"transactionalId"`
	TransactionalIDs            []string        `json:"transactionalIds"`
	Transactions                []caseTxn       `json:"transactions"`
	Users                       []string        `json:"users"`
}

type caseForwarded struct {
	APIKey        int16           `json:"apiKey"`
	Version       int16           `json:"version"`
	Principal     string          `json:"principal"`
	ClientAddress string          `json:"clientAddress"`
	Request       json.RawMessage `json:"request"`
}

// caseTopic is a topic by name (also as a plain string) or by id.
type caseTopic struct {
	Name          string  `json:"name"`
	TopicID       *string `json:"topicId"`
	Idempotent    bool    `json:"idempotent"`
	Transactional bool    `json:"transactional"`
}

func (t *caseTopic) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Name)
	}
	type plain caseTopic
	return decodeStrictly(data, (*plain)(t))
}

type caseGroup struct {
	GroupID string       `json:"groupId"`
	Topics  *[]caseTopic `json:"topics"`
}

type caseTxn struct {
	TransactionalID string      `json:"transactionalId"`
	Topics          []caseTopic `json:"topics"`
}

type caseResource struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type caseTopology struct {
	SourceTopics            []string `json:"sourceTopics"`
	RepartitionSinkTopics   []string `json:"repartitionSinkTopics"`
	RepartitionSourceTopics []string `json:"repartitionSourceTopics"`
	StateChangelogTopics    []string `json:"stateChangelogTopics"`
}

// caseOutcome is what a case expects. Absent fields are not compared, but an
// absent error is no error and absent items are none.
type caseOutcome struct {
	RequestError     string            `json:"requestError"`
	Placement        string            `json:"placement"`
	Items            map[string]string `json:"items"`
	Fields           *caseFields       `json:"fields"`
	Hidden           []string          `json:"hidden"`
	ConnectionClosed bool              `json:"connectionClosed"`
}

type caseFields struct {
	AutoCreate           *[]string          `json:"autoCreate"`
	CreateTopics         *[]string          `json:"createTopics"`
	UnauthorizedToCreate *[]string          `json:"unauthorizedToCreate"`
	ResolvedRegex        *[]string          `json:"resolvedRegex"`
	ClusterOperations    *ops.Set           `json:"clusterAuthorizedOperations"`
	TopicOperations      map[string]ops.Set `json:"topicAuthorizedOperations"`
	Operations           map[string]ops.Set `json:"authorizedOperations"`
	TopicConfigErrorCode map[string]string  `json:"topicConfigErrorCode"`
	Names                map[string]*string `json:"names"`
	Results              *[]json.RawMessage `json:"results"`
	Inner                *caseOutcome       `json:"inner"`
}

// decodeStrictly decodes one JSON value and refuses fields that v does not have.
func decodeStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// opsEvaluate evaluates a request; the mutation test puts a changed table here.
type opsEvaluate func(ops.Authorizer, *ops.Request) ops.Outcome

// replayOpsCases replays one row of the family ops_cases: what the protocol table
// makes of a request, compared with what Kafka's handlers answer. A check is one
// compared value.
func replayOpsCases(row []byte) (checks int, mismatches []string, err error) {
	return replayOpsCase(row, ops.Evaluate)
}

func replayOpsCase(row []byte, evaluate opsEvaluate) (checks int, mismatches []string, err error) {
	var c opsCase
	if err := decodeStrictly(row, &c); err != nil {
		return 0, nil, err
	}
	c.Principal = orDefault(c.Principal, "User:alice")
	c.Host = orDefault(c.Host, "127.0.0.1")
	r, err := c.request(ops.APIKey(c.APIKey), c.Version, c.Principal, c.Request)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	if r.Endpoint, err = caseEndpoint(c.Endpoint); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	cmp := comparison{c: &c}
	if _, ok := ops.Lookup(r.Key); !ok || enumName(r.Key) != strings.ReplaceAll(c.API, "_", "") {
		cmp.differ("the name of API %d", r.Key, c.API)
	}
	a, err := newCaseAuthorizer(c.ACLs, c.Config, c.Principal, c.Host)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	out := evaluate(a, r)
	if out.Passes() && r.Embedded != nil {
		if out.Inner, err = c.evaluateInner(a, r); err != nil {
			return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
		}
	}
	cmp.compare(r, &out, &c.Expect)
	return cmp.checks, cmp.mismatches, nil
}

// evaluateInner returns the outcome of the request that an Envelope carries.
func (c *opsCase) evaluateInner(a ops.Authorizer, r *ops.Request) (*ops.Outcome, error) {
	var err error
	session := func(principal, address string) ops.Authorizer {
		inner, e := newCaseAuthorizer(c.ACLs, c.Config, principal, address)
		if e != nil {
			err = e
		}
		return inner
	}
	return ops.EvaluateEnvelope(a, r, session).Inner, err
}

func orDefault(s, value string) string {
	if s == "" {
		return value
	}
	return s
}

func enumName(k ops.APIKey) string { return strings.ToUpper(k.String()) }

func caseEndpoint(name string) (ops.Endpoint, error) {
	for _, e := range []ops.Endpoint{ops.Broker, ops.Controller} {
		if strings.EqualFold(e.String(), name) {
			return e, nil
		}
	}
	return 0, fmt.Errorf("unknown endpoint %q", name)
}

// request makes the request of the case, or the one that its Envelope carries.
func (c *opsCase) request(key ops.APIKey, version int16, principal string, data json.RawMessage) (*ops.Request, error) {
	var q caseRequest
	if err := decodeStrictly(data, &q); err != nil {
		return nil, err
	}
	protocol, err := caseProtocol(c.Config.SecurityProtocol)
	if err != nil {
		return nil, err
	}
	r := &ops.Request{
		Key: key, Version: version,
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
		AllowAutoCreate:          q.AllowAutoTopicCreation == nil || *q.AllowAutoTopicCreation,
		AutoCreateDisabled:       c.Config.AutoCreateTopicsEnable != nil && !*c.Config.AutoCreateTopicsEnable,
		IncludeClusterOperations: q.IncludeClusterAuthorizedOps,
		IncludeOperations:        q.IncludeTopicAuthorizedOps || q.IncludeAuthorizedOperations,
		NoProtocol:               isNull(q.ProtocolType) || isNull(q.ProtocolName),
		FeatureDisabled:          c.Config.FeatureDisabled,
		TokensDisabled:           c.Config.TokenAuthEnabled != nil && !*c.Config.TokenAuthEnabled,
	}
	for _, fill := range []func(*ops.Request, *caseRequest) error{
		c.fillTopics, c.fillGroups, c.fillTransactions, c.fillResources, c.fillTokens, c.fillHeartbeat, c.fillEmbedded,
	} {
		if err := fill(r, &q); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func isNull(data json.RawMessage) bool { return string(data) == "null" }

func caseProtocol(name string) (ops.SecurityProtocol, error) {
	protocols := map[string]ops.SecurityProtocol{
		"": ops.Plaintext, "PLAINTEXT": ops.Plaintext, "SSL": ops.SSL,
		"SASL_PLAINTEXT": ops.SASLPlaintext, "SASL_SSL": ops.SASLSSL,
	}
	p, ok := protocols[name]
	if !ok {
		return 0, fmt.Errorf("unknown security protocol %q", name)
	}
	return p, nil
}

// The APIs whose requests name their topics by leaving the list out, empty, or
// null.
const (
	metadata                = 3
	listGroups              = 16
	describeTransactions    = 65
	listTransactions        = 66
	describeTopicPartitions = 75
	renewToken              = 39
	expireToken             = 40
	describeTokens          = 41
)

func (c *opsCase) fillTopics(r *ops.Request, q *caseRequest) error {
	var topics []caseTopic
	if len(q.Topics) > 0 {
		if err := json.Unmarshal(q.Topics, &topics); err != nil {
			return err
		}
	}
	r.AllTopics = r.Key == metadata && (isNull(q.Topics) || r.Version == 0 && len(topics) == 0) ||
		r.Key == describeTopicPartitions && len(topics) == 0
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
	var topics []caseTopic
	for _, name := range names {
		topics = append(topics, caseTopic{Name: name})
	}
	return c.caseTopics(topics)
}

func (c *opsCase) caseTopics(topics []caseTopic) []ops.Topic {
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

func (c *opsCase) fillGroups(r *ops.Request, q *caseRequest) error {
	names := q.GroupIDs
	if r.Key == listGroups {
		names = c.Config.Groups
	}
	var groups []json.RawMessage
	if len(q.Groups) > 0 {
		if err := json.Unmarshal(q.Groups, &groups); err != nil {
			return err
		}
	}
	for _, data := range groups {
		if data[0] == '"' {
			var name string
			if err := json.Unmarshal(data, &name); err != nil {
				return err
			}
			names = append(names, name)
			continue
		}
		var g caseGroup
		if err := decodeStrictly(data, &g); err != nil {
			return err
		}
		h := ops.Holder{Name: g.GroupID, AllTopics: g.Topics == nil}
		if h.AllTopics {
			h.Topics = c.topics(c.Config.Committed[g.GroupID])
		} else {
			h.Topics = c.caseTopics(*g.Topics)
		}
		r.Groups = append(r.Groups, h)
	}
	for _, name := range names {
		r.Groups = append(r.Groups, ops.Holder{Name: name, Topics: c.topics(c.Config.GroupTopics[name])})
	}
	return nil
}

func (c *opsCase) fillTransactions(r *ops.Request, q *caseRequest) error {
	for _, t := range q.Transactions {
		r.Transactions = append(r.Transactions, ops.Holder{Name: t.TransactionalID, Topics: c.caseTopics(t.Topics)})
	}
	ids := q.TransactionalIDs
	if r.Key == listTransactions {
		for id := range c.Config.Transactions {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	for _, id := range ids {
		r.Transactions = append(r.Transactions, ops.Holder{Name: id, Topics: c.topics(c.Config.Transactions[id])})
	}
	return nil
}

// configTypes are the types of the resources, by name. A name that is none stands
// for a type without configuration.
var configTypes = map[string]ops.ConfigType{
	"TOPIC": ops.TopicConfig, "BROKER": ops.BrokerConfig, "BROKER_LOGGER": ops.BrokerLoggerConfig,
	"CLIENT_METRICS": ops.ClientMetricsConfig, "GROUP": ops.GroupConfig,
}

func (c *opsCase) fillResources(r *ops.Request, q *caseRequest) error {
	node := 1
	if c.Config.NodeID != nil {
		node = *c.Config.NodeID
	}
	for _, res := range q.Resources {
		t := configTypes[res.Type]
		r.Resources = append(r.Resources, ops.ConfigResource{
			Type: t, Name: res.Name,
			Exists:    slices.Contains(c.Config.Topics, res.Name),
			OtherNode: t&(ops.BrokerConfig|ops.BrokerLoggerConfig) != 0 && res.Name != "" && res.Name != fmt.Sprint(node),
		})
	}
	return nil
}

func (c *opsCase) fillTokens(r *ops.Request, q *caseRequest) error {
	for _, t := range c.Config.Tokens {
		token := ops.Token{ID: t.ID, Owner: t.Owner, Requester: t.Requester, Renewers: t.Renewers, Expired: t.Expired}
		switch r.Key {
		case renewToken, expireToken:
			if t.ID == q.Token {
				r.Tokens = append(r.Tokens, token)
			}
		case describeTokens:
			if q.Owners == nil || slices.Contains(*q.Owners, t.Owner) {
				r.Tokens = append(r.Tokens, token)
			}
		}
	}
	return nil
}

func (c *opsCase) fillHeartbeat(r *ops.Request, q *caseRequest) error {
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

func (c *opsCase) fillEmbedded(r *ops.Request, q *caseRequest) error {
	f := q.Forwarded
	if f == nil {
		return nil
	}
	r.Embedded = &ops.Embedded{Principal: f.Principal, ClientAddress: orDefault(f.ClientAddress, "127.0.0.1")}
	if isNull(f.Request) {
		return nil
	}
	var err error
	r.Embedded.Request, err = c.request(ops.APIKey(f.APIKey), f.Version, f.Principal, f.Request)
	return err
}

// comparison collects what differs between an outcome and the expected one.
type comparison struct {
	c          *opsCase
	within     string
	checks     int
	mismatches []string
}

func (m *comparison) differ(what string, got, want any) {
	m.mismatches = append(m.mismatches, fmt.Sprintf("%s: %s%s: got %v, Kafka gives %v (%s)", m.c.ID, m.within, what, got, want, m.c.Why))
}

// check compares one value by its printed form; maps print in order of their keys.
func (m *comparison) check(what string, got, want any) {
	m.checks++
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		m.differ(what, g, w)
	}
}

func (m *comparison) compare(r *ops.Request, out *ops.Outcome, want *caseOutcome) {
	if !want.ConnectionClosed {
		m.check("request error", out.Error, orDefault(want.RequestError, "NONE"))
	}
	m.check("connection closed", out.CloseConnection, want.ConnectionClosed)
	items := make(map[string]string)
	for i := range out.Items {
		items[itemName(r, &out.Items[i])] = out.Items[i].Code.String()
	}
	if want.Items == nil {
		want.Items = map[string]string{}
	}
	m.check("items", items, want.Items)
	for _, name := range want.Hidden {
		_, shown := items[name]
		m.check("shows "+name, shown, false)
	}
	if want.Fields != nil {
		m.compareFields(r, out, want.Fields)
	}
}

// itemName names an entry as the cases do: "t1", "g1/t1", "id:A", "TOPIC:t1".
func itemName(r *ops.Request, it *ops.Item) string {
	switch {
	case it.Config != 0 || len(r.Resources) > 0:
		for name, t := range configTypes {
			if t == it.Config {
				return name + ":" + r.NameOf(it)
			}
		}
		return "UNKNOWN:" + r.NameOf(it)
	case it.Parent >= 0 && len(r.Groups) > 0:
		g := r.Groups[it.Parent]
		return g.Name + "/" + topicName(&g.Topics[it.Index])
	case it.Parent >= 0:
		t := r.Transactions[it.Parent]
		return t.Name + "/" + topicName(&t.Topics[it.Index])
	case it.Type == resource.Topic:
		return topicName(&r.Topics[it.Index])
	default:
		return r.NameOf(it)
	}
}

func topicName(t *ops.Topic) string {
	if t.ByID {
		return "id:" + strings.TrimRight(string(t.ID[:]), "\x00")
	}
	return t.Name
}

func (m *comparison) compareFields(r *ops.Request, out *ops.Outcome, want *caseFields) {
	for _, list := range []struct {
		what string
		got  []string
		want *[]string
	}{
		{"autoCreate", out.Create, want.AutoCreate},
		{"createTopics", out.Create, want.CreateTopics},
		{"unauthorizedToCreate", out.CannotCreate, want.UnauthorizedToCreate},
		{"resolvedRegex", out.Matched, want.ResolvedRegex},
	} {
		if list.want != nil {
			m.check(list.what, slices.Sorted(slices.Values(list.got)), slices.Sorted(slices.Values(*list.want)))
		}
	}
	if want.ClusterOperations != nil {
		m.check("has clusterAuthorizedOperations", out.HasClusterOperations, true)
		m.check("clusterAuthorizedOperations", out.ClusterOperations, *want.ClusterOperations)
	}
	if want.Results != nil {
		m.check("results", len(*want.Results) == 0, out.Empty)
	}
	m.compareItemFields(r, out, want)
	if want.Inner != nil {
		if out.Inner == nil {
			m.differ("inner", "no outcome", "one")
			return
		}
		m.within = "inner: "
		m.compare(r.Embedded.Request, out.Inner, want.Inner)
	}
}

func (m *comparison) compareItemFields(r *ops.Request, out *ops.Outcome, want *caseFields) {
	operations, configCodes := map[string]ops.Set{}, map[string]string{}
	for i := range out.Items {
		it := &out.Items[i]
		name := itemName(r, it)
		if it.HasOperations {
			operations[name] = it.Operations
		}
		if it.Code == ops.None {
			configCodes[name] = it.ConfigCode.String()
		}
		if shown, ok := want.Names[name]; ok {
			m.check("name withheld of "+name, it.NameWithheld, shown == nil)
			m.check("name of "+name, r.NameOf(it), deref(shown))
		}
	}
	if want.TopicOperations != nil {
		m.check("topicAuthorizedOperations", operations, want.TopicOperations)
	}
	if want.Operations != nil {
		m.check("authorizedOperations", operations, want.Operations)
	}
	if want.TopicConfigErrorCode != nil {
		m.check("topicConfigErrorCode", configCodes, want.TopicConfigErrorCode)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// newCaseAuthorizer returns what answers for a principal at a host: an obvious
// evaluation of the documented rules over the ACLs of a case.
func newCaseAuthorizer(acls []caseACL, config caseConfig, principal, host string) (ops.Authorizer, error) {
	a := &caseAuthorizer{
		superUser: slices.Contains(config.SuperUsers, principal), allowIfNoACL: config.AllowEveryoneIfNoACLFound,
		principal: principal, host: host,
	}
	for _, acl := range acls {
		rule := caseRule{principal: acl.Principal, host: acl.Host, deny: acl.Permission == "DENY"}
		if !rule.deny && acl.Permission != "ALLOW" {
			return nil, fmt.Errorf("unknown permission %q", acl.Permission)
		}
		var err error
		if rule.pattern.Type, err = resource.ParseType(acl.ResourceType); err != nil {
			return nil, err
		}
		if rule.pattern.PatternType, err = resource.ParsePatternType(acl.PatternType); err != nil {
			return nil, err
		}
		if rule.operation, err = ops.ParseOperation(acl.Operation); err != nil {
			return nil, err
		}
		rule.pattern.Name = acl.Name
		a.rules = append(a.rules, rule)
	}
	return a, nil
}

type caseRule struct {
	pattern         resource.Pattern
	principal, host string
	operation       ops.Operation
	deny            bool
}

// caseAuthorizer answers by going through every ACL.
type caseAuthorizer struct {
	rules           []caseRule
	principal, host string
	superUser       bool
	allowIfNoACL    bool
}

// applies reports whether a rule speaks about the operation of the principal at
// the host.
func (a *caseAuthorizer) applies(rule *caseRule, op ops.Operation) bool {
	operations := ops.AllowedBy(rule.operation)
	if rule.deny {
		operations = ops.DeniedBy(rule.operation)
	}
	return operations.Has(op) &&
		(rule.principal == a.principal || rule.principal == "User:*") &&
		(rule.host == a.host || rule.host == "*")
}

func (a *caseAuthorizer) Allowed(op ops.Operation, t resource.Type, name string) bool {
	if a.superUser {
		return true
	}
	allowed, covered := false, false
	for i := range a.rules {
		rule := &a.rules[i]
		if !rule.pattern.Covers(t, name) {
			continue
		}
		covered = true
		if a.applies(rule, op) {
			if rule.deny {
				return false
			}
			allowed = true
		}
	}
	return allowed || !covered && a.allowIfNoACL
}

// AllowedAny tries names enough to decide whether there is one that the operation
// is allowed on: of each pattern its name, and its name made longer by a suffix
// that no ACL has. (A longer deny cannot cover all names below a shorter allow.)
func (a *caseAuthorizer) AllowedAny(op ops.Operation, t resource.Type) bool {
	const suffix = "\x01unlikely"
	names := []string{suffix}
	for i := range a.rules {
		names = append(names, a.rules[i].pattern.Name, a.rules[i].pattern.Name+suffix)
	}
	return slices.ContainsFunc(names, func(name string) bool { return a.Allowed(op, t, name) })
}

// opsCaseFiles are the cases taken from Kafka's handlers, and those written beside
// them so that each step of the table decides some case, in both directions; with
// the number of rows of each.
var opsCaseFiles = map[string]int{"ops_cases.jsonl.gz": 244, "ops_cases_own.jsonl": 91}

// opsCaseRows returns the rows of a file of cases.
func opsCaseRows(t testing.TB, name string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	rows := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if want := opsCaseFiles[name]; len(rows) != want {
		t.Fatalf("%s: %d rows, want %d", name, len(rows), want)
	}
	return rows
}

func TestOpsCases(t *testing.T) {
	total := 0
	for name := range opsCaseFiles {
		for _, row := range opsCaseRows(t, name) {
			checks, mismatches, err := replayOpsCases(row)
			if err != nil {
				t.Errorf("unreadable: %v: %s", err, row)
			}
			for _, m := range mismatches {
				t.Error(m)
			}
			total += checks
		}
	}
	t.Logf("%d checks", total)
}

func TestOpsCasesAreDecodedStrictly(t *testing.T) {
	for _, row := range []string{
		`{}`, `{"id":"x","colour":1}`, `not json`,
		`{"id":"x","apiKey":3,"api":"METADATA","version":9,"endpoint":"moon","request":{}}`,
		`{"id":"x","apiKey":3,"api":"METADATA","version":9,"endpoint":"broker","request":{"colour":1}}`,
		`{"id":"x","apiKey":3,"api":"METADATA","version":9,"endpoint":"broker","request":{},"acls":[{"resourceType":"TOPIC","patternType":"LITERAL","operation":"READ","permission":"MAYBE"}]}`,
	} {
		if _, _, err := replayOpsCases([]byte(row)); err == nil {
			t.Errorf("read without an error: %s", row)
		}
	}
}
