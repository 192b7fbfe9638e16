package fuzz_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// validationRow holds the fields of every kind of row about validation.
type validationRow struct {
	Kind         string             `json:"kind"`
	Since        string             `json:"since"`
	ResourceType resource.Type      `json:"resourceType"`
	Operation    ops.Operation      `json:"operation"`
	Operations   []ops.Operation    `json:"operations"`
	KafkaError   string             `json:"kafkaError"`
	ErrorClass   string             `json:"errorClass"`
	Error        *string            `json:"error"`
	OK           bool               `json:"ok"`
	Stage        string             `json:"stage"`
	ACL          map[string]*string `json:"acl"`
	Filter       filterRow          `json:"filter"`
	Steps        []validationStep   `json:"steps"`
}

type validationStep struct {
	Op          string            `json:"op"`
	ACLs        []cases.ACL       `json:"acls"`
	Filters     []filterRow       `json:"filters"`
	Results     []json.RawMessage `json:"results"`
	RecordCount int               `json:"recordCount"`
}

func replayACLValidation(row []byte) (checks int, mismatches []string, err error) {
	var r validationRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	return replayKind(r.Kind, map[string]func() []string{
		"supportedOperations":              r.replaySupported,
		"authorizationError":               r.replayAuthorizationError,
		"authorizeByResourceTypeCheckArgs": r.replayByTypeArgs,
		"validateNewAcl":                   r.replayNewACL,
		"validateFilter":                   r.replayFilter,
		"createThenDelete":                 r.replaySteps,
	})
}

func (r validationRow) replaySupported() []string {
	if got, want := ops.Supported(r.ResourceType), ops.SetOf(r.Operations...); got != want || (got == 0) != (r.ErrorClass != "") {
		return mismatch("%v: got %v, want %v", r.ResourceType, slices.Collect(got.All()), r.Operations)
	}
	return nil
}

func (r validationRow) replayAuthorizationError() []string {
	found := r.KafkaError == "" || r.ResourceType == resource.DelegationToken // which the handlers answer without a code of their own
	for _, api := range ops.APIs() {
		for _, s := range api.Steps {
			found = found || s.Type == r.ResourceType && s.Denied.Code.String() == r.KafkaError
		}
	}
	if !found {
		return mismatch("%v: no step of the protocol table is denied with %s", r.ResourceType, r.KafkaError)
	}
	return nil
}

func (r validationRow) replayByTypeArgs() []string {
	if err := ops.ValidateByType(r.Operation, r.ResourceType); (err == nil) != r.OK {
		return mismatch("%v %v: got %v, want ok %t", r.Operation, r.ResourceType, err, r.OK)
	}
	return nil
}

// replayNewACL builds the ACL from its fields. A null, which Kafka's constructors
// refuse, has no place in a Binding: reading it as JSON must refuse it.
func (r validationRow) replayNewACL() []string {
	text, err := json.Marshal(r.ACL)
	if err != nil {
		return mismatch("%v", err)
	}
	var b acl.Binding
	err = b.UnmarshalJSON(text)
	if err == nil {
		err = b.Validate()
	}
	if (err == nil) != r.OK {
		return mismatch("%s: got %v, want ok %t", text, err, r.OK)
	}
	return nil
}

func (r validationRow) replayFilter() []string {
	if err := r.Filter.filter().Validate(); (err == nil) != r.OK {
		return mismatch("%v: got %v, want ok %t", r.Filter.filter(), err, r.OK)
	}
	return nil
}

// replaySteps creates and deletes ACLs by the calls that a broker makes. The rows
// come from the controller, which takes a cluster of any name; a broker refuses
// those before, so that here they are put in without it.
func (r validationRow) replaySteps() (mismatches []string) {
	store := snapshot.NewStore(snapshot.Config{})
	for i, step := range r.Steps {
		replay := step.replayCreate
		if step.Op == "delete" {
			replay = step.replayDelete
		}
		for _, m := range replay(store) {
			mismatches = append(mismatches, fmt.Sprintf("step %d: %s", i, m))
		}
	}
	return mismatches
}

func (s validationStep) replayCreate(store *snapshot.Store) (mismatches []string) {
	list := cases.Bindings(s.ACLs)
	before := store.Load()
	results, err := store.Create(list, snapshot.WriteOptions{})
	if err != nil || len(results) != len(list) {
		return mismatch("created %v: %d results, %v", list, len(results), err)
	}
	created := 0
	for i, b := range list {
		got := results[i]
		if otherCluster := b.Validate() == nil && b.ValidateNew(0) != nil; otherCluster {
			if got.Code != ops.InvalidRequest || b.Pattern.Type != resource.Cluster {
				mismatches = append(mismatches, fmt.Sprintf("create %v: got %v", b, got))
			}
			got = snapshot.CreateResult{}
			if err := store.Update(func(tx *snapshot.Tx) error { got.Existed = !tx.Add(b); return nil }); err != nil {
				return mismatch("%v", err)
			}
		}
		want := struct{ ErrorClass, Error, KafkaError string }{KafkaError: ops.None.String()}
		if string(s.Results[i]) != `"OK"` {
			if err := decodeStrict(s.Results[i], &want); err != nil {
				return mismatch("%v", err)
			}
		}
		if got.Code.String() != want.KafkaError || (got.Err == nil) != (got.Code == ops.None) {
			mismatches = append(mismatches, fmt.Sprintf("create %v: got %v, want %s", b, got, s.Results[i]))
		}
		if got.Err == nil && !got.Existed {
			created++
		}
	}
	if n := store.Load().Len() - before.Len(); created != s.RecordCount || n != created {
		mismatches = append(mismatches, fmt.Sprintf("created %d, and %d are new, want %d", created, n, s.RecordCount))
	}
	return mismatches
}

func (s validationStep) replayDelete(store *snapshot.Store) (mismatches []string) {
	filters := make([]acl.Filter, len(s.Filters))
	for i, f := range s.Filters {
		filters[i] = f.filter()
	}
	before := store.Load()
	planned, err := store.Delete(filters, snapshot.WriteOptions{DryRun: true})
	if err != nil || store.Load() != before {
		return mismatch("dry run: %v", err)
	}
	results, err := store.Delete(filters, snapshot.WriteOptions{})
	if err != nil || len(results) != len(filters) || !reflect.DeepEqual(planned, results) {
		return mismatch("deleted %v, planned %v: %v", results, planned, err)
	}
	for i, got := range results {
		want := struct {
			Deleted                       []cases.ACL
			ErrorClass, Error, KafkaError string
		}{KafkaError: ops.None.String()}
		if err := decodeStrict(s.Results[i], &want); err != nil {
			return mismatch("%v", err)
		}
		if got.Code.String() != want.KafkaError || (got.Err == nil) != (got.Code == ops.None) {
			mismatches = append(mismatches, fmt.Sprintf("delete %v: got %v, want %s", filters[i], got, s.Results[i]))
		}
		wanted := cases.Bindings(want.Deleted)
		slices.SortFunc(wanted, acl.Binding.Compare)
		if !slices.EqualFunc(got.Deleted, wanted, func(d snapshot.DeletedACL, b acl.Binding) bool { return d.Binding == b }) {
			mismatches = append(mismatches, fmt.Sprintf("delete %v: got %v, want %v", filters[i], got.Deleted, wanted))
		}
	}
	if n := before.Len() - store.Load().Len(); n != s.RecordCount {
		mismatches = append(mismatches, fmt.Sprintf("deleted %d, want %d", n, s.RecordCount))
	}
	return mismatches
}
