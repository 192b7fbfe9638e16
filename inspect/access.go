package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// MaxCells returns how many pairs of a cell of names and a cell of addresses an answer
// about so many ACLs may have to tell apart: the number of patterns of the ACLs for one
// subject, times the number of their hosts. WhatCan takes some 6 bytes for a pair and
// Diff 16, and both some 0.5 µs. Real sets of ACLs have few hosts, and need a hundred
// times less.
func MaxCells(acls int) int { return cellsPerACL * max(acls, fewACLs) }

const cellsPerACL = 400

// LimitError says that an answer would tell more than [MaxCells] cells apart.
type LimitError struct {
	Limit      int // how many are allowed
	Type       resource.Type
	Principals []string // whose access was asked for; empty for everyone else
	Patterns   int      // on which the ACLs for them are
	Hosts      int      // how many parts of all addresses these tell apart
}

// Error says of whom and what there is too much.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the ACLs of %s on resource type %v have %d patterns and tell %d parts of all addresses apart, of which the product is over %d: ask for one client address, or write networks instead of addresses",
		describePrincipals(e.Principals), e.Type, e.Patterns, e.Hosts, e.Limit)
}

func describePrincipals(texts []string) string {
	if len(texts) == 0 {
		return "everyone"
	}
	return enum.Quote(texts[0])
}

// everything is the set of all operations.
var everything = ops.AllowedBy(ops.All)

// subject is whom an answer is about, as ACLs know them.
type subject struct {
	texts  []string // its principals that an ACL can name, User:* not among them
	super  bool
	silent bool // Kafka throws whatever it asks: it is named as all are
}

// everyoneElse is a principal that no ACL names and that is no super user.
var everyoneElse = subject{}

// subjectOf returns the subject that is all of the principals, of which the first is
// the one that authenticated.
func (p *policy) subjectOf(principals ...principal.Principal) subject {
	var s subject
	for i, who := range principals {
		text := who.String()
		if who.IsZero() {
			continue
		}
		s.super = s.super || p.super[text]
		switch {
		case text == principal.Wildcard:
			s.silent = s.silent || i == 0
		case !strings.Contains(who.Type, ":") && !slices.Contains(s.texts, text):
			s.texts = append(s.texts, text)
		}
	}
	return s
}

// rulesFor returns the ACLs that are for s.
func (p *policy) rulesFor(s subject) []rule {
	rules := slices.Clip(p.rules[principal.Wildcard])
	for _, text := range s.texts {
		rules = append(rules, p.rules[text]...)
	}
	return rules
}

// points returns the borders between names that p treats differently, if those are
// the ACLs that count.
func (p *policy) points(rules []rule) []point {
	points := make([]point, 0, len(rules)+2)
	for _, r := range rules {
		points = append(points, pointOf(r.Pattern))
	}
	if p.defaultAllow {
		for pattern := range p.stands {
			points = append(points, pointOf(pattern))
		}
	}
	if p.exact {
		points = append(points, asterisk, asterisks)
		points = append(points, p.silent.points()...)
	}
	return points
}

// places returns the hosts of the ACLs.
func (p *policy) places(rules []rule) []HostRange {
	var places []HostRange
	add := func(h HostRange, ok bool) {
		if ok {
			places = append(places, h)
		}
	}
	for _, r := range rules {
		if p.exact {
			add(r.hosts(true))
		}
		add(r.hosts(false))
	}
	return places
}

// grid is who may do what, for one subject: the operations allowed, by the cells of
// a tree of names and a tree of addresses.
type grid struct {
	names *nameTree
	hosts *hostTree
	rows  [][]ops.Set // by name, then by host; rows may be one slice
}

// checkSize returns an error if the grid of the rules is too large. Only the cells of
// a name that a rule stands on take memory of their own.
func (p *policy) checkSize(s subject, rules []rule, hosts *hostTree) error {
	patterns := make(map[resource.Pattern]struct{})
	for _, r := range rules {
		patterns[r.Pattern] = struct{}{}
	}
	if limit := MaxCells(p.acls); (len(patterns)+1)*len(hosts.nodes) > limit {
		return &LimitError{Limit: limit, Type: p.typ, Principals: s.texts, Patterns: len(patterns), Hosts: len(hosts.nodes)}
	}
	return nil
}

