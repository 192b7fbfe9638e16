package oauth

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnknownKeysOfThoseWhoGo: clients whose connections are closed while the keys are loaded for
// their tokens, because others take their places, do not make the proxy load them more often than
// once a second.
func TestUnknownKeysOfThoseWhoGo(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	require.NoError(t, v.Load(t.Context()))
	release := make(chan struct{})
	defer close(release)
	s.do(func(http.ResponseWriter) { <-release })
	s.pass(unknownKeyPause)
	for i := range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		gone, before := make(chan error, 1), s.asked.Load()
		go func() { _, err := v.VerifyToken(ctx, byKey(t, k.stranger, fmt.Sprint("unknown", i))); gone <- err }()
		for range 100 { // for as long as it takes to ask, or not
			if s.asked.Load() > before {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		require.Error(t, <-gone)
	}
	assert.EqualValues(t, 2, s.asked.Load(), "the first load, and one for unknown keys")
}
