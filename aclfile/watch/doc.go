// Package watch applies a file of ACLs whenever it changes. A set that another program
// or a person saves there takes effect without a restart.
//
//	err := aclfile.Apply(store, path, aclfile.ChecksumRequired) // fail early
//	go watch.Run(ctx, store, path, watch.Options{Report: func(err error) { … }})
//
// # Guarantees
//
//   - If a file is broken, half written, missing or accidentally empty, the set in
//     force stays in force, and the error is reported. Once the file is valid again, it
//     is applied.
//   - A set is applied as a whole, in one transaction.
//   - Constant changes to the file cannot keep a set of [aclfile.Save] from being
//     applied: it is applied after at most ten times [Options.Quiet].
//   - A change without a notification, as on a network file system or if a parent
//     folder is swapped, is detected within [Options.Poll].
//
// A file that is written in place and without a checksum looks complete while its
// writer pauses between two lines for longer than Options.Quiet. This is why a checksum
// is required unless [Options.Checksums] says otherwise.
package watch
