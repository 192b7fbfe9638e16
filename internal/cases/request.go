package cases

import "encoding/json"

// Request holds the fields that the requests of the cases have. Of which shape some of them are
// depends on the API.
type Request struct {
	Acks                        *int16          `json:"acks"`
	AllowAutoTopicCreation      *bool           `json:"allowAutoTopicCreation"`
	Enable2PC                   bool            `json:"enable2Pc"`
	Forwarded                   *Forwarded      `json:"forwarded"`
	GroupID                     string          `json:"groupId"`
	GroupIDs                    []string        `json:"groupIds"`
	Groups                      []Group         `json:"groups"`
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
	ReplicaID                   *int32          `json:"replicaId"`
	Resources                   []Resource      `json:"resources"`
	SubscribedTopicNames        []string        `json:"subscribedTopicNames"`
	SubscribedTopicRegex        *string         `json:"subscribedTopicRegex"`
	Token                       string          `json:"token"`
	Topics                      json.RawMessage `json:"topics"` // see TopicList
	Topology                    *Topology       `json:"topology"`
	TransactionalID             *string         `json:"transactionalId"`
	TransactionalIDs            []string        `json:"transactionalIds"`
	Transactions                []Transaction   `json:"transactions"`
	Users                       []string        `json:"users"`
}

// DecodeRequest decodes the request of a case, or of an Envelope.
func DecodeRequest(data json.RawMessage) (r Request, err error) {
	err = decode(data, &r)
	return r, err
}

// IsNull reports whether a field is null, which is not the same as absent.
func IsNull(field json.RawMessage) bool { return string(field) == "null" }

// TopicList returns the topics. If the list is null or absent, there are none.
func (r *Request) TopicList() (topics []Topic, err error) {
	if len(r.Topics) > 0 {
		err = decode(r.Topics, &topics)
	}
	return topics, err
}

// Forwarded is the request in an Envelope. Its Request is null if there is nothing after the
// header.
type Forwarded struct {
	APIKey        int16           `json:"apiKey"`
	Version       int16           `json:"version"`
	Principal     string          `json:"principal"`
	ClientAddress string          `json:"clientAddress"`
	Request       json.RawMessage `json:"request"`
}

// Topic is a topic by name, also as a plain string, or by id.
type Topic struct {
	Name          string  `json:"name"`
	TopicID       *string `json:"topicId"`
	Idempotent    bool    `json:"idempotent"`
	Transactional bool    `json:"transactional"`
}

// UnmarshalJSON decodes a string or an object.
func (t *Topic) UnmarshalJSON(data []byte) error {
	type plain Topic
	return decodeNamed(data, &t.Name, (*plain)(t))
}

// Group is a group with topics, or as a plain string.
type Group struct {
	GroupID string   `json:"groupId"`
	Topics  *[]Topic `json:"topics"` // nil for all of them
	Plain   bool     `json:"-"`      // it was a string
}

// UnmarshalJSON decodes a string or an object.
func (g *Group) UnmarshalJSON(data []byte) error {
	type plain Group
	g.Plain = isString(data)
	return decodeNamed(data, &g.GroupID, (*plain)(g))
}

func isString(data []byte) bool { return len(data) > 0 && data[0] == '"' }

// decodeNamed decodes a string as the name, and anything else as the whole value.
func decodeNamed(data []byte, name *string, whole any) error {
	if isString(data) {
		return json.Unmarshal(data, name)
	}
	return decode(data, whole)
}

// Transaction is a transaction with topics.
type Transaction struct {
	TransactionalID string  `json:"transactionalId"`
	Topics          []Topic `json:"topics"`
}

// Resource is a resource that has a configuration.
type Resource struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Invalid bool   `json:"invalid"` // a configuration has no value
}

// Topology is that of a Streams application.
type Topology struct {
	SourceTopics            []string `json:"sourceTopics"`
	RepartitionSinkTopics   []string `json:"repartitionSinkTopics"`
	RepartitionSourceTopics []string `json:"repartitionSourceTopics"`
	StateChangelogTopics    []string `json:"stateChangelogTopics"`
}
