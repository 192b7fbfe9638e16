package ops

import "slices"

// The vocabulary of the protocol table, for rows that tests make.
type (
	Step       = step
	Guard      = guard
	Effect     = effect
	Combine    = combine
	Scope      = scope
	Condition  = condition
	NameSource = nameSource
)

const (
	Sufficient    = sufficient
	Fallback      = fallback
	LeftOut       = leftOut
	FieldWithheld = fieldWithheld
)

// In returns the row as it is in a release.
func (api API) In(r Release) (API, bool) { return api.in(r) }

const Newest = newest

func Releases() []Release { return slices.Clone(releases) }
