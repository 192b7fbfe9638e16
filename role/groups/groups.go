// Package groups says which groups clients are in, for the groups of a snapshot.Subject.
//
// A [Source] answers for one user: a [File], a directory (role/ldap), or one of the program's
// own. A [Cache] asks a source at most once in a while for each user, and says what counts while
// the source does not answer.
//
// # What an error means
//
// An error is not "no groups". A DENY may be for a group, so that somebody whose groups are not
// known must be denied everything, as if no ACL allowed it: without the group the DENY would not
// count. Only a super user by its own name may go on, since no DENY is for a super user.
//
// Names of groups are compared byte by byte, as ACLs compare principals.
package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
)

const (
	// GroupType is the type of the principals that are groups.
	GroupType = "Group"
	// MaxGroups is how many groups a user may be in, nested ones included. Each costs a look-up
	// in a session. Directories of large companies put people into some hundreds.
	MaxGroups = 1000
	// MaxNameBytes limits the name of a group, which stands in each audit event. Directories limit
	// common names to 64 characters.
	MaxNameBytes = 1024
)

// Source says which groups a client is in. It is safe for concurrent use.
type Source interface {
	// Groups returns the groups of a principal, those that they are nested in included, sorted
	// as [Sorted] does. Somebody whom the source does not know is in none, which is no error. The
	// caller must not change the list.
	//
	// An error means that the groups are not known: see the package. It wraps [ErrUnusable] if the
	// source has answered, and the answer cannot be used.
	Groups(ctx context.Context, who principal.Principal) ([]principal.Principal, error)
}

// ErrUnusable is in the error of a source that has answered: there are too many groups, or two
// users of one name. An older answer does not count then.
var ErrUnusable = errors.New("the groups cannot be used")

// Unusable returns an error that wraps [ErrUnusable].
func Unusable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnusable, fmt.Sprintf(format, args...))
}

// Sorted returns names of groups as principals, sorted, each once. It returns an error that wraps
// [ErrUnusable] if there are more than [MaxGroups], or if one is not a name: empty, not UTF-8, with
// a control character, or longer than [MaxNameBytes]. None is left out, because a DENY may be for it.
func Sorted(names []string) ([]principal.Principal, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > MaxGroups {
		return nil, Unusable("%d groups: expected at most %d", len(names), MaxGroups)
	}
	list := make([]principal.Principal, len(names))
	for i, name := range names {
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
		}
		list[i] = principal.Principal{Type: GroupType, Name: name}
	}
	return list, nil
}

func checkName(name string) error {
	isControl := func(r rune) bool { return r < ' ' || r == 0x7f }
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) || strings.ContainsFunc(name, isControl) {
		return fmt.Errorf("found the group %s, expected a name of 1 to %d bytes in UTF-8 without control characters", enum.Quote(name), MaxNameBytes)
	}
	return nil
}

// Union returns the groups of two sorted lists, sorted, each once. It returns one of them itself
// if the other is empty.
func Union(a, b []principal.Principal) []principal.Principal {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	list := slices.Concat(a, b)
	slices.SortFunc(list, func(a, b principal.Principal) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(list, principal.Principal.Equal)
}
