package fuzz_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// opsMutant is a row of the protocol table with one thing changed.
type opsMutant struct {
	name string
	api  ops.API
}

// Values of the vocabulary of the protocol table, whose types package ops does not export.
const (
	required   = 0 // how a step combines with others
	sufficient = 1

	oneItem       = 1 // which part of the response an effect changes
	leftOut       = 2
	fieldWithheld = 4
	ignored       = 5
)

// opsMutants returns every mutant of a row: each step removed, combined in
// another way, with another code, scope or operation; each guard removed or with
// another code.
func opsMutants(key ops.APIKey) []opsMutant {
	var mutants []opsMutant
	add := func(name string, change func(*ops.API)) {
		api, _ := ops.Lookup(key)
		change(&api)
		mutants = append(mutants, opsMutant{fmt.Sprintf("%d %v: %s", key, key, name), api})
	}
	api, _ := ops.Lookup(key)
	for i, s := range api.Steps {
		step := fmt.Sprintf("step %d", i+1)
		add(step+" removed", func(m *ops.API) { removeStep(m, i) })
		if s.Combine != required {
			add(step+" made REQUIRED", func(m *ops.API) { m.Steps[i].Combine = required })
		}
		if s.Combine != sufficient {
			add(step+" made SUFFICIENT", func(m *ops.API) { m.Steps[i].Combine = sufficient })
		}
		if s.FallbackOf != 0 {
			add(step+" made the fallback of no step", func(m *ops.API) { m.Steps[i].FallbackOf = 0 })
		}
		add(step+" asks for another operation", func(m *ops.API) { m.Steps[i].Operation = otherOperation(s.Operation) })
		if s.Denied.Code != ops.None {
			add(step+" with another code", func(m *ops.API) { m.Steps[i].Denied.Code = ops.UnknownServerError })
		}
		if s.Combine != sufficient && s.Denied.Scope != fieldWithheld {
			add(step+" ignored", func(m *ops.API) { m.Steps[i].Denied.Scope = ignored })
		}
		if s.Denied.Scope == leftOut {
			add(step+" shows an error", func(m *ops.API) {
				m.Steps[i].Denied.Scope, m.Steps[i].Denied.Code = oneItem, ops.TopicAuthorizationFailed
			})
		}
	}
	for i := range api.Guards {
		guard := fmt.Sprintf("guard %d", i+1)
		add(guard+" removed", func(m *ops.API) { m.Guards = slices.Delete(m.Guards, i, i+1) })
		add(guard+" with another code", func(m *ops.API) { m.Guards[i].Effect.Code = ops.UnknownServerError + 20 })
	}
	return mutants
}

// otherOperation returns an operation that few ACLs of the cases allow.
func otherOperation(op ops.Operation) ops.Operation {
	if op == ops.IdempotentWrite {
		return ops.ClusterAction
	}
	return ops.IdempotentWrite
}

// removeStep removes a step and renumbers what names the steps behind it.
func removeStep(m *ops.API, i int) {
	m.Steps = slices.Delete(m.Steps, i, i+1)
	for j := range m.Steps {
		switch f := &m.Steps[j].FallbackOf; {
		case *f == i+1:
			*f = 0
		case *f > i+1:
			*f--
		}
	}
	for j := range m.Guards {
		if m.Guards[j].After > i {
			m.Guards[j].After--
		}
	}
}

// TestOpsTableMutations changes each step of the protocol table in turn: the
// cases must notice.
func TestOpsTableMutations(t *testing.T) {
	byKey := make(map[ops.APIKey][][]byte)
	for name := range cases.Files {
		for _, row := range opsCaseRows(t, name) {
			var c struct{ APIKey ops.APIKey }
			require.NoError(t, json.Unmarshal(row, &c))
			byKey[c.APIKey] = append(byKey[c.APIKey], row)
		}
	}
	mutants := 0
	for _, api := range ops.APIs() {
		for _, m := range opsMutants(api.Key) {
			mutants++
			assert.True(t, opsNoticed(t, m, byKey[api.Key]), "no case notices %s", m.name)
		}
	}
	want := 873
	assert.Equal(t, want, mutants, "%d mutants, want %d", mutants, want)
}

// opsNoticed reports whether a case fails with the mutant in the table.
func opsNoticed(t *testing.T, m opsMutant, rows [][]byte) bool {
	for _, row := range rows {
		_, mismatches, err := replayOpsCase(row, m.api.Evaluate)
		require.NoError(t, err)
		if len(mismatches) > 0 {
			return true
		}
	}
	return false
}

// reachedPair is an operation and a resource type that an API asks about.
type reachedPair struct {
	key ops.APIKey
	ops.Permission
}

// recordingAuthorizer notes which questions were answered yes and which no.
type recordingAuthorizer struct {
	ops.Authorizer
	key     ops.APIKey
	answers map[reachedPair][2]bool
}

func (a recordingAuthorizer) record(op ops.Operation, t resource.Type, allowed bool) bool {
	pair := reachedPair{a.key, ops.Permission{Operation: op, Type: t}}
	answers := a.answers[pair]
	if allowed {
		answers[1] = true
	} else {
		answers[0] = true
	}
	a.answers[pair] = answers
	return allowed
}

func (a recordingAuthorizer) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return a.record(op, t, a.Authorizer.Allowed(op, t, name))
}

func (a recordingAuthorizer) AllowedAny(op ops.Operation, t resource.Type) bool {
	return a.record(op, t, a.Authorizer.AllowedAny(op, t))
}

// TestOpsPairsAreReached shows that the cases ask each question of the table and
// meet both answers.
func TestOpsPairsAreReached(t *testing.T) {
	answers := make(map[reachedPair][2]bool)
	evaluate := func(a ops.Authorizer, r *ops.Request) ops.Outcome {
		return ops.Evaluate(recordingAuthorizer{a, r.Key, answers}, r)
	}
	for name := range cases.Files {
		t.Run(name, func(t *testing.T) {
			for _, row := range opsCaseRows(t, name) {
				_, _, err := replayOpsCase(row, evaluate)
				require.NoError(t, err)
			}
		})
	}
	pairs := 0
	for _, api := range ops.APIs() {
		for _, s := range api.Steps {
			pairs++
			reached := answers[reachedPair{api.Key, ops.Permission{Operation: s.Operation, Type: s.Type}}]
			assert.Equal(t, [2]bool{true, true}, reached, "%v: %v on %v: denied %v, allowed %v", api.Key, s.Operation, s.Type, reached[0], reached[1])
		}
	}
	want := 144
	assert.Equal(t, want, pairs, "%d steps, want %d", pairs, want)
}
