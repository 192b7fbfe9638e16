// Package javaregexp matches the patterns of Kafka's mapping rules that only an
// engine that backtracks can match: look-around, back references, possessive
// quantifiers and atomic groups. It is a module of its own, so that only who needs
// such rules links the engine.
//
// Such patterns can take exponential time on a name that somebody chose for it.
// Every mapping is therefore under a time limit, and one that passes it is an error,
// never a name. The patterns that package principal matches itself stay with it, and
// keep their linear time.
package javaregexp

import (
	"fmt"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/portcullis-authz/portcullis/principal"
)

// DefaultTimeLimit is a thousand times what a rule takes on a usual name.
const DefaultTimeLimit = 20 * time.Millisecond

// Engine returns an engine for [principal.ParseSSLRules], in which neither the match of
// a rule with a whole name nor the search for all that it replaces takes much longer
// than the limit; zero or less is [DefaultTimeLimit].
//
// The engine is regexp2, whose clock for the limit is a goroutine that runs while
// there are matches and ends soon after the last. The engine, and what it compiles,
// is safe for concurrent use by any number of goroutines.
func Engine(limit time.Duration) principal.PatternEngine {
	if limit <= 0 {
		limit = DefaultTimeLimit
	}
	return func(pattern string) (principal.PatternSearch, error) {
		compiled, err := regexp2.Compile(pattern, regexp2.None)
		if err != nil {
			return nil, err
		}
		compiled.MatchTimeout = limit
		return func(text []rune) func(int) ([]int, error) {
			end := time.Now().Add(limit)
			return func(from int) ([]int, error) {
				match, err := compiled.FindRunesMatchStartingAt(text, from)
				if err != nil || time.Now().After(end) {
					return nil, fmt.Errorf("no answer within %v", limit)
				}
				return groups(match), nil
			}
		}, nil
	}
}

// groups returns where a match and its groups begin and end; nil for no match.
func groups(match *regexp2.Match) []int {
	if match == nil {
		return nil
	}
	var at []int
	for _, group := range match.Groups() {
		begin, end := -1, -1
		if len(group.Captures) > 0 {
			begin, end = group.Index, group.Index+group.Length
		}
		at = append(at, begin, end)
	}
	return at
}
