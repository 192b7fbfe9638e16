//go:build !js

package report

import (
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
)

// danger is a group of findings.
type danger struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	codes   []inspect.Code
	// deny are codes that belong here if the ACL is a DENY.
	deny []inspect.Code
}

// dangers are the groups, the most dangerous first.
var dangers = []danger{
	{
		Name: "More is allowed than it seems", Meaning: "An ALLOW opens more than its text says, or a DENY does not deny.",
		codes: []inspect.Code{inspect.CodePrefixOpens, inspect.CodeEveryone, inspect.CodeClusterAll, inspect.CodeSideEffect, inspect.CodeUnreadableHost},
		deny:  noEffect,
	},
	{Name: "The ACL does not do what it says", Meaning: "It matches nothing, or other things than its author meant.", codes: append(slices.Clone(noEffect), inspect.CodeShadowed, inspect.CodeNoAnswer)},
	{Name: "It depends on the release", Meaning: "Brokers of another release decide otherwise.", codes: []inspect.Code{inspect.CodeSemantics, inspect.CodeFrom44, inspect.CodeHostText}},
	{Name: "It can be tidied up", Meaning: "The ACL changes no decision.", codes: []inspect.Code{inspect.CodeRedundant, inspect.CodeIdle, inspect.CodeSuperUser}},
}

// noEffect are the codes of ACLs that match nobody, or not those that they seem to.
var noEffect = []inspect.Code{
	inspect.CodeDeadHost, inspect.CodeNoPrincipal, inspect.CodeStarPrincipal, inspect.CodePrefixedStar, inspect.CodePrincipalType, inspect.CodeNoClient, inspect.CodeDeadOperation,
}

// dangerOf returns the index of the group of a finding: the first, if none has its code.
func dangerOf(f inspect.Finding) int {
	for i, d := range dangers {
		if slices.Contains(d.codes, f.Code) || f.Binding.Entry.Permission == acl.Deny && slices.Contains(d.deny, f.Code) {
			return i
		}
	}
	return 0
}