// grid returns what s may do. The trees must divide names and addresses at least as
// points and places do. It is linear in the number of ACLs and of cells.
func (p *policy) grid(s subject, rules []rule, names *nameTree, hosts *hostTree) grid {
	g := grid{names: names, hosts: hosts, rows: make([][]ops.Set, len(names.nodes))}
	all := slices.Repeat([]ops.Set{everything}, len(hosts.nodes))
	switch {
	case s.super:
		fill(g.rows, all)
		return g
	case !p.ready:
		fill(g.rows, make([]ops.Set, len(hosts.nodes)))
		return g
	}
	exact := p.exact && !s.silent
	var silent []bool
	anySilent := false
	if exact {
		silent, anySilent = p.silent.mark(names)
	}
	g.rows = combine(rules, names, hosts, exact)
	if anySilent {
		for i, row := range combine(rules, names, hosts, false) {
			if silent[i] {
				g.rows[i] = row
			}
		}
	}
	if p.defaultAllow {
		for i, covered := range p.markCovered(names, func(i int) bool { return exact && !silent[i] }) {
			if !covered {
				g.rows[i] = all
			}
		}
	}
	return g
}

func fill[T any](list []T, v T) {
	for i := range list {
		list[i] = v
	}
}

// markCovered returns for each node whether an ACL covers the names in its cell.
func (p *policy) markCovered(names *nameTree, exact func(node int) bool) []bool {
	wild := p.stands[resource.LiteralPattern(p.typ, resource.Wildcard)] > 0
	below, covered := make([]bool, len(names.nodes)), make([]bool, len(names.nodes))
	for i, n := range names.nodes {
		up := names.parent[i]
		below[i] = up >= 0 && below[up] || p.stands[patternOf(p.typ, n)] > 0 && n != asterisk
		covered[i] = below[i] || wild && wildcardCovers(n, exact(i))
	}
	return covered
}

// patternOf returns the pattern that covers exactly the names of n, which is not "*"
// alone.
func patternOf(t resource.Type, n point) resource.Pattern {
	if n.prefix {
		return resource.PrefixedPattern(t, n.name)
	}
	return resource.LiteralPattern(t, n.name)
}

// layer is what ACLs say at each cell of addresses. A nil layer is silent.
type layer struct{ allows, denies []ops.Set }

// with returns l with an ACL more: a copy if it is the shared one, else l itself.
func (l *layer) with(r rule, hosts *hostTree, exact bool, shared *layer) *layer {
	h, ok := r.hosts(exact)
	if !ok {
		return l
	}
	switch {
	case l == nil:
		l = &layer{make([]ops.Set, len(hosts.nodes)), make([]ops.Set, len(hosts.nodes))}
	case l == shared:
		l = &layer{slices.Clone(l.allows), slices.Clone(l.denies)}
	}
	allows, denies := r.says()
	from := hosts.find(h)
	for i := from; i < int(hosts.end[from]); i++ {
		l.allows[i] |= allows
		l.denies[i] |= denies
	}
	return l
}

// allowed returns the operations that l and o together allow, at each host.
func (l *layer) allowed(o *layer, hosts int) []ops.Set {
	row := make([]ops.Set, hosts)
	for _, part := range []*layer{l, o} {
		if part != nil {
			for i, set := range part.allows {
				row[i] |= set
			}
		}
	}
	for _, part := range []*layer{l, o} {
		if part != nil {
			for i, set := range part.denies {
				row[i] &^= set
			}
		}
	}
	return row
}

// combine returns the operations that the rules allow, by cell. ACLs on LITERAL "*"
// are kept apart, because in KafkaExact not every name below the root is theirs.
func combine(rules []rule, names *nameTree, hosts *hostTree, exact bool) [][]ops.Set {
	var wild *layer
	own := make(map[int][]rule)
	for _, r := range rules {
		if r.Pattern.IsWildcard() {
			wild = wild.with(r, hosts, exact, nil)
		} else if at, ok := names.find(pointOf(r.Pattern)); ok {
			own[at] = append(own[at], r)
		}
	}
	layers, rows := make([]*layer, len(names.nodes)), make([][]ops.Set, len(names.nodes))
	type key struct {
		layer *layer
		wild  bool
	}
	made := make(map[key][]ops.Set)
	for i, n := range names.nodes {
		var above *layer
		if up := names.parent[i]; up >= 0 {
			above = layers[up]
		}
		layers[i] = above
		for _, r := range own[i] {
			layers[i] = layers[i].with(r, hosts, exact, above)
		}
		k := key{layers[i], wildcardCovers(n, exact)}
		if made[k] == nil {
			var beside *layer
			if k.wild {
				beside = wild
			}
			made[k] = k.layer.allowed(beside, len(hosts.nodes))
		}
		rows[i] = made[k]
	}
	return rows
}
