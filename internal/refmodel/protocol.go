package refmodel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Protocol is the protocol table as in docs/protocol.json, by API key, in words and
// numbers.
type Protocol map[ops.APIKey]protocolRow

type protocolRow struct {
	Key                    ops.APIKey
	MinVersion, MaxVersion int16
	Listeners              []string
	Forwarded, Forwardable bool
	Items                  []struct {
		protocolRange
		Of         string
		WithTopics bool
	}
	Steps           []protocolStep
	Guards          []protocolGuard
	OperationFields []struct {
		Type       resource.Type
		MinVersion int16
		Always     bool
	}
	AllOrNothing string
	MayBeSilent  bool
	Since        string
	Newer        []struct {
		Version int16
		Since   string
	}
	// For people only.
	Name, RemovedIn, Placement   string
	Handlers, Differences, Notes []string
	Documented                   []ops.Permission
}

// protocolRange says where a part of a row applies.
type protocolRange struct {
	Endpoint               string
	MinVersion, MaxVersion int16
}

type protocolStep struct {
	protocolRange
	Operation           ops.Operation
	Type                resource.Type
	Name, When, Configs string
	Combine             string
	FallbackOf          int
	Denied              protocolEffect
	PerItem             bool
	Since               string
	Path, Note          string
	// For the audit log only; the model ignores these.
	QuietDenial, QuietWhenAll bool
}

type protocolGuard struct {
	protocolRange
	After         int
	When, Configs string
	Since, Until  string
	Effect        protocolEffect
}

type protocolEffect struct {
	Scope, Code, WhenAll, WhenByID string
	CodeFrom, WholeBelow           int16
	HidesName                      bool
}

// ReadProtocol parses docs/protocol.json. An unknown key is an error.
func ReadProtocol(data []byte) (Protocol, error) {
	var rows []protocolRow
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		return nil, err
	}
	p := Protocol{}
	for _, row := range rows {
		p[row.Key] = row
	}
	return p, nil
}

// Response is what the response to a request may show.
type Response struct {
	Error         string
	Closed, Empty bool
	Entries       []Entry
	LeftOut       []Entry // only the place of these counts
	Create        []string
	CannotCreate  []string
	Matched       []string
	// ClusterOperations is the cluster's KIP-430 field; nil if the request does not ask
	// for it.
	ClusterOperations *ops.Set
}

// Entry is one entry of a response.
type Entry struct {
	Parent, Index      int
	Name               string // "" if it is withheld
	Error, ConfigError string
	Operations         *ops.Set // nil if the entry has no such field
}

// ResponseOf returns an outcome as a Response.
func ResponseOf(r *ops.Request, out *ops.Outcome) Response {
	response := Response{Error: out.Error.String(), Closed: out.CloseConnection, Empty: out.Empty,
		Create: out.Create, CannotCreate: out.CannotCreate, Matched: out.Matched}
	if out.HasClusterOperations {
		response.ClusterOperations = &out.ClusterOperations
	}
	for i := range out.Items {
		it := &out.Items[i]
		e := Entry{int(it.Parent), int(it.Index), r.NameOf(it), it.Code.String(), it.ConfigCode.String(), nil}
		if it.HasOperations {
			e.Operations = &it.Operations
		}
		response.Entries = append(response.Entries, e)
	}
	for _, it := range out.Filtered {
		response.LeftOut = append(response.LeftOut, Entry{Parent: int(it.Parent), Index: int(it.Index)})
	}
	return response
}

// CompareResponses describes the first difference between got and want, or returns "".
func CompareResponses(got, want Response) string {
	for _, part := range []struct {
		name      string
		got, want any
	}{
		{"error", got.Error, want.Error},
		{"connection closed", got.Closed, want.Closed},
		{"empty", got.Empty, want.Empty},
		{"entries", texts(got.Entries), texts(want.Entries)},
		{"left out", texts(got.LeftOut), texts(want.LeftOut)},
		{"to create", got.Create, want.Create},
		{"not to create", got.CannotCreate, want.CannotCreate},
		{"matched", got.Matched, want.Matched},
		{"operations of the cluster", setText(got.ClusterOperations), setText(want.ClusterOperations)},
	} {
		if g, w := fmt.Sprintf("%q", part.got), fmt.Sprintf("%q", part.want); g != w {
			return fmt.Sprintf("%s: %s, the model says %s", part.name, g, w)
		}
	}
	return ""
}

