package roleformats

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// maxPolicyBytes limits a policy: AWS allows 10,240 characters.
const maxPolicyBytes = 1 << 20

// mskService is the service of the actions of Kafka clients.
const mskService = "kafka-cluster"

// mskConnect is the action without which a client cannot connect. It is no operation of Kafka.
const mskConnect = "Connect"

// mskAction is an action and what Kafka asks for instead.
type mskAction struct {
	name      string
	operation ops.Operation
	kind      resource.Type
	needs     []string // actions without which AWS does not allow it, beside Connect
}

// mskActions are the actions of kafka-cluster.
//
// Source: Amazon MSK Developer Guide, "Semantics of IAM authorization policy actions and
// resources".
var mskActions = []mskAction{
	{mskConnect, ops.Unknown, resource.Cluster, nil},
	{"DescribeCluster", ops.Describe, resource.Cluster, nil},
	{"AlterCluster", ops.Alter, resource.Cluster, []string{"DescribeCluster"}},
	{"DescribeClusterDynamicConfiguration", ops.DescribeConfigs, resource.Cluster, nil},
	{"AlterClusterDynamicConfiguration", ops.AlterConfigs, resource.Cluster, []string{"DescribeClusterDynamicConfiguration"}},
	{"WriteDataIdempotently", ops.IdempotentWrite, resource.Cluster, []string{"WriteData"}},
	{"CreateTopic", ops.Create, resource.Topic, nil},
	{"DescribeTopic", ops.Describe, resource.Topic, nil},
	{"AlterTopic", ops.Alter, resource.Topic, []string{"DescribeTopic"}},
	{"DeleteTopic", ops.Delete, resource.Topic, []string{"DescribeTopic"}},
	{"DescribeTopicDynamicConfiguration", ops.DescribeConfigs, resource.Topic, nil},
	{"AlterTopicDynamicConfiguration", ops.AlterConfigs, resource.Topic, []string{"DescribeTopicDynamicConfiguration"}},
	{"ReadData", ops.Read, resource.Topic, []string{"DescribeTopic", "AlterGroup"}},
	{"WriteData", ops.Write, resource.Topic, []string{"DescribeTopic"}},
	{"DescribeGroup", ops.Describe, resource.Group, nil},
	{"AlterGroup", ops.Read, resource.Group, []string{"DescribeGroup"}},
	{"DeleteGroup", ops.Delete, resource.Group, []string{"DescribeGroup"}},
	{"DescribeTransactionalId", ops.Describe, resource.TransactionalID, nil},
	{"AlterTransactionalId", ops.Write, resource.TransactionalID, []string{"DescribeTransactionalId", "WriteData"}},
}

// arnTypes are the types of resources in an ARN.
var arnTypes = map[resource.Type]string{resource.Cluster: "cluster", resource.Topic: "topic", resource.Group: "group", resource.TransactionalID: "transactional-id"}

// clusterARN is the ARN of one cluster.
var clusterARN = regexp.MustCompile(`^(arn:aws[a-z-]{0,20}:kafka:[a-z0-9-]{1,40}:[0-9]{12}:)cluster(/[A-Za-z0-9_-]{1,64}/[A-Za-z0-9-]{1,64})$`)

// texts is a text or an array of them, as IAM has it.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil && string(data) != "null" {
		*t = texts{one}
		return nil
	}
	var list []*string
	if err := json.Unmarshal(data, &list); err != nil || list == nil || slices.Contains(list, nil) {
		return errors.New("expected a text or an array of texts")
	}
	for _, text := range list {
		*t = append(*t, *text)
	}
	return nil
}

type mskStatement struct {
	Sid          string
	Effect       string
	Action       texts
	NotAction    json.RawMessage
	Resource     texts
	NotResource  json.RawMessage
	Condition    json.RawMessage
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
}

// mskStatements is a statement or an array of them.
type mskStatements []mskStatement

func (s *mskStatements) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		*s = make(mskStatements, 1)
		return decode(data, &(*s)[0])
	}
	var list []mskStatement
	err := decode(data, &list)
	*s = list
	return err
}

// mskReader reads a policy.
type mskReader struct {
	set     *Set
	options Options
	// prefixes of the ARNs of the cluster's resources, by their type.
	prefixes map[resource.Type]string
	allowed  map[string]bool // actions that some statement allows
}

