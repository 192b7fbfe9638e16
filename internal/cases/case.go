// Package cases reads the files of captured rows in fuzz/testdata, and decodes those of the
// family ops_cases. They hold requests of Kafka's protocol with the ACLs and the state that they
// meet, and what Kafka's handlers answer.
//
// fuzz/testdata/README.md describes the fields. A field that is not known is an error: a case
// that is only partly understood proves nothing.
package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Files are the files of cases, with the number of rows of each: those taken from Kafka's
// handlers, and those written in addition so that each step of the protocol table decides some
// case, both ways.
var Files = map[string]int{"ops_cases.captured.jsonl.gz": 244, "ops_cases.own.jsonl": 112}

// FileRows returns the rows of one of [Files] in dir. Another number of rows than the one
// written there is an error.
func FileRows(dir, name string) (rows [][]byte, err error) {
	err = Rows(filepath.Join(dir, name), func(_ int, row []byte) { rows = append(rows, row) })
	if err == nil && len(rows) != Files[name] {
		err = fmt.Errorf("%s has %d rows, expected %d", name, len(rows), Files[name])
	}
	return rows, err
}

// Read returns all cases of [Files] in dir, the captured ones first.
func Read(dir string) (list []Case, err error) {
	for _, name := range []string{"ops_cases.captured.jsonl.gz", "ops_cases.own.jsonl"} {
		rows, err := FileRows(dir, name)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			c, err := Decode(row)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// Case is a request with the ACLs and the state that it meets, and what Kafka's handlers answer.
type Case struct {
	ID                    string          `json:"id"`
	Release               string          `json:"release"` // of Kafka
	APIKey                int16           `json:"apiKey"`
	API                   string          `json:"api"`
	Version               int16           `json:"version"`
	Endpoint              string          `json:"endpoint"`
	ForwardedToController bool            `json:"forwardedToController"`
	Principal             string          `json:"principal"`
	Host                  string          `json:"host"`
	Request               json.RawMessage `json:"request"` // see Request
	ACLs                  []ACL           `json:"acls"`
	Config                Config          `json:"config"`
	Expect                Outcome         `json:"expect"`
	Why                   string          `json:"why"`
	Source                string          `json:"source"`
}

// Decode decodes a row. A case without a principal or a host is User:alice's, from 127.0.0.1,
// and one without a release is of Kafka 4.2.
func Decode(row []byte) (Case, error) {
	c := Case{Release: "4.2", Principal: "User:alice", Host: "127.0.0.1"}
	err := decode(row, &c)
	return c, err
}

// decode decodes one JSON value and refuses fields that v does not have.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Listener returns the endpoint that receives the request.
func (c *Case) Listener() (ops.Endpoint, error) {
	for _, e := range []ops.Endpoint{ops.Broker, ops.Controller} {
		if strings.EqualFold(e.String(), c.Endpoint) {
			return e, nil
		}
	}
	return 0, fmt.Errorf("unknown endpoint %q", c.Endpoint)
}

// ACL is an ACL as captured rows spell it.
type ACL struct {
	ResourceType resource.Type        `json:"resourceType"`
	Name         string               `json:"name"`
	PatternType  resource.PatternType `json:"patternType"`
	Principal    string               `json:"principal"`
	Host         string               `json:"host"`
	Operation    ops.Operation        `json:"operation"`
	Permission   acl.PermissionType   `json:"permission"`
}

// Binding returns the ACL as a binding.
func (a ACL) Binding() acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: a.ResourceType, PatternType: a.PatternType, Name: a.Name},
		Entry:   acl.Entry{Principal: a.Principal, Host: a.Host, Operation: a.Operation, Permission: a.Permission},
	}
}

// Bindings returns the ACLs as bindings.
func Bindings(acls []ACL) []acl.Binding {
	list := make([]acl.Binding, len(acls))
	for i, a := range acls {
		list[i] = a.Binding()
	}
	return list
}

// Config is the state of the cluster and of the connection.
type Config struct {
	Topics                    []string            `json:"topics"`
	TopicIDs                  map[string]string   `json:"topicIds"`
	Groups                    []string            `json:"groups"`
	GroupTopics               map[string][]string `json:"groupTopics"`
	Committed                 map[string][]string `json:"committed"`
	Transactions              map[string][]string `json:"transactions"`
	Tokens                    []Token             `json:"tokens"`
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

// Token is a delegation token.
type Token struct {
	ID        string   `json:"id"`
	Owner     string   `json:"owner"`
	Requester string   `json:"requester"`
	Renewers  []string `json:"renewers"`
	Expired   bool     `json:"expired"`
}

// Protocol returns the security protocol of the connection, PLAINTEXT if none is given.
func (c *Config) Protocol() (ops.SecurityProtocol, error) {
	protocols := map[string]ops.SecurityProtocol{
		"": ops.Plaintext, "PLAINTEXT": ops.Plaintext, "SSL": ops.SSL,
		"SASL_PLAINTEXT": ops.SASLPlaintext, "SASL_SSL": ops.SASLSSL,
	}
	p, ok := protocols[c.SecurityProtocol]
	if !ok {
		return "", fmt.Errorf("unknown security protocol %q", c.SecurityProtocol)
	}
	return p, nil
}

// AutoCreateDisabled reports whether the brokers create no topics on their own.
func (c *Config) AutoCreateDisabled() bool {
	return c.AutoCreateTopicsEnable != nil && !*c.AutoCreateTopicsEnable
}

// Node returns the number of the broker, 1 if none is given.
func (c *Config) Node() int {
	if c.NodeID != nil {
		return *c.NodeID
	}
	return 1
}

// Outcome is what a case expects. Absent fields are not compared, but an absent error is no error
// and absent items are none.
type Outcome struct {
	RequestError     string            `json:"requestError"`
	Placement        string            `json:"placement"`
	Items            map[string]string `json:"items"`
	Fields           Fields            `json:"fields"`
	Hidden           []string          `json:"hidden"`
	ConnectionClosed bool              `json:"connectionClosed"`
}

// Fields are fields of a response.
type Fields struct {
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
	Inner                *Outcome           `json:"inner"` // of the request in an Envelope
}
