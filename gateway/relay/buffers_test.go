package relay

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBufferOfARelay: the buffer of a writer is given back after a large answer, which goes past it.
func TestBufferOfARelay(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		c, _ := ln.Accept()
		_, _ = io.Copy(io.Discard, c)
	}()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	c := &Conn{client: client}
	c.writer.to = client
	_, err = io.CopyN(&c.writer, bytes.NewReader(make([]byte, 1<<20)), 1<<20)
	require.NoError(t, err)
	require.NoError(t, c.flush())
	assert.True(t, c.writer.buffer == nil, "it is kept")
}
