package gateway

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// CredentialHandling says how requests that list and change the SCRAM credentials of
// users are handled. The zero CredentialHandling is ShowCredentials. With every value,
// a client that may not describe or alter the cluster is refused.
type CredentialHandling int8

const (
	// ShowCredentials answers DescribeUserScramCredentials from Config.Credentials, and
	// refuses AlterUserScramCredentials with POLICY_VIOLATION. Use it if clients log in
	// with passwords that the cluster does not know: a change in the cluster would
	// appear to succeed while the old password keeps working.
	ShowCredentials CredentialHandling = iota
	// ForwardCredentials forwards both requests to the cluster. Use it if clients log
	// in with certificates or Kerberos.
	ForwardCredentials
)

// Credential describes a SCRAM credential of a user, without secrets.
type Credential struct {
	Mechanism  int8 // Kafka's code: 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512
	Iterations int32
}

// describeCredentials answers DescribeUserScramCredentials.
//
// Source: Kafka's ScramImage.describe.
func describeCredentials(p *Plan) (kmsg.Response, error) {
	var known map[string][]Credential
	if p.gateway.config.Credentials != nil {
		known = p.gateway.config.Credentials()
	}
	m := p.query.message.(*kmsg.DescribeUserSCRAMCredentialsRequest)
	r := m.ResponseKind().(*kmsg.DescribeUserSCRAMCredentialsResponse)
	asked := make(map[string]int, len(m.Users)) // number of times
	var users []string
	for i := range m.Users {
		name := m.Users[i].Name
		if asked[name]++; asked[name] == 1 {
			users = append(users, name)
		}
	}
	if len(m.Users) == 0 {
		users = slices.Sorted(maps.Keys(known))
	}
	r.ErrorMessage = emptyText
	r.Results = make([]kmsg.DescribeUserSCRAMCredentialsResponseResult, 0, len(users))
	for _, user := range users {
		result := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
		result.User = user
		switch credentials := known[user]; {
		case asked[user] > 1:
			result.ErrorCode = int16(ops.DuplicateResource)
			result.ErrorMessage = new("Cannot describe SCRAM credentials for the same user twice in a single request: " + user)
		case len(credentials) == 0:
			result.ErrorCode = int16(ops.ResourceNotFound)
			result.ErrorMessage = new("Attempt to describe a user credential that does not exist: " + user)
		default:
			result.ErrorMessage = emptyText
			for _, c := range credentials {
				result.CredentialInfos = append(result.CredentialInfos,
					kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo{Mechanism: c.Mechanism, Iterations: c.Iterations})
			}
		}
		r.Results = append(r.Results, result)
	}
	return r, nil
}

// alterCredentials refuses AlterUserScramCredentials for each user in it.
func alterCredentials(p *Plan) (kmsg.Response, error) {
	m := p.query.message.(*kmsg.AlterUserSCRAMCredentialsRequest)
	r := m.ResponseKind().(*kmsg.AlterUserSCRAMCredentialsResponse)
	refuseCredentials(&refusal{
		query: new(query), code: int16(ops.PolicyViolation), words: new("the passwords of clients are kept elsewhere and cannot be changed here"),
	}, m, r)
	return r, nil
}
