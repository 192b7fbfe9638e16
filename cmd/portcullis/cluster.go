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

// clusterFlags are the flags for the settings that decide in addition to the ACLs.
type clusterFlags struct {
	cmd           *cobra.Command
	superUsers    *once
	allowEveryone bool
	semantics     *once
}

func newClusterFlags(cmd *cobra.Command) *clusterFlags {
	c := &clusterFlags{cmd: cmd}
	c.superUsers = onceFlag(cmd, "super-users", "", "`list` of principals that are allowed everything, as in server.properties: 'User:a;User:b'")
	cmd.Flags().BoolVar(&c.allowEveryone, "allow-everyone-if-no-acl-found", false, "allow everyone to use resources without ACLs, as in server.properties")
	c.semantics = onceFlag(cmd, "semantics", snapshot.Documented.String(),
		"`rules` for decisions: documented, or kafka-exact, with the defects of Kafka's authorizer", semanticsNames()...)
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

// wrongList matches a name that seems to be several principals. Names of certificates
// have commas, but no colon after the word that follows a comma. After any other
// separator, only the type User counts as the start of another principal.
var wrongList = regexp.MustCompile(`,\s*[\w-]+\s*:|[\s|&+，、；]\s*["']?User\s*:`)

// warnOfSuperUsers warns of a super user that was probably meant to be several.
func warnOfSuperUsers(w io.Writer, from string, superUsers []principal.Principal) {
	for _, p := range superUsers {
		if wrongList.MatchString(p.String()) {
			fmt.Fprintf(w, "warning: %s: %s is one principal: separate principals with semicolons, because names of certificates contain commas\n",
				from, enum.Quote(p.String()))
		}
	}
}

// refuseEmpty refuses an empty set of ACLs if it would allow everything. The likely
// reason is that the command that feeds the pipe failed.
func (c *clusterFlags) refuseEmpty(n *snapshot.Snapshot) error {
	if c.allowEveryone && n.Len() == 0 {
		return errors.New("no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set")
	}
	return nil
}
