package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
)

// typeCache caches results for types, of which there are a few hundred. A lookup
// allocates nothing, not even a key. The zero typeCache is empty. It is safe for
// concurrent use.
type typeCache[K comparable, V any] struct {
	known atomic.Pointer[map[K]*V]
	mu    sync.Mutex // held while an entry is added
}

// get returns the result for a key. It calls find if there is none yet.
func (c *typeCache[K, V]) get(key K, find func() *V) *V {
	if known := c.known.Load(); known != nil {
		if v, ok := (*known)[key]; ok {
			return v
		}
	}
	return c.add(key, find())
}

func (c *typeCache[K, V]) add(key K, v *V) *V {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[K]*V{}
	if known := c.known.Load(); known != nil {
		all = maps.Clone(*known)
	}
	all[key] = v
	c.known.Store(&all)
	return v
}
