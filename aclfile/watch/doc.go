// Package watch follows a file of ACLs: what is saved there by another program, or
// by hand, comes into force without a restart.
//
//	err := aclfile.Apply(store, path, aclfile.ChecksumRequired) // fail early
//	go watch.Run(ctx, store, path, watch.Options{Report: func(err error) { … }})
//
// # Guarantees
//
//   - A file that is broken, half written, gone or empty by accident leaves the set
//     in force as it is, and is reported. When it is mended, it comes into force.
//   - A set comes into force whole, in one transaction.
//   - Nobody can keep a set of [aclfile.Save] out of force by changing the file all
//     the time: it is applied after ten times [Options.Quiet] at the latest.
//   - What the system does not tell, as on a network file system, or when a folder
//     further up is swapped, is noticed within [Options.Poll].
//
// A file that is written in place and without a checksum cannot be told from the
// whole while its writer pauses between two lines for longer than Options.Quiet.
// This is why a checksum is required unless [Options.Checksums] says otherwise.
package watch
