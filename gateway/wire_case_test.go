package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// wireCase is a request with the ACLs and the state it meets, and what Kafka's handlers
// answer: a row of the family ops_cases in fuzz/testdata.
type wireCase struct {
	ID      string `json:"id"`
	APIKey  int16  `json:"apiKey"`
	Version int16  `json:"version"`
	At      string `json:"endpoint"`
	Who     string `json:"principal"`
	Host    string `json:"host"`
	Request json.RawMessage
	ACLs    []wireACL  `json:"acls"`
	Config  wireConfig `json:"config"`
	Expect  wireExpect `json:"expect"`
}

type wireACL struct {
	ResourceType resource.Type        `json:"resourceType"`
	Name         string               `json:"name"`
	PatternType  resource.PatternType `json:"patternType"`
	Principal    string               `json:"principal"`
	Host         string               `json:"host"`
	Operation    ops.Operation        `json:"operation"`
	Permission   acl.PermissionType   `json:"permission"`
}

type wireConfig struct {
	Topics                []string            `json:"topics"`
	TopicIDs              map[string]string   `json:"topicIds"`
	Groups                []string            `json:"groups"`
	GroupTopics           map[string][]string `json:"groupTopics"`
	Committed             map[string][]string `json:"committed"`
	Transactions          map[string][]string `json:"transactions"`
	Tokens                []json.RawMessage   `json:"tokens"`
	TokenAuthenticated    bool                `json:"tokenAuthenticated"`
	TokenAuthEnabled      *bool               `json:"tokenAuthEnabled"`
	SecurityProtocol      string              `json:"securityProtocol"`
	Forwarded             bool                `json:"forwarded"`
	AutoCreate            *bool               `json:"autoCreateTopicsEnable"`
	MissingInternalTopics []string            `json:"missingInternalTopics"`
	NodeID                *int                `json:"nodeId"`
	SuperUsers            []string            `json:"superUsers"`
	AllowIfNoACL          bool                `json:"allowEveryoneIfNoAclFound"`
	FeatureDisabled       bool                `json:"featureDisabled"`
}

type wireExpect struct {
	RequestError     string            `json:"requestError"`
	Items            map[string]string `json:"items"`
	Fields           wireFields        `json:"fields"`
	Hidden           []string          `json:"hidden"`
	ConnectionClosed bool              `json:"connectionClosed"`
}

type wireFields struct {
	AutoCreate           *[]string          `json:"autoCreate"`
	CreateTopics         *[]string          `json:"createTopics"`
	UnauthorizedToCreate *[]string          `json:"unauthorizedToCreate"`
	ResolvedRegex        *[]string          `json:"resolvedRegex"`
	ClusterOperations    *ops.Set           `json:"clusterAuthorizedOperations"`
	TopicOperations      map[string]ops.Set `json:"topicAuthorizedOperations"`
	Operations           map[string]ops.Set `json:"authorizedOperations"`
	TopicConfigErrorCode map[string]string  `json:"topicConfigErrorCode"`
	Inner                *wireExpect        `json:"inner"`
}

// wireCases returns the cases taken from Kafka's handlers, and those written beside them.
func wireCases(t testing.TB) (cases []wireCase) {
	t.Helper()
	for name, rows := range map[string]int{"ops_cases.captured.jsonl.gz": 244, "ops_cases.own.jsonl": 97} {
		data, err := os.ReadFile(filepath.Join("..", "fuzz", "testdata", name))
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
		n := 0
		for line := range bytes.Lines(data) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			c := wireCase{Who: "User:alice", Host: "127.0.0.1"}
			if err := json.Unmarshal(line, &c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n++
			cases = append(cases, c)
		}
		if n != rows {
			t.Fatalf("%s: %d rows, expected %d", name, n, rows)
		}
	}
	slices.SortStableFunc(cases, func(a, b wireCase) int { return int(a.APIKey) - int(b.APIKey) })
	return cases
}

// gateway returns a gateway with the ACLs and the state of the case.
func (c *wireCase) gateway(t *testing.T) *Gateway {
	t.Helper()
	superUsers, err := principal.ParseList(strings.Join(c.Config.SuperUsers, ";"))
	if err != nil {
		t.Fatal(err)
	}
	store := snapshot.NewStore(snapshot.Config{SuperUsers: superUsers, AllowIfNoACL: c.Config.AllowIfNoACL})
	err = store.Update(func(tx *snapshot.Tx) error {
		for _, a := range c.ACLs {
			tx.Add(acl.Binding{
				Pattern: resource.Pattern{Type: a.ResourceType, PatternType: a.PatternType, Name: a.Name},
				Entry:   acl.Entry{Principal: a.Principal, Host: a.Host, Operation: a.Operation, Permission: a.Permission},
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Store: store, Cluster: c, Endpoint: c.endpoint(), NoAutoCreate: c.Config.AutoCreate != nil && !*c.Config.AutoCreate})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (c *wireCase) endpoint() ops.Endpoint {
	if c.At == "controller" {
		return ops.Controller
	}
	return ops.Broker
}

func (c *wireCase) client(t *testing.T) Client {
	t.Helper()
	who, err := principal.Parse(c.Who)
	if err != nil {
		t.Fatal(err)
	}
	protocol := map[string]ops.SecurityProtocol{"SSL": ops.SSL, "SASL_PLAINTEXT": ops.SASLPlaintext, "SASL_SSL": ops.SASLSSL}[c.Config.SecurityProtocol]
	return Client{
		Subject:  snapshot.Subject{Principal: who, Host: netip.MustParseAddr(c.Host)},
		Protocol: protocol, TokenAuthenticated: c.Config.TokenAuthenticated,
	}
}

// The case is the cluster as the gateway knows it. An id is the letter that the case
// has for it, or the name of a topic that the case names in a version with ids.

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
