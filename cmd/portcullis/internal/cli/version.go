package cli

import "runtime/debug"

// Version returns the version of the program, such as v0.1.0, or "(devel)" for one that was
// built in its own tree.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