// readMSK reads an IAM policy of a principal as ACLs. What ACLs cannot say is refused: a
// condition, everything but some actions or resources, and a wildcard within a name.
func readMSK(text []byte, options Options, into *Set) error {
	if len(text) > maxPolicyBytes {
		return fmt.Errorf("expected no more than %d bytes", maxPolicyBytes)
	}
	r := &mskReader{set: into, options: options, prefixes: map[resource.Type]string{}, allowed: map[string]bool{}}
	arn := clusterARN.FindStringSubmatch(options.ClusterARN)
	switch who, err := principal.Parse(options.Principal); {
	case err != nil || who.Name == "":
		return errors.New("a policy does not say whose it is: expected --principal with the name that Kafka has for it, such as User:alice")
	case arn == nil:
		return errors.New("expected --cluster-arn with the ARN of the cluster, arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID, without wildcards")
	case options.Scope == (role.Scope{}):
		return errors.New("expected --kafka-cluster with the id or --cluster-name with the name that the cluster has in the file")
	}
	for kind, name := range arnTypes {
		r.prefixes[kind] = arn[1] + name + arn[2]
		if kind != resource.Cluster {
			r.prefixes[kind] += "/"
		}
	}
	var policy struct {
		Version   string
		ID        string `json:"Id"`
		Statement mskStatements
	}
	if err := checkKeys(text, true); err != nil {
		return err
	}
	if err := decode(text, &policy); err != nil {
		return err
	}
	if policy.Version != "2012-10-17" && policy.Version != "2008-10-17" || len(policy.Statement) == 0 {
		return errors.New(`expected a policy with "Version": "2012-10-17" and "Statement"`)
	}
	for i := range policy.Statement {
		r.statement(fmt.Sprintf("Statement[%d]", i), &policy.Statement[i])
	}
	r.companions()
	return nil
}

// statement reads a statement, if it is about Kafka.
func (r *mskReader) statement(place string, s *mskStatement) {
	if s.NotAction == nil && !slices.ContainsFunc(s.Action, concernsMSK) {
		r.set.Skipped++
		return
	}
	before := len(r.set.problems)
	for _, element := range []struct {
		name  string
		value json.RawMessage
		why   string
	}{
		{"NotAction", s.NotAction, "an ACL names what it allows or denies"},
		{"NotResource", s.NotResource, "an ACL names its resources"},
		{"Condition", s.Condition, "an ACL has no condition; without it, it would allow or deny more"},
		{"Principal", s.Principal, "expected the policy of an identity"},
		{"NotPrincipal", s.NotPrincipal, "expected the policy of an identity"},
	} {
		if element.value != nil {
			r.set.refuse(place+"."+element.name, "%s", element.why)
		}
	}
	permission := map[string]acl.PermissionType{"Allow": acl.Allow, "Deny": acl.Deny}[s.Effect]
	if permission == acl.PermissionUnknown {
		r.set.refuse(place+".Effect", "found %s, expected Allow or Deny", shown(s.Effect))
	}
	if len(s.Resource) == 0 && s.NotResource == nil {
		r.set.refuse(place+".Resource", "expected the ARN of a resource")
	}
	var wanted []mskAction
	for i, text := range s.Action {
		found := actionsOf(text)
		if concernsMSK(text) && len(found) == 0 {
			r.set.refuse(fmt.Sprintf("%s.Action[%d]", place, i), "found %s, which is no action that this version knows", shown(text))
		}
		wanted = append(wanted, found...)
	}
	if len(r.set.problems) > before {
		return
	}
	for i, arn := range s.Resource {
		r.resource(fmt.Sprintf("%s.Resource[%d]", place, i), arn, permission, wanted)
	}
}

// concernsMSK reports whether an action may be one of Kafka clients.
func concernsMSK(text string) bool {
	service, _, found := strings.Cut(text, ":")
	return !found || matches(strings.ToLower(service), mskService)
}

// actionsOf returns the actions that a text stands for. Case does not matter.
func actionsOf(text string) (list []mskAction) {
	for _, a := range mskActions {
		if matches(strings.ToLower(text), strings.ToLower(mskService+":"+a.name)) {
			list = append(list, a)
		}
	}
	return list
}

// resource adds the ACLs of the actions on a resource. An action on a resource of another type
// does nothing, as at AWS.
func (r *mskReader) resource(place, arn string, permission acl.PermissionType, wanted []mskAction) {
	if strings.Contains(arn, "${") {
		r.set.refuse(place, "found %s, expected no policy variable", shown(arn))
		return
	}
	left := false
	for _, a := range wanted {
		patterns, partial, err := r.patterns(a.kind, arn, permission)
		if err != nil {
			r.set.refuse(place, "%s: %v", a.name, err)
			return
		}
		left = left || partial
		for _, p := range patterns {
			if permission == acl.Allow {
				r.allowed[a.name] = true
			}
			switch {
			case a.name != mskConnect:
				r.add(place, p, a.operation, permission)
			case permission == acl.Deny: // a client that cannot connect can do nothing
				r.denyAll(place)
			}
		}
	}
	if left {
		r.set.note(place, "names with a slash or a colon are left out, which a * before the name may match too")
	}
}

