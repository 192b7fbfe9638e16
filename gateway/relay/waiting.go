package relay

import "math"

// needs are what a waiting tenant needs of a room until the first of its claims has place: see room.fits.
// They change only with what the tenant holds and with its first claim.
type needs struct {
	within int64 // so much is free, and the claim is within the share of the tenant
	alone  int64 // so much is free, and the claim is larger than that share and the only one that is
	inside int64 // so much of the eighth is left that is for others while a claim has the door
}

// never is a need that no room has.
const never = math.MaxInt64

// min returns the least of each.
func (n needs) min(other needs) needs {
	return needs{min(n.within, other.within), min(n.alone, other.alone), min(n.inside, other.inside)}
}

// leastFree returns how much must be free of size so that a tenant that holds so much may take bytes more.
// It is never if that is more than size.
func leastFree(held, bytes, size int64) int64 {
	if bytes > size || held+bytes > share(size-bytes, size) {
		return never
	}
	// The share is the square of what is left, but for what floats cannot tell.
	left := int64(math.Sqrt(float64(held+bytes) * float64(size) / 2))
	for left > 0 && held+bytes <= share(left-1, size) {
		left--
	}
	for held+bytes > share(left, size) {
		left++
	}
	return left + bytes
}

// needsOf returns what a tenant needs until its first claim has place.
func (r *room) needsOf(h *holding) needs {
	bytes := h.waiting.Front().Value.(*claim).bytes
	n := needs{within: leastFree(h.held, bytes, r.size), alone: never, inside: leastFree(h.held, bytes, r.size/8)}
	if h.held == 0 {
		n.alone = 2 * bytes
	}
	return n
}

// waiting are the tenants that wait for a room, the one that waits longest first. The first that needs no
// more than there is, is found in the logarithm of their number: a room that is given back a thousand
// times a second may have ten thousand that wait. The zero waiting is empty.
//
// It is a binary tree in a slice, as a heap is: nodes[1] is the root, nodes[2i] and nodes[2i+1] are
// below nodes[i]. Each has the least needs of the leaves below it. A tenant that has had its turn moves to
// the next free leaf on the right; when there is none the leaves are packed.
type waiting struct {
	nodes  []needs
	leaves []*holding // as many as there are nodes below nothing: half of them
	next   int        // the first leaf on the right that nobody had since they were packed
	count  int
}

// leastLeaves is how many leaves there are at least.
const leastLeaves = 8

// nobody is a leaf or a tree without tenants.
var nobody = needs{never, never, never}

// add adds a tenant behind all others. It does not wait already.
func (w *waiting) add(h *holding, n needs) {
	if w.next == len(w.leaves) {
		w.pack()
	}
	w.leaves[w.next] = h
	w.next++
	w.count++
	h.turn = w.next
	w.update(h, n)
}

// update changes what a tenant needs.
func (w *waiting) update(h *holding, n needs) { w.set(h.turn-1, n) }

// toBack puts a tenant behind all others.
func (w *waiting) toBack(h *holding) {
	if w.count > 1 {
		n := w.nodes[len(w.leaves)+h.turn-1]
		w.remove(h)
		w.add(h, n)
	}
}

// remove removes a tenant.
func (w *waiting) remove(h *holding) {
	w.leaves[h.turn-1] = nil
	w.set(h.turn-1, nobody)
	h.turn = 0
	if w.count--; w.count == 0 {
		*w = waiting{}
	}
}

func (w *waiting) set(leaf int, n needs) {
	at := len(w.leaves) + leaf
	for w.nodes[at] = n; at > 1; {
		at /= 2
		w.nodes[at] = w.nodes[2*at].min(w.nodes[2*at+1])
	}
}

// pack moves all tenants to the left, and makes at least as many free leaves as there are tenants: so it is
// called once for that many.
func (w *waiting) pack() {
	size := leastLeaves
	for size < 2*w.count {
		size *= 2
	}
	old := *w
	*w = waiting{nodes: make([]needs, 2*size), leaves: make([]*holding, size), count: old.count}
	for i := range w.nodes {
		w.nodes[i] = nobody
	}
	for i, h := range old.leaves {
		if h == nil {
			continue
		}
		w.leaves[w.next] = h
		w.nodes[size+w.next] = old.nodes[len(old.leaves)+i]
		w.next++
		h.turn = w.next
	}
	for at := size - 1; at > 0; at-- {
		w.nodes[at] = w.nodes[2*at].min(w.nodes[2*at+1])
	}
}

// maxSteps is how many nodes first looks at. It needs a few times the depth of the tree unless suffices is
// about two needs: the least of one and of the other may be of two tenants.
const maxSteps = 1024

// first returns the first tenant for which suffices is true, or nil if there is none, or none within
// maxSteps. suffices must be true for the least needs of several tenants if it is for those of one.
func (w *waiting) first(suffices func(needs) bool) *holding {
	if w.count == 0 {
		return nil
	}
	at := 1
	for range maxSteps {
		if suffices(w.nodes[at]) {
			if leaf := at - len(w.leaves); leaf >= 0 {
				return w.leaves[leaf]
			}
			at *= 2
			continue
		}
		for at&1 == 1 { // there is nothing more on the right of a right one
			at /= 2
		}
		if at == 0 {
			return nil
		}
		at++
	}
	return nil
}
