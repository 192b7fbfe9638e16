//go:build !js

package report

import "github.com/portcullis-authz/portcullis/inspect"

// danger is a group of findings: those of one level.
type danger struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	level   inspect.Level
}

// dangers are the groups, the most dangerous first.
var dangers = []danger{
	{"Errors", "Somebody may do what the ACLs seem not to allow, or seem to deny.", inspect.LevelError},
	{"Warnings", "Somebody is refused, or an ACL is not what it seems.", inspect.LevelWarning},
	{"Notes", "Nothing is decided differently from what the ACL says.", inspect.LevelNote},
}

// dangerOf returns the index of the group of a finding: the first, if none has its level.
func dangerOf(f inspect.Finding) int {
	for i, d := range dangers {
		if d.level == f.Level {
			return i
		}
	}
	return 0
}