func texts(entries []Entry) (list []string) {
	for _, e := range entries {
		list = append(list, fmt.Sprintf("%d/%d %s: %s, %s, %s", e.Parent, e.Index, e.Name, e.Error, e.ConfigError, setText(e.Operations)))
	}
	return list
}

func setText(set *ops.Set) string {
	if set == nil {
		return "no field"
	}
	return fmt.Sprintf("%b", *set)
}

// Answer returns what a response to r may show to the subject of a, by reading the
// table word by word.
func (p Protocol) Answer(a ops.Authorizer, r *ops.Request) Response {
	row, ok := p[r.Key]
	endpoints := map[ops.Endpoint]string{ops.Broker: "BROKER", ops.Controller: "CONTROLLER"}
	at := endpoints[r.Endpoint]
	release, known := protocolReleases[r.Release]
	for _, n := range row.Newer {
		if n.Since > release && n.Version <= row.MaxVersion {
			row.MaxVersion = n.Version - 1
		}
	}
	if !ok || !known || row.Since > release || r.Version < row.MinVersion || r.Version > row.MaxVersion || !slices.Contains(row.Listeners, at) {
		return Response{Error: "UNSUPPORTED_VERSION", Closed: r.Key != ops.APIVersionsKey} // ApiVersions is answered
	}
	e := protocolEvaluation{table: p, row: row, release: release, at: at, a: a, r: r, allowed: map[int]bool{}, answer: Response{Error: none}}
	e.list()
	for n := 0; n <= len(row.Steps); n++ {
		if n > 0 && !e.failed {
			e.step(n, row.Steps[n-1])
		}
		if n == len(row.Steps) && !e.failed {
			e.showOperations()
			e.create()
		}
		for _, g := range row.Guards {
			if g.After == n && !e.failed && e.inForce(g.protocolRange) && g.Since <= e.release && (g.Until == "" || g.Until >= e.release) {
				e.guard(g)
			}
		}
	}
	e.settle()
	return e.answer
}

const none = "NONE"

// protocolReleases are the releases in the words of the table. They are in order as text.
var protocolReleases = map[ops.Release]string{0: "4.4", ops.Kafka42: "4.2", ops.Kafka43: "4.3", ops.Kafka44: "4.4"}

// protocolEvaluation is the evaluation of one request.
type protocolEvaluation struct {
	table   Protocol
	row     protocolRow
	release string
	at      string
	a       ops.Authorizer
	r       *ops.Request
	entries []*protocolEntry
	allowed map[int]bool // the steps that allowed the request as a whole
	failed  bool
	answer  Response
}

// protocolEntry is an entry of the response with the state of its evaluation.
type protocolEntry struct {
	Entry
	list     string
	holder   *protocolEntry // for a topic of a group or a transaction, if that has an entry too
	typ      resource.Type
	name     string
	topic    *ops.Topic
	of       *ops.TopicSet // the group or the transaction itself, or that of the topic
	config   *ops.ConfigResource
	token    *ops.Token
	allowed  map[int]bool
	leftOut  bool
	nameless bool // the name is withheld if there is an error
}

func (e *protocolEntry) passes() bool { return e.Error == none && !e.leftOut }

// inForce reports whether a part of the row applies to the request. The controller's
// parts also apply to requests that a broker forwards to it.
func (e *protocolEvaluation) inForce(in protocolRange) bool {
	if e.r.Version < in.MinVersion || in.MaxVersion > 0 && e.r.Version > in.MaxVersion {
		return false
	}
	return in.Endpoint == "" || in.Endpoint == e.at || in.Endpoint == "CONTROLLER" && e.row.Forwarded
}

