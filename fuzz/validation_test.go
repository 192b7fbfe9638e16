package fuzz_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
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
	ACLs        []aclRow          `json:"acls"`
	Filters     []filterRow       `json:"filters"`
	Results     []json.RawMessage `json:"results"`
	RecordCount int               `json:"recordCount"`
}

func replayACLValidation(row []byte) (checks int, mismatches []string, err error) {
	var r validationRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	replay, ok := map[string]func() []string{
		"supportedOperations":              r.replaySupported,
		"authorizationError":               r.replayAuthorizationError,
		"authorizeByResourceTypeCheckArgs": r.replayByTypeArgs,
		"validateNewAcl":                   r.replayNewACL,
		"validateFilter":                   r.replayFilter,
		"createThenDelete":                 r.replaySteps,
	}[r.Kind]
	if !ok {
		return 0, nil, fmt.Errorf("unknown kind %q", r.Kind)
	}
	return 1, replay(), nil
}

func (r validationRow) replaySupported() []string {
	if got, want := ops.Supported(r.ResourceType), ops.SetOf(r.Operations...); got != want || (got == 0) != (r.ErrorClass != "") {
		return mismatch("%v: got %v, want %v", r.ResourceType, slices.Collect(got.All()), r.Operations)
	}
	return nil
}

func (r validationRow) replayAuthorizationError() []string {
	code, ok := ops.AuthorizationError(r.ResourceType)
	if ok != (r.ErrorClass == "") || ok && code.String() != r.KafkaError {
		return mismatch("%v: got %v (%t), want %s", r.ResourceType, code, ok, r.KafkaError)
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

// replaySteps creates and deletes ACLs as Kafka's controller does: each item is
// validated by itself, what is there already is created again without a record.
func (r validationRow) replaySteps() (mismatches []string) {
	store := snapshot.NewStore(snapshot.Config{})
	for i, step := range r.Steps {
		err := store.Update(func(tx *snapshot.Tx) error {
			replay := step.replayCreate
			if step.Op == "delete" {
				replay = step.replayDelete
			}
			for _, m := range replay(tx) {
				mismatches = append(mismatches, fmt.Sprintf("step %d: %s", i, m))
			}
			return nil
		})
		if err != nil {
			mismatches = append(mismatches, fmt.Sprintf("step %d: %v", i, err))
		}
	}
	return mismatches
}

func (s validationStep) replayCreate(tx *snapshot.Tx) (mismatches []string) {
	created := 0
	for i, b := range bindings(s.ACLs) {
		err := b.Validate()
		if (err == nil) != (string(s.Results[i]) == `"OK"`) {
			mismatches = append(mismatches, fmt.Sprintf("create %v: got %v, want %s", b, err, s.Results[i]))
		}
		if err == nil && tx.Add(b) {
			created++
		}
	}
	if created != s.RecordCount {
		mismatches = append(mismatches, fmt.Sprintf("created %d, want %d", created, s.RecordCount))
	}
	return mismatches
}

func (s validationStep) replayDelete(tx *snapshot.Tx) (mismatches []string) {
	before := tx.Len()
	var deleted []acl.Binding
	for i, f := range s.Filters {
		var want struct {
			Deleted                       []aclRow
			ErrorClass, Error, KafkaError string
		}
		if err := decodeStrict(s.Results[i], &want); err != nil {
			return mismatch("%v", err)
		}
		filter := f.filter()
		err := filter.Validate()
		if (err == nil) != (want.ErrorClass == "") {
			mismatches = append(mismatches, fmt.Sprintf("delete %v: got %v, want %s", filter, err, s.Results[i]))
		}
		if err != nil {
			continue
		}
		// Two filters may select the same ACL: both report it, so what the first one
		// removed comes back until the end of the step.
		got := tx.RemoveMatching(filter)
		for _, b := range got {
			tx.Add(b)
		}
		deleted = append(deleted, got...)
		wanted := bindings(want.Deleted)
		slices.SortFunc(wanted, acl.Binding.Compare)
		if !slices.Equal(got, wanted) {
			mismatches = append(mismatches, fmt.Sprintf("delete %v: got %v, want %v", filter, got, wanted))
		}
	}
	for _, b := range deleted {
		tx.Remove(b)
	}
	if n := before - tx.Len(); n != s.RecordCount {
		mismatches = append(mismatches, fmt.Sprintf("deleted %d, want %d", n, s.RecordCount))
	}
	return mismatches
}
