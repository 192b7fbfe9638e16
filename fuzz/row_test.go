package fuzz_test

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// filterRow is a filter as the captured rows spell it.
type filterRow struct {
	ResourceType resource.Type        `json:"resourceType"`
	Name         *string              `json:"name"`
	PatternType  resource.PatternType `json:"patternType"`
	Principal    *string              `json:"principal"`
	Host         *string              `json:"host"`
	Operation    ops.Operation        `json:"operation"`
	Permission   acl.PermissionType   `json:"permission"`
}

func (r filterRow) filter() acl.Filter {
	return acl.Filter{
		Pattern: resource.PatternFilter{Type: r.ResourceType, PatternType: r.PatternType, Name: r.Name},
		Entry:   acl.EntryFilter{Principal: r.Principal, Host: r.Host, Operation: r.Operation, Permission: r.Permission},
	}
}

// world is the configuration and the ACLs of a row about decisions.
type world struct {
	Comment                   string                `json:"comment"`
	SuperUsers                []principal.Principal `json:"superUsers"`
	AllowEveryoneIfNoAclFound bool                  `json:"allowEveryoneIfNoAclFound"`
	LoadingComplete           *bool                 `json:"loadingComplete"`
	ACLs                      []cases.ACL           `json:"acls"`
	// Since is the release that answered first as the row says: "4.4", or empty.
	Since string `json:"since"`
}

// networks reports whether the row is about an authorizer that knows networks.
func (w world) networks() bool { return w.Since == "4.4" }

func (w world) store(semantics snapshot.Semantics) (*snapshot.Store, error) {
	if semantics == snapshot.KafkaExact && w.networks() {
		semantics = snapshot.KafkaExact44
	}
	store := snapshot.NewStore(snapshot.Config{
		Semantics:        semantics,
		SuperUsers:       w.SuperUsers,
		AllowIfNoACL:     w.AllowEveryoneIfNoAclFound,
		AwaitInitialLoad: w.LoadingComplete != nil && !*w.LoadingComplete,
	})
	err := store.Replace(slices.Values(cases.Bindings(w.ACLs)))
	return store, err
}

// question is who asks for what, in a row about decisions.
type question struct {
	Principal    principal.Principal `json:"principal"`
	Host         netip.Addr          `json:"host"`
	Operation    ops.Operation       `json:"operation"`
	ResourceType resource.Type       `json:"resourceType"`
}

func (q question) subject() snapshot.Subject {
	return snapshot.Subject{Principal: q.Principal, Host: q.Host}
}

// answer is what Kafka said, and what the documented rules say where they differ.
type answer struct {
	Result     string  `json:"result"`     // ALLOWED, DENIED, ERROR or HANG
	Documented string  `json:"documented"` // the same, or NOT_READY; empty if it does not differ
	ErrorClass string  `json:"errorClass"`
	Error      *string `json:"error"`
}

// want returns the verdict that the engine must give in the semantics, or "" if
// the question itself is not one: then Kafka and the documented rules refuse it.
func (a answer) want(semantics snapshot.Semantics) string {
	noAnswer := a.Result == "ERROR" || a.Result == "HANG"
	switch {
	case a.Documented == "ERROR" || noAnswer && a.Documented == "":
		return ""
	case a.Documented != "" && (noAnswer || semantics == snapshot.Documented):
		return a.Documented
	default:
		return a.Result
	}
}

// verdict spells a decision as the rows do.
func verdict(d snapshot.Decision) string {
	switch {
	case d.Allowed():
		return "ALLOWED"
	case d.Reason() == snapshot.NotReady:
		return "NOT_READY"
	default:
		return "DENIED"
	}
}

func mismatch(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
