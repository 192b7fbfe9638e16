package inspect

import (
	"maps"
	"slices"
	"strconv"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Matrix is the access of principals, by the patterns of ACLs. Each verdict in it is
// that of Snapshot.Check for a name and an address of a region in which all are treated
// alike. The zero Matrix is empty.
type Matrix struct {
	ACLs    []acl.Binding      // all, in the order of acl.Binding.Compare
	Columns []resource.Pattern // each pattern once, by type, then name, PREFIXED before LITERAL
	Cells   []Cell             // without duplicates; rows refer to them by index
	Rows    []Row              // everyone else first, then principals sorted by their text
}

// Row is the access of one principal, as runs of columns with the same cell.
type Row struct {
	Principal string // empty for everyone else: all principals without their own row
	Runs      []Run  // sorted; the first begins at column 0; empty if there are no columns
}

// Run is a cell for the columns from From to the next run.
type Run struct {
	From int
	Cell int // in Matrix.Cells, or Inherited
}

// Inherited says that the cell is that of everyone else, because no ACL of the
// principal covers a name of the pattern.
const Inherited = -1

// Cell is the access of a principal to the names that a pattern covers, by the
// operations that the type supports (ops.Supported). Nothing allows or denies an
// operation that is in none of the sets.
type Cell struct {
	All    ops.Set // allowed on each name, from each address
	Some   ops.Set // allowed for some names or from some addresses, but not in All
	Denied ops.Set // denied by a DENY for each name, from each address
	Holes  ops.Set // denied by a DENY for some names or from some addresses, but not in Denied
	// Rulings are the decisions of the cell. For each operation, name and address
	// exactly one of them applies.
	Rulings []Ruling
	// ACLs are all ACLs for the principal itself that cover names of the pattern, as
	// sorted indexes of Matrix.ACLs. In the row of everyone else they are those for
	// User:*, which apply to all principals and are listed only there.
	ACLs []int
}

// Ruling is the decision on some operations, names and hosts: on each of the
// operations, for each of the names, from each of the hosts.
type Ruling struct {
	Operations ops.Set
	Allowed    bool
	Reason     snapshot.Reason
	ACL        int     // the ACL that decides, an index of Matrix.ACLs, or -1 if none does
	Names      NameSet // nil for all names of the pattern; it may also contain names outside the pattern
	Hosts      HostSet // nil for every address
}

// At returns the cell of a column, which may be [Inherited].
func (r Row) At(column int) int {
	i, found := slices.BinarySearchFunc(r.Runs, column, func(run Run, c int) int { return run.From - c })
	if !found {
		i--
	}
	return r.Runs[i].Cell
}

// NewMatrix returns the matrix of n. It has a row for each principal that an ACL or the
// configuration names, except User:*, whose ACLs are in the row of everyone else. The
// access of a subject with groups may differ from its rows: see [WhatCan].
//
// In KafkaExact the names of LITERAL "*" are those that it covers by Kafka's rules: see
// [Reach]. Names that no pattern covers are in no column.
//
// The cost is a check for each operation, pattern and host in the ACLs of each
// principal on overlapping patterns, and grows with their nesting. It is bounded by
// [Work]. On error, which is a [*WorkError], the Matrix is zero.
func NewMatrix(n *snapshot.Snapshot, progress Progress) (Matrix, error) {
	return newMatrix(n, progress, Work(n.Len()))
}

func newMatrix(n *snapshot.Snapshot, progress Progress, limit int) (Matrix, error) {
	m := matrixBuilder{
		snapshot: n, worker: worker{limit: limit}, matrix: Matrix{ACLs: slices.Collect(n.All())},
		index: make(map[acl.Binding]int), cells: make(map[string]int),
	}
	for i, b := range m.matrix.ACLs {
		m.index[b] = i
	}
	var sheets []*sheet
	texts := map[string]bool{}
	for _, t := range resource.Types() {
		s := newSheet(load(n, t), len(m.matrix.Columns))
		m.matrix.Columns = append(m.matrix.Columns, s.columns...)
		sheets = append(sheets, s)
		for _, text := range s.principals() {
			texts[text] = true
		}
	}
	delete(texts, principal.Wildcard)
	rows := append([]string{""}, slices.Sorted(maps.Keys(texts))...)
	other := someoneElse(texts)
	for i, text := range rows {
		row, err := m.row(sheets, text, other)
		if err != nil {
			return Matrix{}, err
		}
		m.matrix.Rows = append(m.matrix.Rows, row)
		progress.step(i+1, len(rows))
	}
	return m.matrix, nil
}

// someoneElse returns a principal whose text is not in texts.
func someoneElse(texts map[string]bool) principal.Principal {
	for i := 0; ; i++ {
		if p := principal.User("else" + strconv.Itoa(i)); !texts[p.String()] {
			return p
		}
	}
}
