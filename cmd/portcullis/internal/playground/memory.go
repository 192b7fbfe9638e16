//go:build !js

package playground

import (
	"encoding/binary"
	"errors"
	"slices"
)

// maxPages is how much memory the engine may use, in pages of 64 KiB: 1 GiB. Go's linker sets
// no limit, and then a question could take all memory that the browser gives a page.
const maxPages = 1 << 30 >> 16

const memorySection = 5

var errModule = errors.New("the engine is not a WebAssembly module with one memory without a maximum")

// limitMemory returns the module with a maximum for its memory.
//
// Source: WebAssembly Core Specification 1.0, sections 5.4.6 and 5.5.2.
func limitMemory(module []byte) ([]byte, error) {
	for at := len("\x00asm\x01\x00\x00\x00"); at < len(module); {
		size, n := binary.Uvarint(module[at+1:])
		from := at + 1 + n
		if n <= 0 || size > uint64(len(module)-from) {
			return nil, errModule
		}
		to := from + int(size)
		if module[at] != memorySection {
			at = to
			continue
		}
		body := module[from:to]
		if len(body) < 3 || body[0] != 1 || body[1] != 0 {
			return nil, errModule
		}
		limited := append([]byte{1, 1}, body[2:]...) // one memory, with a maximum, and its minimum
		limited = binary.AppendUvarint(limited, maxPages)
		section := append(binary.AppendUvarint([]byte{memorySection}, uint64(len(limited))), limited...)
		return slices.Concat(module[:at], section, module[to:]), nil
	}
	return nil, errModule
}
