package judge_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"
)

// shrinkLimit is how long a test looks for smaller forms of the differences it found.
const shrinkLimit = time.Minute

// shrink makes the examples smaller whose requests only read: it takes out ACLs, and
// entries of lists, as long as the same difference shows.
func (j *judge) shrink(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(shrinkLimit)
	j.w.repair(t, "-shrink")
	j.mu.Lock()
	found := maps.Clone(j.found)
	j.mu.Unlock()
	for _, class := range slices.Sorted(maps.Keys(found)) {
		e := found[class]
		if e.request == nil || e.writes() || e.allowEveryone != j.w.allowEveryone {
			continue
		}
		j.shrinkOne(t, e, class, deadline)
	}
}

func (j *judge) shrinkOne(t *testing.T, e *example, class string, deadline time.Time) {
	t.Helper()
	// holds reports whether s still shows the difference, and keeps it if so.
	holds := func(s situation) bool {
		j.w.setACLs(t, s.acls)
		for _, d := range j.ask(t, s) {
			s.difference = d
			if s.class() == class {
				e.situation = s
				return true
			}
		}
		return false
	}
	if !holds(e.situation) { // it needs what was sent before
		return
	}
	for i := len(e.acls) - 1; i >= 0 && time.Now().Before(deadline); i-- {
		s := e.situation
		s.acls = slices.Delete(slices.Clone(s.acls), i, i+1)
		holds(s)
	}
	for n := 0; time.Now().Before(deadline); {
		s := e.situation
		s.request = clone(s.request)
		s.request.SetVersion(s.version)
		left := n
		if !dropEntry(reflect.ValueOf(s.request).Elem(), &left) {
			return // no entry is left to be tried
		}
		if !holds(s) {
			n++
		}
	}
}

// dropEntry takes entry n out of the lists of a request, counted from the front, with
// the entries of lists inside. It reports whether there is one.
func dropEntry(v reflect.Value, n *int) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && dropEntry(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && dropEntry(v.Field(i), n) {
				return true
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return false
		}
		for i := range v.Len() {
			if *n == 0 {
				v.Set(reflect.AppendSlice(v.Slice(0, i), v.Slice(i+1, v.Len())))
				return true
			}
			*n--
			if dropEntry(v.Index(i), n) {
				return true
			}
		}
	}
	return false
}