// list adds the entries of the first list that applies.
func (e *protocolEvaluation) list() {
	for _, list := range e.row.Items {
		if !e.inForce(list.protocolRange) {
			continue
		}
		switch list.Of {
		case eachTopic:
			for i := range e.r.Topics {
				e.add(protocolEntry{list: eachTopic, typ: resource.Topic, name: e.r.Topics[i].Name, topic: &e.r.Topics[i]}, -1, i)
			}
		case eachGroup:
			for i := range e.r.Groups {
				e.addHolder(eachGroup, "each topic of each group", resource.Group, &e.r.Groups[i], i, true, list.WithTopics)
			}
		case eachTransaction, eachTransactionTopic:
			for i := range e.r.Transactions {
				self := list.Of == eachTransaction
				e.addHolder(eachTransaction, eachTransactionTopic, resource.TransactionalID, &e.r.Transactions[i], i, self, list.WithTopics || !self)
			}
		case "each key":
			types := map[ops.KeyType]resource.Type{ops.GroupKey: resource.Group, ops.TransactionKey: resource.TransactionalID, ops.ShareKey: resource.Unknown}
			typ, known := types[e.r.KeyType]
			for i := range e.r.Keys {
				if known {
					e.add(protocolEntry{list: list.Of, typ: typ, name: e.r.Keys[i]}, -1, i)
				}
			}
		case "each resource":
			for i := range e.r.Resources {
				e.add(protocolEntry{list: list.Of, name: e.r.Resources[i].Name, config: &e.r.Resources[i]}, -1, i)
			}
		case eachToken:
			for i := range e.r.Tokens {
				e.add(protocolEntry{list: eachToken, typ: resource.DelegationToken, name: e.r.Tokens[i].ID, token: &e.r.Tokens[i]}, -1, i)
			}
		default:
			panic("no list is called " + list.Of)
		}
		return
	}
}

const (
	eachTopic            = "each topic"
	eachGroup            = "each group"
	eachTransaction      = "each transactional id"
	eachTransactionTopic = "each topic of each transaction"
	eachToken            = "each token"
)

func (e *protocolEvaluation) add(entry protocolEntry, parent, index int) *protocolEntry {
	entry.Entry = Entry{Parent: parent, Index: index, Error: none, ConfigError: none}
	entry.allowed = map[int]bool{}
	e.entries = append(e.entries, &entry)
	return &entry
}

func (e *protocolEvaluation) addHolder(list, topics string, typ resource.Type, of *ops.TopicSet, i int, self, withTopics bool) {
	var holder *protocolEntry
	if self {
		holder = e.add(protocolEntry{list: list, typ: typ, name: of.Name, of: of}, -1, i)
	}
	for j := range of.Topics {
		if withTopics {
			e.add(protocolEntry{list: topics, typ: resource.Topic, name: of.Topics[j].Name, topic: &of.Topics[j], of: of, holder: holder}, i, j)
		}
	}
}

// step asks the questions of one step.
func (e *protocolEvaluation) step(n int, s protocolStep) {
	isEntryCondition, holds := e.condition(s.When)
	if !e.inForce(s.protocolRange) || s.Since > e.release || e.allowed[s.FallbackOf] || !isEntryCondition && !holds(nil) {
		return
	}
	required := s.Combine != "SUFFICIENT"
	ask := func(name string) bool { return e.a.Allowed(s.Operation, s.Type, name) }
	once := func(allowed bool) {
		e.allowed[n] = allowed
		if s.Denied.Scope == "FIELD_WITHHELD" {
			e.answer.ClusterOperations = new(ops.Set)
			if allowed || !required {
				*e.answer.ClusterOperations = e.operations(resource.Cluster, resource.ClusterName)
			}
		} else if !allowed && required {
			e.refuse(s.Denied)
		}
	}
	switch s.Name {
	case "the cluster":
		once(ask(resource.ClusterName))
	case "any resource of the type":
		once(e.a.AllowedAny(s.Operation, s.Type))
	case "the group":
		once(ask(e.r.Group))
	case "the transactional id":
		once(e.r.TransactionalID != nil && ask(*e.r.TransactionalID))
	case "the owner of the new token":
		once(ask(e.r.Owner))
	case "all topics that the member subscribes to or its topology names":
		if required && slices.ContainsFunc(e.r.Subscribed, func(name string) bool { return !ask(name) }) {
			e.refuse(s.Denied)
		}
	case "each topic that matches the subscribed pattern":
		for _, name := range e.r.Matched {
			if ask(name) {
				e.answer.Matched = append(e.answer.Matched, name)
			}
		}
	case "all topics that the coordinator wants to create":
		for _, name := range e.r.NewTopics {
			if !ask(name) {
				e.answer.CannotCreate = append(e.answer.CannotCreate, name)
			}
		}
	default:
		e.stepOfEntries(n, s, isEntryCondition, holds, ask)
	}
}

