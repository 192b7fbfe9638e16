package audit

import (
	"io"
	"strconv"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
)

// ocsfVersion is the version of the OCSF schema.
//
// Source: schema.ocsf.io, 1.3.0, class api_activity; its required attributes are
// activity_id, actor, api, category_uid, class_uid, metadata, severity_id,
// src_endpoint, time and type_uid.
const ocsfVersion = "1.3.0"

// The codes of the class.
const (
	ocsfCategory = 6    // Application Activity
	ocsfClass    = 6003 // API Activity
)

// ocsfActivity is the kind of an operation.
type ocsfActivity int

const (
	ocsfUnknown ocsfActivity = 0
	ocsfCreate  ocsfActivity = 1
	ocsfRead    ocsfActivity = 2
	ocsfUpdate  ocsfActivity = 3
	ocsfDelete  ocsfActivity = 4
	ocsfOther   ocsfActivity = 99
)

var ocsfActivityNames = map[ocsfActivity]string{
	ocsfUnknown: "Unknown", ocsfCreate: "Create", ocsfRead: "Read", ocsfUpdate: "Update", ocsfDelete: "Delete",
}

// ocsfActivities are the activities of the operations. Other operations have the
// activity Unknown.
var ocsfActivities = map[ops.Operation]ocsfActivity{
	ops.Read: ocsfRead, ops.Describe: ocsfRead, ops.DescribeConfigs: ocsfRead, ops.DescribeTokens: ocsfRead,
	ops.Create: ocsfCreate, ops.CreateTokens: ocsfCreate,
	ops.Write: ocsfUpdate, ops.IdempotentWrite: ocsfUpdate, ops.Alter: ocsfUpdate, ops.AlterConfigs: ocsfUpdate,
	ops.Delete: ocsfDelete,
	ops.All:    ocsfOther, ops.ClusterAction: ocsfOther, ops.TwoPhaseCommit: ocsfOther,
}

type ocsfEvent struct {
	ActivityID   ocsfActivity   `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	CategoryUID  int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	ClassUID     int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	TypeUID      int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	Time         int64          `json:"time"` // milliseconds since 1970
	SeverityID   int            `json:"severity_id"`
	Severity     string         `json:"severity"`
	StatusID     int            `json:"status_id"`
	Status       string         `json:"status"`
	StatusDetail string         `json:"status_detail"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Actor        ocsfActor      `json:"actor"`
	API          ocsfAPI        `json:"api"`
	Source       ocsfEndpoint   `json:"src_endpoint"`
	Resources    []ocsfResource `json:"resources"`
	Unmapped     ocsfUnmapped   `json:"unmapped"`
}

type ocsfMetadata struct {
	Version string      `json:"version"`
	Product ocsfProduct `json:"product"`
}

type ocsfProduct struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor_name"`
}

type ocsfActor struct {
	User           ocsfUser            `json:"user"`
	AppName        string              `json:"app_name,omitempty"` // the client id
	Authorizations []ocsfAuthorization `json:"authorizations"`
}

type ocsfUser struct {
	UID    string     `json:"uid"` // the principal
	Name   string     `json:"name"`
	Type   string     `json:"type"`
	TypeID int        `json:"type_id"` // 99: a type that the schema does not define
	Groups []ocsfName `json:"groups,omitempty"`
}

type ocsfName struct {
	Name string `json:"name"`
}

type ocsfAuthorization struct {
	Decision string    `json:"decision"`
	Policy   *ocsfName `json:"policy,omitempty"` // the ACL that decided
}

type ocsfAPI struct {
	Operation string    `json:"operation"`
	Service   ocsfName  `json:"service"`
	Request   ocsfUIDed `json:"request"`
}

