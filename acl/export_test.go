package acl

// ValidateStored is the check that files are read with.
func ValidateStored(b Binding) error { return b.validateStored() }
