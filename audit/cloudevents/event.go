package cloudevents

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// EventType is the CloudEvents type of the events, the same as Confluent's.
const EventType = "io.confluent.kafka.server/authorization"

// The data of an event.
//
// Source: Confluent's documentation, "Audit Log Event Schema" and the examples of
// "Kafka Cluster Authentication and Authorization Auditable Event Methods".
type entry struct {
	ServiceName        string             `json:"serviceName"`
	MethodName         string             `json:"methodName"`
	ResourceName       string             `json:"resourceName"`
	AuthenticationInfo authenticationInfo `json:"authenticationInfo"`
	AuthorizationInfo  authorizationInfo  `json:"authorizationInfo"`
	Request            request            `json:"request"`
	RequestMetadata    requestMetadata    `json:"requestMetadata"`
}

type authenticationInfo struct {
	Principal string `json:"principal"`
}

type authorizationInfo struct {
	Granted      bool              `json:"granted"`
	Operation    string            `json:"operation"`
	ResourceType string            `json:"resourceType"`
	ResourceName string            `json:"resourceName"`
	PatternType  string            `json:"patternType"`
	SuperUser    bool              `json:"superUserAuthorization,omitempty"`
	ACL          *aclAuthorization `json:"aclAuthorization,omitempty"` // the ACL that decided
	Assigned     []string          `json:"assignedPrincipals,omitempty"`
}

type aclAuthorization struct {
	PermissionType  string `json:"permissionType"`
	Host            string `json:"host"`
	ActingPrincipal string `json:"actingPrincipal"`
	// Roles are ours: the schema has one role, and not its pattern.
	Roles []string `json:"roles,omitempty"`
}

type request struct {
	CorrelationID string `json:"correlation_id"`
	ClientID      string `json:"client_id,omitempty"`
}

type requestMetadata struct {
	ClientAddress string `json:"client_address"`
}

// resourceKeys are the names of the resource types in a resource name. The cluster has
// none, because it is the source itself.
var resourceKeys = map[resource.Type]string{
	resource.Topic: "topic", resource.Group: "group", resource.TransactionalID: "transactional-id",
	resource.DelegationToken: "delegation-token", resource.User: "user",
}

// New returns e as a CloudEvent with a random id. source is the resource name of the
// cluster, such as "crn:///kafka=ID"; the subject is the resource within it. Text that
// is not valid UTF-8 is an error, and so is anything that the CloudEvents specification
// does not allow, such as an empty source.
func New(e *audit.Event, source string) (event.Event, error) {
	if err := checkText(e, source); err != nil {
		return event.Event{}, err
	}
	c := event.New(event.CloudEventsVersionV1)
	c.SetID(uuid.NewString())
	c.SetType(EventType)
	c.SetSource(source)
	c.SetSubject(resourceName(e, source))
	if !e.Time.IsZero() {
		c.SetTime(e.Time)
	}
	if err := c.SetData(event.ApplicationJSON, newEntry(e, source)); err != nil {
		return event.Event{}, err
	}
	return c, c.Validate()
}

func newEntry(e *audit.Event, source string) entry {
	d := entry{
		ServiceName:        source,
		MethodName:         "kafka." + e.Call.API.String(),
		ResourceName:       resourceName(e, source),
		AuthenticationInfo: authenticationInfo{e.Subject.Principal.String()},
		AuthorizationInfo: authorizationInfo{
			Granted:      e.Decision.Allowed(),
			Operation:    e.Request.Operation.DisplayName(),
			ResourceType: e.Request.Type.DisplayName(),
			ResourceName: e.Request.Name,
			PatternType:  resource.Literal.String(),
			SuperUser:    e.Decision.Reason() == snapshot.SuperUser,
		},
		Request:         request{strconv.Itoa(int(e.Call.CorrelationID)), e.Call.ClientID},
		RequestMetadata: requestMetadata{"/" + acl.HostAddress(e.Subject.Host)},
	}
	if e.ByType {
		d.AuthorizationInfo.ResourceName, d.AuthorizationInfo.PatternType = resource.Wildcard, resource.PatternAny.String()
	}
	if b, ok := e.Decision.Binding(); ok {
		d.AuthorizationInfo.ACL = &aclAuthorization{b.Entry.Permission.String(), b.Entry.Host, b.Entry.Principal, e.Roles}
	}
	for _, g := range e.Subject.Groups {
		d.AuthorizationInfo.Assigned = append(d.AuthorizationInfo.Assigned, g.String())
	}
	return d
}

// resourceName returns the name of the resource, below that of the cluster. Special
// characters are percent-encoded, so that a name from a client cannot be taken for
// another part.
func resourceName(e *audit.Event, source string) string {
	key, ok := resourceKeys[e.Request.Type]
	if !ok {
		return source
	}
	name := strings.NewReplacer("*", "%2A", "=", "%3D").Replace(url.PathEscape(e.Request.Name))
	if e.ByType {
		name = resource.Wildcard
	}
	return source + "/" + key + "=" + name
}

// checkText refuses text that JSON cannot represent.
func checkText(e *audit.Event, source string) error {
	texts := []string{source, e.Subject.Principal.String(), e.Subject.Host.Zone(), e.Request.Name, e.Call.ClientID}
	for _, g := range e.Subject.Groups {
		texts = append(texts, g.String())
	}
	texts = append(texts, e.Roles...)
	if source == "" {
		return errors.New("cloudevents: the source is empty: expected the name of the cluster, such as crn:///kafka=ID")
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fmt.Errorf("cloudevents: %.80q is not valid UTF-8, and JSON cannot represent it", text)
		}
	}
	return nil
}
