package gateway

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// fieldsFile has a row for each field of each request: the API, the versions for which
// the field was classified, its path, and its class:
//
//   - asked: authorization depends on it. The test checks this.
//   - handled: it affects what is forwarded or answered.
//   - neutral: neither.
const fieldsFile = "testdata/fields.tsv"

// eachField calls f for each field of a structure that is not itself a structure or a list
// of structures, with its path. In every list is one entry.
func eachField(v reflect.Value, path string, f func(path string, field reflect.Value)) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if name == "Version" || name == "UnknownTags" {
			continue
		}
		name = path + name
		switch {
		case field.Kind() == reflect.Struct:
			eachField(field, name+".", f)
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct:
			f(name, field)
			if field.IsNil() {
				field.Set(reflect.New(field.Type().Elem()))
				field.Elem().Set(blankOf(field.Type().Elem()))
			}
			eachField(field.Elem(), name+".", f)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct && field.Len() > 0:
			eachField(field.Index(0), name+"[].", f)
		default:
			f(name, field)
		}
	}
}

// fieldsOf returns the fields of a request version by path, and whether authorization
// depends on each.
func fieldsOf(k kind) map[string]bool {
	sampled := func() (message, reflect.Value) {
		m := k.blank()
		v := reflect.ValueOf(m).Elem()
		sample(v)
		return m, v
	}
	ask := func(data []byte) (string, bool) {
		m := k.blank().(kmsg.Request)
		if m.ReadFrom(data) != nil {
			return "", false
		}
		q := new(query)
		r := reader{cluster: tinyCluster{}, layouts: newLayouts(), endpoint: ops.Broker}
		err := r.read(q, m)
		q.first, q.named = [1]ops.Topic{}, nil
		return fmt.Sprintf("%+v %v %v %v %v %v", describe(q.Request), q.unservable, q.invalid, len(q.apart), q.rewritten, err), true
	}
	found := make(map[string]bool)
	_, v := sampled()
	var paths []string
	eachField(v, "", func(path string, _ reflect.Value) { paths = append(paths, path) })
	for _, path := range paths {
		for change := range 4 {
			var before, after []byte
			m, v := sampled()
			eachField(v, "", func(at string, field reflect.Value) {
				if at == path {
					before = m.AppendTo(nil)
					if field.CanInt() && change > 0 {
						field.SetInt(int64(change))
					} else {
						field.Set(other(field))
					}
					after = m.AppendTo(nil)
				}
			})
			if bytes.Equal(before, after) {
				continue // the version does not have it, or it was so
			}
			asked, ok := ask(before)
			askedThen, okThen := ask(after)
			found[path] = found[path] || !ok || !okThen || asked != askedThen
		}
	}
	return found
}

// describe makes what pointers point to part of the text.
func describe(r ops.Request) string {
	id, inner := "none", "none"
	if r.TransactionalID != nil {
		id = *r.TransactionalID
	}
	if r.Embedded != nil {
		inner = fmt.Sprintf("%+v", *r.Embedded)
	}
	r.TransactionalID, r.Embedded = nil, nil
	return fmt.Sprintf("%+v %s %s", r, id, inner)
}

// TestFieldsAreLookedAt: every field of every served version of every request is in the
// table. A field that a newer kmsg or a newly served version adds fails until it is
// classified.
func TestFieldsAreLookedAt(t *testing.T) {
	type field struct {
		api  string
		path string
	}
	has := make(map[field][]string)   // the versions that have it
	asked := make(map[field]struct{}) // in some version
	versions := 0
	served := servedVersions(ops.Broker)
	maps.Copy(served, servedVersions(ops.Controller))
	for key, r := range served {
		for version := r.min; version <= r.max; version++ {
			versions++
			for path, isAsked := range fieldsOf(kind{key, version, false}) {
				f := field{key.String(), path}
				has[f] = append(has[f], fmt.Sprint(version))
				if isAsked {
					asked[f] = struct{}{}
				}
			}
		}
	}
	text, err := os.ReadFile(fieldsFile)
	require.NoError(t, err)
	table := make(map[field][2]string) // versions and class
	for line := range strings.Lines(string(text)) {
		if row := strings.Split(strings.TrimSpace(line), "\t"); len(row) == 4 && row[0] != "api" {
			table[field{row[0], row[2]}] = [2]string{row[1], row[3]}
		}
	}
	var missing []string
	for f, in := range has {
		row, listed := table[f]
		_, isAsked := asked[f]
		if !listed || row[0] != strings.Join(in, ",") {
			missing = append(missing, strings.Join([]string{f.api, strings.Join(in, ","), f.path, map[bool]string{true: "asked", false: "?"}[isAsked]}, "\t"))
			continue
		}
		assert.Contains(t, []string{"asked", "handled", "neutral"}, row[1], "%v", f)
		assert.Equal(t, isAsked, row[1] == "asked", "%v: what is asked depends on it: %t; the table says %s", f, isAsked, row[1])
	}
	slices.Sort(missing)
	assert.Empty(t, missing, "look at these fields, and say in %s what they are to the gateway", fieldsFile)
	for f := range table {
		assert.Contains(t, has, f, "no request has this field")
	}
	t.Logf("%d versions of requests, %d fields, %d of them asked", versions, len(has), len(asked))
}
