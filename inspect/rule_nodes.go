package inspect

import (
	"maps"
	"slices"
)

// chain is a list of nodes of a tree of names, each with its nearest ancestor in the
// list. It finds the listed ancestors of a node without visiting all ancestors.
type chain struct {
	at    []int // ascending
	above []int // for each, the index of its nearest ancestor in the list, or -1
}

// newChain returns the chain of nodes, which must be sorted.
func newChain(t *nameTree, nodes []int) chain {
	c := chain{at: nodes}
	for i, node := range nodes {
		c.above = append(c.above, c.nearest(t, i-1, node))
	}
	return c
}

// nearest returns the index of the last node, from index i downwards, that contains a
// node or is it, or -1.
func (c chain) nearest(t *nameTree, i, node int) int {
	for i >= 0 && int(t.end[c.at[i]]) <= node {
		i = c.above[i]
	}
	return i
}

// holding returns the index of the nearest node that contains a node. If self is set,
// the node itself counts.
func (c chain) holding(t *nameTree, node int, self bool) int {
	i, found := slices.BinarySearch(c.at, node)
	if found && self {
		return i
	}
	return c.nearest(t, i-1, node)
}

// span is a range of indexes.
type span struct{ from, to int }

// within returns the listed nodes from (inclusive) to (exclusive).
func (c chain) within(from, to int) span {
	i, _ := slices.BinarySearch(c.at, from)
	j, _ := slices.BinarySearch(c.at[i:], to)
	return span{i, i + j}
}

// ruleNodes has rules by the node of their pattern.
type ruleNodes struct {
	chain
	rules [][]rule // of each node
}

func newRuleNodes(t *nameTree, rules []rule) ruleNodes {
	by := make(map[int][]rule, len(rules))
	for _, r := range rules {
		node, _ := t.find(pointOf(r.Pattern))
		by[node] = append(by[node], r)
	}
	n := ruleNodes{chain: newChain(t, slices.Sorted(maps.Keys(by)))}
	for _, node := range n.at {
		n.rules = append(n.rules, by[node])
	}
	return n
}

// appendHolding appends the rules on patterns that contain a node, without those on the
// node itself.
func (n ruleNodes) appendHolding(rules []rule, t *nameTree, node int) []rule {
	for i := n.holding(t, node, false); i >= 0; i = n.above[i] {
		rules = append(rules, n.rules[i]...)
	}
	return rules
}

// appendSpan appends the rules of a span.
func (n ruleNodes) appendSpan(rules []rule, s span) []rule {
	for _, more := range n.rules[s.from:s.to] {
		rules = append(rules, more...)
	}
	return rules
}
