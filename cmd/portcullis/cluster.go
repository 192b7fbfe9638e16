package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// clusterFlags are the flags that say what decides beside the ACLs.
type clusterFlags struct {
	cmd           *cobra.Command
	superUsers    *once
	allowEveryone bool
	semantics     *once
}

func newClusterFlags(cmd *cobra.Command) *clusterFlags {
	c := &clusterFlags{cmd: cmd}
	c.superUsers = onceFlag(cmd, "super-users", "", "`list` of principals that may do everything, as in server.properties: 'User:a;User:b'")
	cmd.Flags().BoolVar(&c.allowEveryone, "allow-everyone-if-no-acl-found", false, "allow what no ACL covers, as in server.properties")
	c.semantics = onceFlag(cmd, "semantics", snapshot.Documented.String(),
		"`rules` to decide by: documented, or kafka-exact, which has the defects of Kafka's authorizer", semanticsNames()...)
	return c
}

func semanticsNames() []string {
	return []string{snapshot.Documented.String(), snapshot.KafkaExact.String(), snapshot.KafkaExact44.String()}
}

func (c *clusterFlags) config() (snapshot.Config, error) {
	semantics, errSemantics := snapshot.ParseSemantics(c.semantics.text)
	superUsers, errSuperUsers := principal.ParseList(c.superUsers.text)
	if errSuperUsers != nil {
		errSuperUsers = fmt.Errorf("--super-users: %w", errSuperUsers)
	}
	if errSemantics != nil {
		errSemantics = fmt.Errorf("--semantics: %w", errSemantics)
	}
	warnOfSuperUsers(c.cmd.ErrOrStderr(), "--super-users", superUsers)
	config := snapshot.Config{Semantics: semantics, SuperUsers: superUsers, AllowIfNoACL: c.allowEveryone}
	return config, errors.Join(errSemantics, errSuperUsers)
}

// wrongList is a name that seems to be several principals: names of certificates have
// commas, but no colon after the word that follows one. Behind anything else that people
// separate lists with, only the type User is taken for the begin of another one.
var wrongList = regexp.MustCompile(`,\s*[\w-]+\s*:|[\s|&+，、；]\s*["']?User\s*:`)

// warnOfSuperUsers warns of super users that were probably meant to be several.
func warnOfSuperUsers(w io.Writer, from string, superUsers []principal.Principal) {
	for _, p := range superUsers {
		if wrongList.MatchString(p.String()) {
			fmt.Fprintf(w, "warning: %s: %s is one principal: several have a semicolon between them, since names of certificates have commas\n",
				from, enum.Quote(p.String()))
		}
	}
}

// refuseEmpty refuses no ACLs where they would allow everything. A command before the
// pipe that failed is the likely reason.
func (c *clusterFlags) refuseEmpty(n *snapshot.Snapshot) error {
	if c.allowEveryone && n.Len() == 0 {
		return errors.New("no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; leave that flag out to ask about no ACLs")
	}
	return nil
}
