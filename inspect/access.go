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

// MaxCells returns the maximum number of cells (pairs of a name cell and an address
// cell) that an answer about so many ACLs may need. The number of cells is that of the
// patterns in the ACLs for one subject, times that of their hosts. WhatCan takes about
// 6 bytes for a cell and Diff 16, and both about 0.5 µs. Real sets of ACLs have few
// hosts, and need a hundred times less.
func MaxCells(acls int) int { return cellsPerACL * max(acls, fewACLs) }

const cellsPerACL = 400

// LimitError is the error for an answer that would need more than [MaxCells] cells.
type LimitError struct {
	Limit      int // the maximum number of cells
	Type       resource.Type
	Principals []string // the subject; empty for everyone else
	Patterns   int      // number of patterns in its ACLs
	Hosts      int      // number of address ranges that its ACLs distinguish
}

// Error returns the subject and the numbers.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the ACLs of %s on resource type %v are too large to analyse: %d patterns × %d address ranges exceeds %d cells: query one client address, or use networks instead of addresses",
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

// subject is the subject of an answer, in the terms of ACLs.
type subject struct {
	texts  []string // its principals that an ACL can name, except User:*
	super  bool
	silent bool // Kafka throws an exception for all its requests, because its name is User:*
}

// everyoneElse is a principal that no ACL names and that is not a super user.
var everyoneElse = subject{}

// subjectOf returns the subject that has all of the principals. The first one is
// authenticated.
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

// rulesFor returns the ACLs that apply to s.
func (p *policy) rulesFor(s subject) []rule {
	rules := slices.Clip(p.rules[principal.Wildcard])
	for _, text := range s.texts {
		rules = append(rules, p.rules[text]...)
	}
	return rules
}

// points returns the name ranges that p treats differently, considering only the given
// ACLs.
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

// grid is the access of one subject: the allowed operations, by cell of a tree of names
// and cell of a tree of addresses.
type grid struct {
	names *nameTree
	hosts *hostTree
	rows  [][]ops.Set // by name, then by host; several rows may share one slice
}

// checkSize returns an error if the grid of the rules is too large. Only the cells of
// names with a rule take their own memory.
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

// grid returns the access of s. The trees must have at least the nodes in points and
// places. The cost is linear in the number of ACLs and of cells.
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

// patternOf returns the pattern that covers exactly the names of n, which must not be
// the name "*" alone.
func patternOf(t resource.Type, n point) resource.Pattern {
	if n.prefix {
		return resource.PrefixedPattern(t, n.name)
	}
	return resource.LiteralPattern(t, n.name)
}

// layer is what ACLs allow and deny at each cell of addresses. A nil layer is empty.
type layer struct{ allows, denies []ops.Set }

// with returns l with r added: a copy if l is shared, otherwise l itself.
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

// allowed returns the operations that l and o together allow, for each host.
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

// combine returns the operations that the rules allow, by cell. ACLs on LITERAL "*" are
// kept separately, because in KafkaExact they do not cover every name.
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