func (r *mskReader) denyAll(place string) {
	for _, kind := range resource.Types() {
		name := resource.Wildcard
		if kind == resource.Cluster {
			name = resource.ClusterName
		}
		r.add(place, resource.LiteralPattern(kind, name), ops.All, acl.Deny)
	}
}

func (r *mskReader) add(place string, p resource.Pattern, operation ops.Operation, permission acl.PermissionType) {
	b := acl.Binding{Pattern: p, Entry: acl.Entry{Principal: r.options.Principal, Host: acl.WildcardHost, Operation: operation, Permission: permission}}
	r.set.addACL(place, r.options.Scope, b)
}

// patterns returns the resources of a type, in the cluster, that an ARN with wildcards names. A *
// before the name may also match a part of the name. What it allows then, in names that nobody
// has, is left out, which partial says; what it denies then is an error.
func (r *mskReader) patterns(kind resource.Type, arn string, permission acl.PermissionType) (list []resource.Pattern, partial bool, err error) {
	rest := residuals(arn, r.prefixes[kind])
	if kind == resource.Cluster {
		if slices.ContainsFunc(rest, func(g string) bool { return strings.Trim(g, "*") == "" }) {
			list = append(list, resource.LiteralPattern(kind, resource.ClusterName))
		}
		return list, false, nil
	}
	if slices.Contains(rest, resource.Wildcard) { // covers the others
		return []resource.Pattern{resource.LiteralPattern(kind, resource.Wildcard)}, false, nil
	}
	for _, glob := range rest {
		name, isPrefix := strings.CutSuffix(glob, "*")
		switch {
		case glob == "" || kind == resource.Topic && strings.ContainsAny(glob, "/:"): // there is no such name
		case permission == acl.Allow && strings.HasPrefix(glob, "*") && strings.ContainsAny(glob, "/:"):
			partial = true
		case strings.ContainsAny(name, "*?"):
			return nil, false, fmt.Errorf("the names %s cannot be written as ACLs, which have a wildcard only at the end: write the region, the account, the cluster and its UUID without one", shown(glob))
		case isPrefix:
			list = append(list, resource.Pattern{Type: kind, PatternType: resource.Prefixed, Name: name})
		default:
			list = append(list, resource.LiteralPattern(kind, glob))
		}
	}
	return list, partial, nil
}

// residuals returns the globs that match what follows a prefix, in all texts that begin with
// it and match a glob. A * matches any characters, also slashes and colons, and ? matches one.
func residuals(glob, prefix string) (list []string) {
	for strings.Contains(glob, "**") {
		glob = strings.ReplaceAll(glob, "**", "*")
	}
	// The positions in glob where the rest may begin. After a * is one only where the * has
	// not matched nothing: "*a" covers "a".
	at := map[int]bool{0: true}
	for i := 0; i < len(prefix); i++ {
		next := map[int]bool{}
		for p := range at {
			if p < len(glob) && glob[p] == '*' {
				next[p] = true
				p++ // the * may also end here
			}
			if p < len(glob) && (glob[p] == '?' || glob[p] == prefix[i]) {
				next[p+1] = true
			}
		}
		at = next
	}
	for p := range at {
		if p == 0 || glob[p-1] != '*' || !at[p-1] {
			list = append(list, glob[p:])
		}
	}
	slices.Sort(list)
	return list
}

// matches reports whether a text matches a glob.
func matches(glob, text string) bool {
	return slices.ContainsFunc(residuals(glob, text), func(rest string) bool { return strings.Trim(rest, "*") == "" })
}

// companions notes actions that AWS does not allow, because another one is missing. The ACLs
// allow them: another policy of the principal may have it.
func (r *mskReader) companions() {
	if len(r.allowed) > 0 && !r.allowed[mskConnect] {
		r.set.note("policy", "no statement allows %s:%s for the cluster, without which AWS allows nothing", mskService, mskConnect)
	}
	for _, a := range mskActions {
		for _, needed := range a.needs {
			if r.allowed[a.name] && !r.allowed[needed] {
				r.set.note("policy", "%s is allowed without %s, which AWS asks for too", a.name, needed)
			}
		}
	}
}
