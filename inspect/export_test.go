package inspect

import "github.com/portcullis-authz/portcullis/snapshot"

// NewLimitedMatrix is NewMatrix with another limit than Work.
func NewLimitedMatrix(n *snapshot.Snapshot, limit int) (Matrix, error) {
	return newMatrix(n, nil, limit)
}