func (e *protocolEvaluation) stepOfEntries(n int, s protocolStep, isEntryCondition bool, holds func(*protocolEntry) bool, ask func(string) bool) {
	lists := map[string]string{"the topics that the members of each group are assigned": eachGroup, "the owner of each token": eachToken}
	list, ok := lists[s.Name]
	if !ok {
		list = s.Name
	}
	for _, entry := range e.entries {
		switch {
		case e.failed, entry.list != list, !entry.passes(), entry.holder != nil && !entry.holder.passes(),
			!isOfConfigs(s.Configs, entry), entry.allowed[s.FallbackOf], isEntryCondition && !holds(entry):
			continue
		}
		allowed := true
		switch {
		case s.Type == resource.Cluster:
			allowed = ask(resource.ClusterName)
		case s.Name == "the owner of each token":
			allowed = ask(entry.token.Owner)
		case list != s.Name:
			for _, topic := range entry.of.Topics {
				allowed = allowed && ask(topic.Name)
			}
		default:
			allowed = ask(entry.name)
		}
		if allowed {
			entry.allowed[n] = true
		} else if s.Combine != "SUFFICIENT" {
			e.deny(s.Denied, entry)
		}
	}
}

// configWords are the types of resources that have a configuration.
var configWords = map[ops.ConfigType]string{2: "TOPIC", 4: "BROKER", 8: "BROKER_LOGGER", 16: "CLIENT_METRICS", 32: "GROUP"}

// isOfConfigs reports whether an entry has one of the types in configs, if it names
// any. The type of the entry may be a set: then any member is enough.
func isOfConfigs(configs string, entry *protocolEntry) bool {
	if configs == "" {
		return true
	}
	for _, word := range strings.Split(configs, ", ") {
		for bit, name := range configWords {
			if name == word && entry.config != nil && entry.config.Type&bit != 0 {
				return true
			}
		}
	}
	return false
}

func (e *protocolEvaluation) guard(g protocolGuard) {
	isEntryCondition, holds := e.condition(g.When)
	if !isEntryCondition && !holds(nil) {
		return
	}
	if !isEntryCondition && g.Configs == "" {
		e.refuse(g.Effect)
		return
	}
	for _, entry := range e.entries {
		if !e.failed && entry.passes() && isOfConfigs(g.Configs, entry) && holds(entry) {
			e.deny(g.Effect, entry)
		}
	}
}

// refuse applies an effect to the whole request.
func (e *protocolEvaluation) refuse(f protocolEffect) {
	switch {
	case f.Scope == "ONE_ITEM" && e.r.Version >= f.WholeBelow:
		for _, entry := range e.entries {
			if entry.Error == none {
				entry.Error = f.Code
			}
		}
	case f.Scope == "EMPTY_RESPONSE":
		e.fail(f.Code)
		e.answer.Empty = true
		if e.r.Version < f.CodeFrom {
			e.answer.Error = none
		}
	case f.Scope != "IGNORED":
		e.fail(f.Code)
	}
}