type ocsfUIDed struct {
	UID string `json:"uid"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Name string `json:"name,omitempty"` // if there is no address
}

type ocsfResource struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ocsfUnmapped has the data for which the class has no attribute.
type ocsfUnmapped struct {
	Operation  string   `json:"operation"`
	ByType     bool     `json:"by_type,omitempty"`
	References int      `json:"resource_reference_count"`
	Generation uint64   `json:"generation"`
	Roles      []string `json:"roles,omitempty"`
}

// AppendOCSF appends e as one line of JSON, without a line break, and returns the
// extended slice. The line is an event of the class API Activity (6003) of the Open
// Cybersecurity Schema Framework, 1.3.0. The principal is actor.user, the Kafka request
// is api.operation, the client's address is src_endpoint, the resource is the only
// element of resources, and the ACL that decided is the policy in actor.authorizations.
// A denial has the status Failure.
//
// Text that is not valid UTF-8 is an error, as in [AppendJSON].
func AppendOCSF(dst []byte, e *Event) ([]byte, error) {
	if err := checkText(e); err != nil {
		return nil, err
	}
	activity := ocsfActivities[e.Request.Operation]
	name, ok := ocsfActivityNames[activity]
	if !ok {
		name = e.Request.Operation.DisplayName()
	}
	o := ocsfEvent{
		ActivityID: activity, ActivityName: name,
		CategoryUID: ocsfCategory, CategoryName: "Application Activity",
		ClassUID: ocsfClass, ClassName: "API Activity",
		TypeUID: ocsfClass*100 + int(activity), TypeName: "API Activity: " + name,
		Time:       e.Time.UnixMilli(),
		SeverityID: 1, Severity: "Informational",
		StatusID: 1, Status: "Success", StatusDetail: e.Decision.Reason().String(),
		Metadata:  ocsfMetadata{ocsfVersion, ocsfProduct{"Portcullis", "Portcullis"}},
		API:       ocsfAPI{e.Call.API.String(), ocsfName{"kafka"}, ocsfUIDed{strconv.Itoa(int(e.Call.CorrelationID))}},
		Resources: []ocsfResource{{e.Request.Name, e.Request.Type.DisplayName()}},
		Unmapped:  ocsfUnmapped{e.Request.Operation.String(), e.ByType, e.Call.References, e.Decision.Generation(), e.Roles},
	}
	if !e.Decision.Allowed() {
		o.StatusID, o.Status = 2, "Failure"
		if !e.Call.QuietDenied {
			o.SeverityID, o.Severity = 2, "Low"
		}
	}
	o.Actor = ocsfActorOf(e)
	if host := e.Subject.Host; host.IsValid() {
		o.Source.IP = host.Unmap().WithZone("").String()
	} else {
		o.Source.Name = "unknown"
	}
	return lines.AppendObject(dst, o)
}

func ocsfActorOf(e *Event) ocsfActor {
	const otherType = 99
	p := e.Subject.Principal
	actor := ocsfActor{User: ocsfUser{UID: p.String(), Name: p.Name, Type: p.Type, TypeID: otherType}, AppName: e.Call.ClientID}
	for _, g := range groupTexts(e) {
		actor.User.Groups = append(actor.User.Groups, ocsfName{g})
	}
	authorization := ocsfAuthorization{Decision: "Denied"}
	if e.Decision.Allowed() {
		authorization.Decision = "Allowed"
	}
	if b, ok := e.Decision.Binding(); ok {
		authorization.Policy = &ocsfName{aclName(b)}
	}
	actor.Authorizations = []ocsfAuthorization{authorization}
	return actor
}

// aclName returns the text of an ACL as in Kafka's audit line.
func aclName(b acl.Binding) string { return string(appendACL(nil, b, Kafka42, appendText)) }

// NewOCSFWriter returns a handler that writes each event to w as [AppendOCSF] renders
// it, with a line break, in one call of Write. It is safe for concurrent use; only one
// event is written at a time. Handle returns errors of AppendOCSF and of w.
func NewOCSFWriter(w io.Writer) Handler { return &lineWriter{w: w, render: AppendOCSF} }
