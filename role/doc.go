// Package role turns roles and role bindings into ACLs.
//
// A [Role] is a named list of operations for each type of resource. A [Binding] gives a role
// to a user or a group, in a [Scope] and, for most roles, on a pattern of names. A [Policy]
// keeps the bindings of one Kafka cluster and the ACLs that they stand for. Those ACLs go
// into a snapshot.Store like any others, so that a check costs the same and follows the same
// rules: DENY wins over every role, super users come first, and a role counts as an ACL for
// Config.AllowIfNoACL. [Policy.Sources] says which bindings an ACL comes from.
//
//	policy := role.NewPolicy("abc123", table, nil)
//	change, err := policy.Apply([]role.Binding{binding}, nil)
//	err = store.Update(func(tx *snapshot.Tx) error {
//		for _, b := range change.Remove { tx.Remove(b) }
//		for _, b := range change.Add { tx.Add(b) }
//		return nil
//	})
//
// # Groups
//
// A binding may be for a Group. snapshot.Subject.Groups are the groups of a client: all its
// principals together decide. Names of groups are compared byte by byte.
//
// # What a role does not do
//
//   - It adds no operation that is not in its list. Kafka itself adds some: ALLOW READ also
//     allows DESCRIBE (see package snapshot). [Table.Implied] lists what this adds.
//   - A binding whose scope names a component, such as a Connect cluster, is never applied to
//     topics. Operations that no Kafka request asks for, such as ReadStatus, become no ACL. An
//     [Access] answers for them, and package connect/guard asks it.
//   - It has no host and no DENY, unless the role says so. Roles of Redpanda do.
//
// # Where the tables are from
//
// [Predefined] has the roles whose operations are published. Those of other products and
// versions are read from what a metadata service answers ([ParseTable]), and can be edited.
package role
