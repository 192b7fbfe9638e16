package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestZeroPlanIsNotThrottled: a Plan that no Gateway has made tells nothing.
func TestZeroPlanIsNotThrottled(t *testing.T) {
	wait, known := new(gateway.Plan).Throttled(0, make([]byte, 64), true)
	require.Zero(t, wait)
	require.False(t, known)
}
