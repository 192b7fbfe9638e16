package principal

// Backtracking allows patterns that only a backtracking matcher can match: look-around,
// back references, possessive quantifiers and atomic groups. A client can choose a name
// for which such a pattern takes exponential time. So each match counts its steps, and
// a name that needs too many is an error. It is never mapped to another name. The limit
// does not depend on a clock: the same name always has the same result.
//
// Other patterns are still matched in linear time. A nil *Backtracking refuses patterns
// that need backtracking. The zero Backtracking has the default limit.
type Backtracking struct {
	// MaxSteps is the maximum number of steps one rule may take for one name. Zero or
	// less means [DefaultMaxSteps].
	MaxSteps int
}

// DefaultMaxSteps is the default for MaxSteps, and takes about 30 ms. A usual name
// takes some hundred steps and a name of 1,000 characters some thousand, so this is a
// thousand times more.
const DefaultMaxSteps = 1 << 22

// maxSteps returns the limit; 0 means that backtracking is not allowed.
func (b *Backtracking) maxSteps() int {
	switch {
	case b == nil:
		return 0
	case b.MaxSteps <= 0:
		return DefaultMaxSteps
	}
	return b.MaxSteps
}
