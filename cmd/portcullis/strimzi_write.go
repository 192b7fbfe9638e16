package main

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
)

// The parts of a KafkaUser that are written, in their order.
type (
	kafkaUser struct {
		APIVersion string         `yaml:"apiVersion"`
		Kind       string         `yaml:"kind"`
		Metadata   map[string]any `yaml:"metadata"`
		Spec       kafkaUserSpec  `yaml:"spec"`
	}
	kafkaUserSpec struct {
		Authentication map[string]any     `yaml:"authentication,omitempty"`
		Authorization  kafkaAuthorization `yaml:"authorization"`
	}
	kafkaAuthorization struct {
		Type string      `yaml:"type"`
		ACLs []kafkaRule `yaml:"acls"`
	}
	kafkaRule struct {
		Type       string        `yaml:"type"`
		Resource   kafkaResource `yaml:"resource"`
		Host       string        `yaml:"host"`
		Operations []string      `yaml:"operations"`
	}
	kafkaResource struct {
		Type        string `yaml:"type"`
		Name        string `yaml:"name,omitempty"`
		PatternType string `yaml:"patternType,omitempty"`
	}
)

// strimziUser returns the name of the KafkaUser for a principal, and whether the
// principal is the subject of a certificate.
func strimziUser(who string) (name string, byCertificate, ok bool) {
	name, ok = strings.CutPrefix(who, "User:")
	name, byCertificate = strings.CutPrefix(name, certificateName)
	return name, byCertificate, ok && isKubernetesName(name) && (!byCertificate || len(name) <= commonNameBytes)
}

// refuseStrimzi refuses ACLs that a KafkaUser cannot hold. It also refuses both of two
// principals that would be the same KafkaUser.
func refuseStrimzi(list []acl.Binding) func(b acl.Binding) string {
	principals := map[string]bool{}
	for _, b := range list {
		principals[b.Entry.Principal] = true
	}
	return func(b acl.Binding) string {
		isCluster := b.Pattern.Type == resource.Cluster
		name, _, ok := strimziUser(b.Entry.Principal)
		switch plain, certificate := "User:"+name, "User:"+certificateName+name; {
		case !ok:
			return "the principal must be User:name or User:CN=name, with the name of a Kubernetes resource: lower case letters, digits, - and ."
		case principals[plain] && principals[certificate]:
			return plain + " and " + certificate + " cannot both be the KafkaUser " + name
		case strimziTypes.word(b.Pattern.Type) == "":
			return "it knows no resource type " + b.Pattern.Type.DisplayName()
		case strimziOperations.word(b.Entry.Operation) == "":
			return "it knows no operation " + b.Entry.Operation.DisplayName()
		case isCluster && b.Pattern != resource.LiteralPattern(resource.Cluster, resource.ClusterName):
			return "in Strimzi the cluster has only the name " + resource.ClusterName
		}
		return ""
	}
}

// renderStrimzi writes a KafkaUser for each principal. The User Operator issues no
// credentials for it, because nothing but the ACLs of the user is known.
func renderStrimzi(list []acl.Binding) ([]byte, error) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b acl.Binding) int { return strings.Compare(a.Entry.Principal, b.Entry.Principal) })
	var users []kafkaUser
	for i, b := range list {
		if i == 0 || list[i-1].Entry.Principal != b.Entry.Principal {
			users = append(users, newKafkaUser(b.Entry.Principal))
		}
		users[len(users)-1].Spec.Authorization.add(b)
	}
	var buf bytes.Buffer
	if len(users) == 0 {
		return nil, nil // an error for the encoder
	}
	e := yaml.NewEncoder(&buf)
	e.SetIndent(2)
	for _, user := range users {
		if err := e.Encode(user); err != nil {
			return nil, err
		}
	}
	err := e.Close()
	return buf.Bytes(), err
}

func newKafkaUser(who string) kafkaUser {
	name, byCertificate, _ := strimziUser(who)
	user := kafkaUser{APIVersion: strimziAPI, Kind: "KafkaUser", Metadata: map[string]any{"name": name}}
	if byCertificate {
		user.Spec.Authentication = map[string]any{"type": "tls-external"}
	}
	user.Spec.Authorization.Type = "simple"
	return user
}

// add adds an ACL. If the last rule differs only in the operation, it extends that rule.
func (a *kafkaAuthorization) add(b acl.Binding) {
	rule := kafkaRule{
		Type:     strimziPermissions.word(b.Entry.Permission),
		Resource: kafkaResource{Type: strimziTypes.word(b.Pattern.Type)},
		Host:     b.Entry.Host,
	}
	if b.Pattern.Type != resource.Cluster {
		rule.Resource.Name, rule.Resource.PatternType = b.Pattern.Name, strimziPatternTypes.word(b.Pattern.PatternType)
	}
	rule.Operations = []string{strimziOperations.word(b.Entry.Operation)}
	// ACLs with the same pattern and host are adjacent, so only the last two rules matter.
	for i := range min(2, len(a.ACLs)) {
		before := &a.ACLs[len(a.ACLs)-1-i]
		if before.Resource == rule.Resource && before.Host == rule.Host && before.Type == rule.Type {
			before.Operations = append(before.Operations, rule.Operations...)
			return
		}
	}
	a.ACLs = append(a.ACLs, rule)
}
