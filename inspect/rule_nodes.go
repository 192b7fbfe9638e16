package inspect

import (
	"maps"
	"slices"
)

// chain is some nodes of a tree of names, each with the nearest of them that holds it,
// so that those that hold a node are found without looking at all nodes above it.
type chain struct {
	at    []int // ascending
	above []int // of each, the index of the nearest of them that holds it; -1 if there is none
}

// newChain returns the chain of nodes, which must be sorted.
func newChain(t *nameTree, nodes []int) chain {
	c := chain{at: nodes}
	for i, node := range nodes {
		c.above = append(c.above, c.nearest(t, i-1, node))
	}
	return c
}

// nearest returns the index of the last node, from index i downwards, that holds a node
// or is it; -1 if there is none.
func (c chain) nearest(t *nameTree, i, node int) int {
	for i >= 0 && int(t.end[c.at[i]]) <= node {
		i = c.above[i]
	}
	return i
}

// holding returns the index of the nearest node that holds a node, or is it if self.
func (c chain) holding(t *nameTree, node int, self bool) int {
	i, found := slices.BinarySearch(c.at, node)
	if found && self {
		return i
	}
	return c.nearest(t, i-1, node)
}

// span is a range of indexes.
type span struct{ from, to int }

// within returns which nodes are from from up to to.
func (c chain) within(from, to int) span {
	i, _ := slices.BinarySearch(c.at, from)
	j, _ := slices.BinarySearch(c.at[i:], to)
	return span{i, i + j}
}

// ruleNodes is rules by the node of their pattern.
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

// appendHolding appends the rules that hold a node, without those on it.
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
