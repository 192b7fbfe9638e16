package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Release is a release of Kafka: 100 times its first number plus the second. The zero
// Release is the newest of those that the protocol table has.
type Release int16

// The releases whose rules the protocol table has. It has those of 4.2 as of 4.2.1.
const (
	newest  Release = 0 // the newest of the others
	Kafka42 Release = 402
	Kafka43 Release = 403
	Kafka44 Release = 404
)

// Earlier releases, from which a step is known. The table does not have their rules.
const (
	kafka40 Release = 400
	kafka41 Release = 401
)

// releases are the releases whose rules the table has, in order.
var releases = []Release{Kafka42, Kafka43, Kafka44}

// known returns the release itself, the newest of all instead of [newest], or false for a
// release whose rules the table does not have.
func (r Release) known() (Release, bool) {
	if r == newest {
		return releases[len(releases)-1], true
	}
	return r, slices.Contains(releases, r)
}

// String returns the numbers of r, such as "4.4", or "newest".
func (r Release) String() string {
	switch {
	case r == newest:
		return "newest"
	case r < 0:
		return fmt.Sprintf("Release(%d)", int(r))
	}
	return fmt.Sprintf("%d.%d", r/100, r%100)
}

// MarshalText returns the numbers of r, such as "4.4".
func (r Release) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ParseRelease parses the numbers of one of the releases whose rules the table has, such as "4.4", also with that of
// a patch, such as "4.4.0". On error the result is the newest.
func ParseRelease(s string) (Release, error) {
	names := make([]string, len(releases))
	for i, r := range releases {
		names[i] = r.String()
		patch, hasPatch := strings.CutPrefix(s, names[i]+".")
		if s == names[i] || hasPatch && patch != "" && len(patch) <= 3 && strings.Trim(patch, "0123456789") == "" {
			return r, nil
		}
	}
	return newest, fmt.Errorf("unknown release %s: expected one of %s", enum.Quote(s), strings.Join(names, ", "))
}

// newerVersion is a version of a request that came after Kafka 4.2.
type newerVersion struct {
	Version int16   `json:"version"`
	Since   Release `json:"since"`
}

// maxVersionIn returns the newest version that a release serves.
func (api *API) maxVersionIn(r Release) int16 {
	newest := api.MaxVersion
	for _, n := range api.Newer {
		if n.Since > r {
			newest = min(newest, n.Version-1)
		}
	}
	return newest
}

// inForce reports whether a release has what is since one release and until another, where
// 0 stands for the first and the last.
func (r Release) inForce(since, until Release) bool { return since <= r && (until == 0 || r <= until) }

// in returns the row as it is in a release: with the versions, steps and guards that the
// release has, numbered accordingly. It returns false if the release does not have the API,
// or the table does not have the release. The caller owns the row.
func (api API) in(r Release) (_ API, ok bool) {
	r, ok = r.known()
	if !ok || api.Since > r {
		return API{}, false
	}
	c := api.clone()
	c.MaxVersion = api.maxVersionIn(r)
	c.Newer = slices.DeleteFunc(c.Newer, func(n newerVersion) bool { return n.Since > r })
	number := make([]int, len(c.Steps)+1) // of each step, or of the last before it that is kept
	c.Steps = c.Steps[:0]
	for i, s := range api.Steps {
		if r.inForce(s.Since, 0) {
			s.FallbackOf = number[min(max(s.FallbackOf, 0), i)]
			c.Steps = append(c.Steps, s)
		}
		number[i+1] = len(c.Steps)
	}
	c.Guards = slices.DeleteFunc(c.Guards, func(g guard) bool { return !r.inForce(g.Since, g.Until) })
	for i := range c.Guards {
		g := &c.Guards[i]
		g.After = number[min(max(g.After, 0), len(api.Steps))]
	}
	return c, true
}

// APIsIn returns the rows of the protocol table as they are in a release, in order of the
// keys; none if the table does not have the release. The caller owns the rows.
func APIsIn(r Release) []API {
	var apis []API
	for _, api := range APIs() {
		if row, ok := api.in(r); ok {
			apis = append(apis, row)
		}
	}
	return apis
}
