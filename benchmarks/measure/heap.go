package measure

import "runtime"

// Heap returns how many bytes are in use once all garbage is gone.
func Heap() int64 {
	runtime.GC()
	runtime.GC() // for what the first one found to be pooled or finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
