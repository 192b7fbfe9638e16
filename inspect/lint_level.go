package inspect

import (
	"cmp"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
)

// Level says how dangerous a finding is. The zero Level is none. A greater Level is more
// dangerous.
type Level uint8

// The levels. Their names are those of SARIF.
const (
	LevelNote    Level = iota + 1 // nothing is decided differently from what the ACL says
	LevelWarning                  // somebody is refused, or an ACL is not what it seems
	LevelError                    // somebody may do what the ACLs seem not to allow, or seem to deny
)

var levelNames = [...]string{LevelNote: "note", LevelWarning: "warning", LevelError: "error"}

// String returns "note", "warning" or "error", and "" for another value.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return ""
}

// kind is what holds for all findings with one code.
type kind struct {
	code    Code
	level   Level
	summary string
	// deny says that a DENY with the finding is dangerous: what it was written to deny is not
	// denied.
	deny bool
}

// kinds are the kinds of findings, the most dangerous first.
var kinds = []kind{
	{CodeEveryone, LevelError, "everyone may write, or do all", false},
	{CodeClusterAll, LevelError, "an ALLOW of ALL on the cluster", false},
	{CodePrefixOpens, LevelError, "a prefix also opens a resource that only happens to begin with it", false},
	{CodeEmptyName, LevelError, "an empty name, which is every name if it is a prefix", false},
	{CodeUnreadableHost, LevelError, "a DENY whose host has a slash and is not a network", false},
	{CodeNoAnswer, LevelError, "Kafka throws an exception or loops forever", false},
	{CodeNamePattern, LevelWarning, "a pattern or a list inside a name", true},
	{CodeNoTopic, LevelWarning, "a name that no topic can have", true},
	{CodeUnprintable, LevelWarning, "a line break, or another character that acts on a terminal", false},
	{CodeClusterName, LevelWarning, "a cluster that is not kafka-cluster", true},
	{CodeDeadHost, LevelWarning, "no client can have the host", true},
	{CodeNoClient, LevelWarning, "no client can have an address of the host", true},
	{CodeNoPrincipal, LevelWarning, "no principal has this text", true},
	{CodeStarPrincipal, LevelWarning, "an asterisk in a principal that is not User:*", true},
	{CodePrincipalList, LevelWarning, "several principals in one", true},
	{CodePrincipalType, LevelWarning, "an unknown type of principals", true},
	{CodeDeadOperation, LevelWarning, "no request asks for the operation on the type", true},
	{CodePrefixedStar, LevelWarning, `PREFIXED "*" is not a wildcard`, true},
	{CodeFrom44, LevelWarning, "the host matches from Kafka 4.4 on, and not before", true},
	{CodeSemantics, LevelWarning, "Kafka and its documentation differ", true},
	{CodeSideEffect, LevelWarning, "an ALLOW makes something possible without a right of its own", false},
	{CodeSuperUserList, LevelWarning, "several super users in one", false},
	{CodeShadowed, LevelWarning, "DENYs deny everything that the ALLOW allows", false},
	{CodeHostText, LevelNote, "a network whose text is not the canonical one", false},
	{CodeSuperUser, LevelNote, "an ACL for a super user", false},
	{CodeIdle, LevelNote, "a DENY of what nobody is allowed anyway", false},
	{CodeRedundant, LevelNote, "other ACLs have the same effect", false},
}

// Codes returns the codes, the most dangerous first. The caller owns the slice.
func Codes() []Code {
	codes := make([]Code, len(kinds))
	for i, k := range kinds {
		codes[i] = k.code
	}
	return codes
}

// kindOf returns the kind of a code. The zero kind stands for an unknown code.
func kindOf(c Code) kind {
	if i := c.rank(); i < len(kinds) {
		return kinds[i]
	}
	return kind{}
}

// rank is the place of a code in kinds.
func (c Code) rank() int {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.code == c })
	if i < 0 {
		return len(kinds)
	}
	return i
}

// Summary says in a few words what is found, or "" for an unknown code.
func (c Code) Summary() string { return kindOf(c).summary }

// Level returns the level of the findings with the code about an ALLOW, or 0 for an unknown
// code. That about a DENY may be greater: see [Finding].
func (c Code) Level() Level { return kindOf(c).level }

// levelOf returns the level of a finding about an ACL.
func levelOf(c Code, b acl.Binding) Level {
	k := kindOf(c)
	if k.deny && b.Entry.Permission == acl.Deny {
		return LevelError
	}
	return k.level
}

// byDanger orders findings: by level, the most dangerous first, then by code in the order of
// Codes, then by ACL.
func byDanger(a, b Finding) int {
	return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Code.rank(), b.Code.rank()), a.Binding.Compare(b.Binding))
}
