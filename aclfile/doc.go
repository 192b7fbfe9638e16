// Package aclfile keeps the ACLs of a program in a file: it saves a set of
// bindings so that a crash loses none of it, loads it with everything that is
// wrong reported, and makes it the set of a [snapshot.Store]. Package
// aclfile/watch, a module of its own, follows a file that others change.
//
// # What is kept
//
// The file holds what [acl.Write] writes and nothing else, so that every reader of
// its format reads it. Beside it, under the same name with ".sum" added, stands
// its SHA-256 in the form of sha256sum(1), which can check it and make it:
//
//	sha256sum --check acls.txt.sum
//	sha256sum acls.txt >acls.txt.sum
//
// Two files cannot be replaced as one. So the checksum file may name two
// checksums, and is replaced first, by one that names what the file holds and
// what it will hold; then the file; then the checksum file by one that names the
// new checksum only. Whatever stands in the file at any moment, the checksum file
// names it.
//
// # Guarantees
//
//   - After a kill or a power failure at any point of [Save] the file holds the old
//     set or the new one, whole, and loads. A save that has returned nil lasts.
//     This needs a file system on which rename is atomic and which keeps what was
//     synced, as the usual local ones of Unix do.
//   - A set that the format cannot hold is refused before anything is touched.
//   - [Load] returns the whole set or an error. A file that does not match its
//     checksum, by a bit, by a lost end or by an edit, is a [*ChecksumError].
//   - A file that was written by hand, without a checksum, loads if the caller
//     chooses [ChecksumOptional]. Nothing then tells a file that lost its end after a
//     whole line from one that is meant to be short.
//   - [Apply] replaces the set in force in one transaction, or leaves it in force
//     and returns an [*ApplyError]. A file that vanished is an error, not the empty set.
//
// # Files
//
// A new file can be read and written by its owner only; one that is replaced keeps
// its permission bits, and its checksum file gets the same. Owner and group are
// those of the program. A symbolic link stays: the file that it leads to is
// replaced, and the checksum stands beside that. A link that leads nowhere, and
// what is no regular file, is refused.
//
// Any number of programs may load a file while one saves it. One save at a time is
// the caller's part: two at once on the same file may end in an error of either,
// or in a file that does not match its checksum, but never in a mixture that
// loads.
//
// The package starts no goroutine and keeps no state. Windows, which cannot sync a
// folder, is not supported.
package aclfile
