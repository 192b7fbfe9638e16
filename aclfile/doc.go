// Package aclfile stores the ACLs of a program in a file. It saves a set of bindings so
// that a crash cannot lose it, loads it and reports every error in it, and applies it
// to a [snapshot.Store]. Package aclfile/watch, a separate module, applies a file again
// whenever it changes.
//
// # File format
//
// The file contains only the output of [acl.Write], so that every reader of its format
// can read it. A second file with the same name plus ".sum" contains its SHA-256 in the
// format of sha256sum(1), which can check it and create it:
//
//	sha256sum --check acls.txt.sum
//	sha256sum acls.txt >acls.txt.sum
//
// Two files cannot be replaced atomically. So the checksum file may contain two
// checksums. A save first replaces the checksum file by one with the checksums of the
// old and the new content. Then it replaces the file. Last, it replaces the checksum
// file by one with only the new checksum. At every moment the checksum file contains
// the checksum of the file's content.
//
// # Guarantees
//
//   - After a kill or a power failure at any point of [Save], the file contains the
//     complete old set or the complete new one, and loads. A save that has returned nil
//     is durable. This requires a file system on which rename is atomic and which keeps
//     what was synced, as the usual local file systems of Unix do.
//   - A set that the format cannot represent is refused before any file is changed.
//   - [Load] returns the whole set or an error. A file that does not match its
//     checksum, after a flipped bit, a truncation or an edit, is a [*ChecksumError].
//   - A file that was written by hand, without a checksum, loads if the caller passes
//     [ChecksumOptional]. A file that was truncated after a whole line then cannot be
//     distinguished from a complete one.
//   - [Apply] replaces the set in force in one transaction, or leaves it in force and
//     returns an [*ApplyError]. A missing file is an error, not the empty set.
//   - A store that follows a file has no other ACLs, so that a change of the file cannot drop
//     any: nothing else can change the store, and a store that has ACLs cannot begin to follow a
//     file. To begin with the ACLs of a file and then change them in the store, fill it once
//     with the result of [Load].
//
// # Files
//
// Only its owner can read and write a new file. A file that is replaced keeps its
// permission bits, and its checksum file gets the same. Owner and group are those of
// the program. Symbolic links are kept: the target is replaced, and the checksum file
// is next to the target. A dangling link is refused, and so is anything but a regular
// file.
//
// Any number of programs may load a file while one saves it. The caller must ensure
// that only one saves at a time, and that no other saves between its load and its save: hold
// [Lock] from before the load until after the save. If two save the same file at once, either may fail, or
// the file may not match its checksum, but a mixture never loads.
//
// The package starts no goroutines and has no state. Windows, which cannot sync a
// folder, is not supported.
package aclfile
