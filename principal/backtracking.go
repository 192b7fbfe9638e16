package principal

// Backtracking lets rules have patterns that only backtracking can match:
// look-around, back references, possessive quantifiers and atomic groups. Such a
// pattern can take exponential time on a name that somebody chose for it. So each
// match counts its steps, and a name that needs too many is an error, never another
// name. No clock is involved: the same name always has the same answer.
//
// The patterns that need no backtracking keep their linear time. A nil *Backtracking
// refuses the others. The zero Backtracking has the default limit.
type Backtracking struct {
	// MaxSteps is how many steps one rule may take for one name; zero or less is
	// [DefaultMaxSteps].
	MaxSteps int
}

// DefaultMaxSteps is how many steps one rule may take for one name. A usual name
// takes some hundred steps, and one of 1,000 characters some thousand: this is a
// thousand times more. So many steps take some 30 ms.
const DefaultMaxSteps = 1 << 22

// maxSteps returns the limit; 0 is no backtracking.
func (b *Backtracking) maxSteps() int {
	switch {
	case b == nil:
		return 0
	case b.MaxSteps <= 0:
		return DefaultMaxSteps
	}
	return b.MaxSteps
}
