package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// wireCase is a case, which is also the cluster as the gateway knows it.
type wireCase struct{ cases.Case }

// wireCases returns the cases taken from Kafka's handlers, and those written beside them.
func wireCases(t testing.TB) (list []wireCase) {
	t.Helper()
	read, err := cases.Read("../fuzz/testdata")
	require.NoError(t, err)
	for _, c := range read {
		list = append(list, wireCase{c})
	}
	slices.SortStableFunc(list, func(a, b wireCase) int { return int(a.APIKey) - int(b.APIKey) })
	return list
}

// gateway returns a gateway with the ACLs and the state of the case.
func (c *wireCase) gateway(t *testing.T) *Gateway {
	t.Helper()
	superUsers, err := principal.ParseList(strings.Join(c.Config.SuperUsers, ";"))
	require.NoError(t, err)
	store := snapshot.NewStore(snapshot.Config{SuperUsers: superUsers, AllowIfNoACL: c.Config.AllowEveryoneIfNoACLFound})
	require.NoError(t, store.Replace(slices.Values(cases.Bindings(c.ACLs))))
	at, err := c.Listener()
	require.NoError(t, err)
	g, err := New(Config{Store: store, Cluster: c, Endpoint: at, NoAutoCreate: c.Config.AutoCreateDisabled()})
	require.NoError(t, err)
	return g
}

func (c *wireCase) client(t *testing.T) Client {
	t.Helper()
	who, err := principal.Parse(c.Principal)
	require.NoError(t, err)
	protocol, err := c.Config.Protocol()
	require.NoError(t, err)
	return Client{
		Subject:  snapshot.Subject{Principal: who, Host: netip.MustParseAddr(c.Host)},
		Protocol: protocol, TokenAuthenticated: c.Config.TokenAuthenticated,
	}
}

// An id is the letter that the case
// has for it, or the name of a topic that the case names in a version with ids.

func (c *wireCase) Provides() Facts { return AllFacts }

func (c *wireCase) TopicName(id [16]byte) (string, bool) {
	text := strings.TrimRight(string(id[:]), "\x00")
	if len(text) == 1 {
		name, ok := c.Config.TopicIDs[text]
		return name, ok
	}
	for _, name := range c.Config.Topics {
		if strings.HasPrefix(name, text) && text != "" && idOf(name) == id {
			return name, true
		}
	}
	if strings.HasPrefix("__cluster_metadata", text) && text != "" {
		return "__cluster_metadata", true
	}
	return text, text != ""
}

func (c *wireCase) FindTopics([][16]byte)       {}
func (c *wireCase) LearnTopic([16]byte, string) {}

func (c *wireCase) MissingTopics(names []string) (missing []string, certain bool) {
	for _, name := range names {
		gone := !slices.Contains(c.Config.Topics, name)
		if c.APIKey == 88 {
			gone = slices.Contains(c.Config.MissingInternalTopics, name)
		}
		if gone {
			missing = append(missing, name)
		}
	}
	return missing, true
}

func (c *wireCase) Topics() ([]string, uint64, bool) { return c.Config.Topics, 1, true }

// StreamsTopology has the internal topics that the case says are missing: those which the
// coordinator goes on to create.
func (c *wireCase) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, c.Config.MissingInternalTopics, ops.None
}

// idOf returns the id of a topic that the case names by a letter or by its name.
func idOf(text string) (id [16]byte) {
	copy(id[:], text)
	return id
}
