package main

import (
	"bytes"
	"errors"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/snapshot"
)

// setQuestion holds the flags of a command that answers with a set: who-can or what-can.
type setQuestion struct {
	acls    *aclInput
	asked   questionFlags
	cluster *clusterFlags
	json    func() (bool, error)
}

// asking is the parsed flags.
type asking struct {
	question
	acls   *snapshot.Snapshot
	asJSON bool
}

func (s *setQuestion) read(cmd *cobra.Command) (a asking, err error) {
	asJSON, errJSON := s.json()
	config, errConfig := s.cluster.config()
	q, errQuestion := s.asked.question()
	if err := errors.Join(s.asked.checkUsage(cmd, ""), errJSON, errConfig); err != nil {
		return a, err
	}
	store, errACLs := s.acls.load(cmd.InOrStdin(), config)
	if err := errors.Join(errACLs, errQuestion); err != nil {
		return a, err
	}
	a = asking{question: q, acls: store.Load(), asJSON: asJSON}
	return a, s.cluster.refuseEmpty(a.acls)
}

// answer prints out, the text of the set. An empty set counts as a denial.
func (s *setQuestion) answer(cmd *cobra.Command, out *bytes.Buffer, size int) error {
	if _, err := out.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	if size == 0 {
		return errDenied
	}
	return nil
}
