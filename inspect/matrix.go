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

// Matrix is what principals may do, by the patterns that ACLs stand on. It is what
// checks answer: each verdict in it is one of Snapshot.Check, asked for a name and an
// address of each region in which all are treated alike. The zero Matrix is empty.
type Matrix struct {
	ACLs    []acl.Binding      // all, in the order of acl.Binding.Compare
	Columns []resource.Pattern // each pattern once, by type, then name, PREFIXED before LITERAL
	Cells   []Cell             // each once; rows refer to them by their index
	Rows    []Row              // everyone else first, then principals sorted by their text
}

// Row is what one principal may do, as runs of columns with the same cell.
type Row struct {
	Principal string // empty for everyone else: all that have no row of their own
	Runs      []Run  // sorted, the first of them from column 0; none if there is no column
}

// Run is a cell for the columns from From up to the next run.
type Run struct {
	From int
	Cell int // in Matrix.Cells, or Inherited
}

// Inherited says that a cell of a principal is that of everyone else, because no ACL
// of its own is on a name of the pattern.
const Inherited = -1

// Cell is what a principal may do on the names that a pattern covers, by the
// operations that the type supports (ops.Supported). Of an operation that is in none
// of the sets there is nothing that allows it, and no DENY.
type Cell struct {
	All    ops.Set // allowed on each name, from each address
	Some   ops.Set // allowed on some of the names or from some addresses, but not All
	Denied ops.Set // refused by a DENY on each name, from each address
	Holes  ops.Set // refused by a DENY on some of the names or from some addresses, but not Denied
	// Rulings is what decides, and where: of each operation, on each name, from each
	// address exactly one of them speaks.
	Rulings []Ruling
	// ACLs is every ACL for the principal itself, or in the row of everyone else for
	// User:*, on names of the pattern: sorted indexes of Matrix.ACLs. Those for User:*
	// count for all principals, and stand in the cell of everyone else.
	ACLs []int
}

// Ruling is a decision on operations: each of them, on each of the names, from each
// of the hosts.
type Ruling struct {
	Operations ops.Set
	Allowed    bool
	Reason     snapshot.Reason
	ACL        int     // the one that decides, an index of Matrix.ACLs, or -1 if none does
	Names      NameSet // nil for all names of the pattern; it may hold names outside of the pattern, too
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
// configuration names, save User:*, whose ACLs everyone else shows. Who is several
// principals, by its groups, may do otherwise than its rows say: see [WhatCan].
//
// In KafkaExact the names of LITERAL "*" are those that it covers by Kafka's rules: see
// [Reach]. Names that no pattern covers are in no column.
//
// The cost is that of a check for each operation, pattern and host of the ACLs of each
// principal on patterns that overlap, and grows with their nesting. It is bounded by
// [Work]. The error is a [*WorkError]; the Matrix is zero then.
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

// someoneElse returns a principal that is none of the texts.
func someoneElse(texts map[string]bool) principal.Principal {
	for i := 0; ; i++ {
		if p := principal.User("else" + strconv.Itoa(i)); !texts[p.String()] {
			return p
		}
	}
}
