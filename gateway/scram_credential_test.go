package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

// changeOf asks to delete the credentials of alice and to change those of bob and alice.
func changeOf() *kmsg.AlterUserSCRAMCredentialsRequest {
	m := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	m.Deletions = []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: "alice", Mechanism: 1}}
	for _, user := range []string{"bob", "alice"} {
		m.Upsertions = append(m.Upsertions, kmsg.AlterUserSCRAMCredentialsRequestUpsertion{
			Name: user, Mechanism: 2, Iterations: 4096, Salt: []byte("salt"), SaltedPassword: []byte("password"),
		})
	}
	return m
}

// If clients log in with passwords that the cluster does not know, a change of the
// cluster's passwords is refused for each user, and does not reach the cluster.
func TestCredentialsThatAreKeptElsewhereAreNotChanged(t *testing.T) {
	for name, test := range map[string]struct {
		allowed []string
		code    ops.ErrorCode
		message string
	}{
		"who may alter the cluster": {[]string{"Alter Cluster:kafka-cluster"}, ops.PolicyViolation, "the passwords of clients are kept elsewhere and cannot be changed here"},
		"who may not":               {nil, ops.ClusterAuthorizationFailed, "Cluster authorization failed."},
	} {
		t.Run(name, func(t *testing.T) {
			plan := decide(t, newGateway(t, gateway.Config{Store: allowing(t, test.allowed...)}).Conn(client("alice")), changeOf())
			require.Empty(t, plan.Forward())
			r := answer[*kmsg.AlterUserSCRAMCredentialsResponse](t, plan, changeOf())
			require.Len(t, r.Results, 2)
			for i, user := range []string{"alice", "bob"} {
				assert.Equal(t, user, r.Results[i].User)
				assert.Equal(t, int16(test.code), r.Results[i].ErrorCode)
				require.NotNil(t, r.Results[i].ErrorMessage)
				assert.Equal(t, test.message, *r.Results[i].ErrorMessage)
			}
		})
	}
}

// The credentials that clients log in with are shown, in Kafka's form.
func TestCredentialsAreThoseOfTheGateway(t *testing.T) {
	both := []gateway.Credential{{Mechanism: 1, Iterations: 4096}, {Mechanism: 2, Iterations: 8192}}
	g := newGateway(t, gateway.Config{
		Store: allowing(t, "Describe Cluster:kafka-cluster"),
		Credentials: func() map[string][]gateway.Credential {
			return map[string][]gateway.Credential{"bob": both, "alice": both[:1], "plain": nil}
		},
	})
	type shown struct {
		user string
		code int16
		n    int
	}
	for name, test := range map[string]struct {
		asked []string
		want  []shown
	}{
		"all":                  {nil, []shown{{"alice", 0, 1}, {"bob", 0, 2}, {"plain", 91, 0}}},
		"one":                  {[]string{"bob"}, []shown{{"bob", 0, 2}}},
		"one that has none":    {[]string{"carol"}, []shown{{"carol", 91, 0}}},
		"one that is twice in": {[]string{"bob", "alice", "bob"}, []shown{{"bob", 92, 0}, {"alice", 0, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
			for _, user := range test.asked {
				m.Users = append(m.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: user})
			}
			plan := decide(t, g.Conn(client("alice")), m)
			require.Empty(t, plan.Forward())
			r := answer[*kmsg.DescribeUserSCRAMCredentialsResponse](t, plan, m)
			var got []shown
			for _, result := range r.Results {
				got = append(got, shown{result.User, result.ErrorCode, len(result.CredentialInfos)})
				require.NotNil(t, result.ErrorMessage)
				assert.Equal(t, result.ErrorCode != 0, *result.ErrorMessage != "", "a text")
			}
			assert.Equal(t, test.want, got)
			assert.Equal(t, new(""), r.ErrorMessage)
		})
	}
	m := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	plan := decide(t, newGateway(t, gateway.Config{Store: allowing(t)}).Conn(client("alice")), m)
	assert.Equal(t, int16(ops.ClusterAuthorizationFailed), answer[*kmsg.DescribeUserSCRAMCredentialsResponse](t, plan, m).ErrorCode)
}

func TestCredentialsAreForwardedWhereTheyAreTheClusters(t *testing.T) {
	g := newGateway(t, gateway.Config{
		Store: allowing(t, "Describe Cluster:kafka-cluster", "Alter Cluster:kafka-cluster"), CredentialHandling: gateway.ForwardCredentials,
	})
	for _, m := range []kmsg.Request{kmsg.NewPtrDescribeUserSCRAMCredentialsRequest(), changeOf()} {
		assert.Len(t, decide(t, g.Conn(client("alice")), m).Forward(), 1)
	}
	for _, h := range []gateway.CredentialHandling{-1, 2} {
		_, err := gateway.New(gateway.Config{Store: allowing(t), CredentialHandling: h})
		assert.Error(t, err)
	}
}
