package ldap

import (
	"errors"
	"slices"
	"strings"

	client "github.com/go-ldap/ldap/v3"
)

// userField stands in a filter for the name of a user.
const userField = "{user}"

// assertion is a part of a filter with the name of a user: an attribute has a value.
type assertion struct{ attribute, value string }

// assertions returns the parts of a filter with {user}. It returns an error for one that other names
// than that of the user may match.
func assertions(filter string) (list []assertion, err error) {
	for rest := filter; ; {
		before, after, found := strings.Cut(rest, userField)
		if !found {
			return list, nil
		}
		start := strings.LastIndexByte(before, '(') + 1
		end := strings.IndexByte(after, ')')
		attribute, value, isEqual := strings.Cut(before[start:]+userField+after[:max(end, 0)], "=")
		if end < 0 || !isEqual || strings.Contains(attribute, userField) {
			return nil, errors.New("expected {user} as a value, such as (uid={user})")
		}
		if strings.ContainsAny(attribute, "~<>") {
			return nil, errors.New("expected = before {user}: another comparison matches other users too")
		}
		attribute, _, _ = strings.Cut(attribute, ":") // a matching rule
		switch {
		case attribute == "":
			return nil, errors.New("expected an attribute before {user}")
		case strings.ContainsAny(value, `*\`):
			return nil, errors.New("expected no * and no escapes next to {user}: it would match other users too")
		case strings.Contains(value, "="):
			return nil, errors.New("found {user} in the name of an entry, where it would not be escaped: expected {dn}, and the entry under which the users are")
		}
		list = append(list, assertion{attribute, value})
		rest = after[end:]
	}
}

// attributesOf returns the attributes of assertions.
func attributesOf(list []assertion) (names []string) {
	for _, a := range list {
		names = append(names, a.attribute)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hasName reports whether an entry has the name of a user, byte by byte.
func hasName(entry *client.Entry, list []assertion, user string) bool {
	return slices.ContainsFunc(list, func(a assertion) bool {
		return slices.Contains(entry.GetEqualFoldAttributeValues(a.attribute), strings.ReplaceAll(a.value, userField, user))
	})
}
