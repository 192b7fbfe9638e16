// Package release tests that the modules of this repository can be released and then used by
// other software, each alone and together. It has no code: what makes a release is
// .ci/release, and the command modules in the folder tools.
package release