// deny applies an effect to one entry.
func (e *protocolEvaluation) deny(f protocolEffect, entry *protocolEntry) {
	scope := f.Scope
	if entry.topic != nil && entry.topic.ByID {
		entry.nameless = entry.nameless || f.HidesName
		if f.WhenByID != "" {
			scope = f.WhenByID
		}
	}
	if e.r.AllTopics && f.WhenAll != "" {
		scope = f.WhenAll
	}
	switch {
	case scope == "IGNORED":
	case scope == "LEFT_OUT":
		entry.leftOut = true
	case scope == "FIELD_WITHHELD":
		entry.ConfigError = f.Code
	case scope == "ONE_ITEM" && e.r.Version >= f.WholeBelow:
		entry.Error = f.Code
	default:
		e.fail(f.Code)
	}
}

func (e *protocolEvaluation) fail(code string) {
	e.failed = true
	e.answer.Error = code
}

// showOperations fills in the KIP-430 fields of the entries that pass the steps.
func (e *protocolEvaluation) showOperations() {
	for _, field := range e.row.OperationFields {
		for _, entry := range e.entries {
			if entry.typ == field.Type && entry.passes() && e.r.Version >= field.MinVersion && (field.Always || e.r.IncludeOperations) {
				operations := e.operations(entry.typ, entry.name)
				entry.Operations = &operations
			}
		}
	}
}

// supportedOperations are the operations that requests ask for, by type.
//
// Source: Kafka's AclEntry.supportedOperations.
var supportedOperations = map[resource.Type]string{
	resource.Topic:           "READ WRITE CREATE DESCRIBE DELETE ALTER DESCRIBE_CONFIGS ALTER_CONFIGS",
	resource.Group:           "READ DESCRIBE DELETE DESCRIBE_CONFIGS ALTER_CONFIGS",
	resource.Cluster:         "CREATE CLUSTER_ACTION DESCRIBE_CONFIGS ALTER_CONFIGS IDEMPOTENT_WRITE ALTER DESCRIBE",
	resource.TransactionalID: "DESCRIBE WRITE TWO_PHASE_COMMIT",
	resource.DelegationToken: "DESCRIBE",
}

func (e *protocolEvaluation) operations(t resource.Type, name string) (set ops.Set) {
	for _, word := range strings.Fields(supportedOperations[t]) {
		if op := code(operationWords, word); e.a.Allowed(ops.Operation(op), t, name) {
			set |= 1 << op
		}
	}
	return set
}

// create lists the topics that the broker will create.
func (e *protocolEvaluation) create() {
	for _, s := range e.row.Steps {
		switch {
		case s.Name == "all topics that the coordinator wants to create" && len(e.answer.CannotCreate) == 0:
			e.answer.Create = append(e.answer.Create, e.r.NewTopics...)
		case s.Name == eachTopic && s.When == toBeCreated:
			_, holds := e.condition(toBeCreated)
			for _, entry := range e.entries {
				if entry.passes() && holds(entry) {
					e.answer.Create = append(e.answer.Create, entry.name)
				}
			}
		}
	}
}

// settle computes what depends on several entries.
func (e *protocolEvaluation) settle() {
	if e.failed {
		e.answer = Response{Error: e.answer.Error, Empty: e.answer.Empty}
		e.entries = nil
	}
	if e.row.AllOrNothing != "" {
		failed := map[int]bool{}
		for _, entry := range e.entries {
			failed[entry.Parent] = failed[entry.Parent] || entry.Error != none
		}
		for _, entry := range e.entries {
			if failed[entry.Parent] && entry.Error == none {
				entry.Error = e.row.AllOrNothing
			}
		}
	}
	for _, entry := range e.entries {
		if entry.Name = entry.name; entry.nameless && entry.Error != none {
			entry.Name = ""
		}
		switch {
		case entry.leftOut:
			e.answer.LeftOut = append(e.answer.LeftOut, Entry{Parent: entry.Parent, Index: entry.Index})
		case entry.holder == nil || entry.holder.passes():
			e.answer.Entries = append(e.answer.Entries, entry.Entry)
		}
	}
	if e.row.MayBeSilent && e.r.NoResponse {
		for _, entry := range e.answer.Entries {
			if e.answer.Error == none {
				e.answer.Error = entry.Error
			}
		}
		if e.answer.Error != none {
			e.answer.Closed, e.answer.Entries = true, nil
		}
	}
}
