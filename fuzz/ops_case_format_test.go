package fuzz_test

import (
	"bytes"
	"encoding/json"

	"github.com/portcullis-authz/portcullis/ops"
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
	ACLs                  []aclRow        `json:"acls"`
	Config                opsCaseConfig   `json:"config"`
	Expect                opsCaseOutcome  `json:"expect"`
	Why                   string          `json:"why"`
	Source                string          `json:"source"`
}

// opsCaseConfig is the state of the cluster and of the connection.
type opsCaseConfig struct {
	Topics                    []string            `json:"topics"`
	TopicIDs                  map[string]string   `json:"topicIds"`
	Groups                    []string            `json:"groups"`
	GroupTopics               map[string][]string `json:"groupTopics"`
	Committed                 map[string][]string `json:"committed"`
	Transactions              map[string][]string `json:"transactions"`
	Tokens                    []opsCaseToken      `json:"tokens"`
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

type opsCaseToken struct {
	ID        string   `json:"id"`
	Owner     string   `json:"owner"`
	Requester string   `json:"requester"`
	Renewers  []string `json:"renewers"`
	Expired   bool     `json:"expired"`
}

// opsCaseRequest holds the fields that the requests of the cases have. Some are of
// several shapes, which the API decides.
type opsCaseRequest struct {
	Acks                        *int              `json:"acks"`
	AllowAutoTopicCreation      *bool             `json:"allowAutoTopicCreation"`
	Enable2PC                   bool              `json:"enable2Pc"`
	Forwarded                   *opsCaseForwarded `json:"forwarded"`
	GroupID                     string            `json:"groupId"`
	GroupIDs                    []string          `json:"groupIds"`
	Groups                      json.RawMessage   `json:"groups"`
	IncludeAuthorizedOperations bool              `json:"includeAuthorizedOperations"`
	IncludeClusterAuthorizedOps bool              `json:"includeClusterAuthorizedOperations"`
	IncludeTopicAuthorizedOps   bool              `json:"includeTopicAuthorizedOperations"`
	Keys                        []string          `json:"keys"`
	KeyType                     int8              `json:"keyType"`
	Owner                       string            `json:"owner"`
	Owners                      *[]string         `json:"owners"`
	ProtocolType                json.RawMessage   `json:"protocolType"`
	ProtocolName                json.RawMessage   `json:"protocolName"`
	Renewers                    []string          `json:"renewers"`
	ReplicaID                   *int              `json:"replicaId"`
	Resources                   []opsCaseResource `json:"resources"`
	SubscribedTopicNames        []string          `json:"subscribedTopicNames"`
	SubscribedTopicRegex        *string           `json:"subscribedTopicRegex"`
	Token                       string            `json:"token"`
	Topics                      json.RawMessage   `json:"topics"`
	Topology                    *opsCaseTopology  `json:"topology"`
	TransactionalID             *string           `json:"transactionalId"`
	TransactionalIDs            []string          `json:"transactionalIds"`
	Transactions                []opsCaseTxn      `json:"transactions"`
	Users                       []string          `json:"users"`
}

type opsCaseForwarded struct {
	APIKey        int16           `json:"apiKey"`
	Version       int16           `json:"version"`
	Principal     string          `json:"principal"`
	ClientAddress string          `json:"clientAddress"`
	Request       json.RawMessage `json:"request"`
}

// opsCaseTopic is a topic by name (also as a plain string) or by id.
type opsCaseTopic struct {
	Name          string  `json:"name"`
	TopicID       *string `json:"topicId"`
	Idempotent    bool    `json:"idempotent"`
	Transactional bool    `json:"transactional"`
}

func (t *opsCaseTopic) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Name)
	}
	type plain opsCaseTopic
	return decodeOpsCase(data, (*plain)(t))
}

type opsCaseGroup struct {
	GroupID string          `json:"groupId"`
	Topics  *[]opsCaseTopic `json:"topics"`
}

type opsCaseTxn struct {
	TransactionalID string         `json:"transactionalId"`
	Topics          []opsCaseTopic `json:"topics"`
}

type opsCaseResource struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Invalid bool   `json:"invalid"` // a configuration has no value
}

type opsCaseTopology struct {
	SourceTopics            []string `json:"sourceTopics"`
	RepartitionSinkTopics   []string `json:"repartitionSinkTopics"`
	RepartitionSourceTopics []string `json:"repartitionSourceTopics"`
	StateChangelogTopics    []string `json:"stateChangelogTopics"`
}

// opsCaseOutcome is what a case expects. Absent fields are not compared, but an
// absent error is no error and absent items are none.
type opsCaseOutcome struct {
	RequestError     string            `json:"requestError"`
	Placement        string            `json:"placement"`
	Items            map[string]string `json:"items"`
	Fields           *opsCaseFields    `json:"fields"`
	Hidden           []string          `json:"hidden"`
	ConnectionClosed bool              `json:"connectionClosed"`
}

type opsCaseFields struct {
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
	Inner                *opsCaseOutcome    `json:"inner"`
}

// decodeOpsCase decodes one JSON value and refuses fields that v does not have.
func decodeOpsCase(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
