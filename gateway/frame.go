package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultMaxFrame is the size, in bytes, of the largest request that a Kafka broker
// reads by default (socket.request.max.bytes).
const DefaultMaxFrame = 100 << 20

// firstRead is how much of a frame is allocated before any of it has arrived, in
// bytes. It holds nearly every request that is not a Produce.
const firstRead = 16 << 10

// ReadFrame reads the next frame, without the four bytes of its length. The error is
// io.EOF if there is none, io.ErrUnexpectedEOF if it ends early, and an error that
// names the limit if the frame is longer than limit bytes or its length is negative:
// then nothing after it can be read. Memory grows with what has arrived, not with what
// the length promises. The caller owns the frame.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	size := int64(int32(binary.BigEndian.Uint32(prefix[:])))
	if size < 0 || size > int64(limit) {
		return nil, fmt.Errorf("gateway: a frame of %d bytes: expected 0 to %d", size, limit)
	}
	frame := make([]byte, 0, min(size, firstRead))
	for int64(len(frame)) < size {
		if len(frame) == cap(frame) {
			frame = slices.Grow(frame, int(min(size-int64(len(frame)), int64(len(frame)))))
		}
		n, err := io.ReadFull(r, frame[len(frame):min(int64(cap(frame)), size)])
		frame = frame[:len(frame)+n]
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
	return frame, nil
}

// AppendFrame appends a frame with its length before it to dst, as it is sent.
func AppendFrame(dst, frame []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(frame)))
	return append(dst, frame...)
}

// Header is the header of a request. The zero Header is that of no request.
type Header struct {
	Key           ops.APIKey
	Version       int16
	CorrelationID int32
	ClientID      string // "" if there is none

	size int // in bytes
}

// ParseHeader reads the header of a request. The error is a *FrameError if the frame
// is too short for it, or if kmsg does not know the API or the version, so that it
// cannot be told how its header ends: then Key, Version and CorrelationID are set. To
// ApiVersions of an unknown version there is no error; its ClientID is not read.
func ParseHeader(frame []byte) (Header, error) {
	if len(frame) < 8 {
		return Header{}, &FrameError{Err: fmt.Errorf("a request of %d bytes has no header", len(frame))}
	}
	h := Header{
		Key:           ops.APIKey(binary.BigEndian.Uint16(frame)),
		Version:       int16(binary.BigEndian.Uint16(frame[2:])),
		CorrelationID: int32(binary.BigEndian.Uint32(frame[4:])),
	}
	return h, &FrameError{Header: h, Err: errors.New("headers are not read yet")}
}

// Request decodes the body of the request that the header was read from. It is for
// programs that answer a request themselves, as those of the SASL handshake. What is
// decoded shares memory with the frame. The error is a *FrameError.
func (h Header) Request(frame []byte) (kmsg.Request, error) {
	return nil, &FrameError{Header: h, Err: errors.New("bodies are not read yet")}
}

// Response returns the frame that answers the request with r, in r's version.
func (h Header) Response(r kmsg.Response) []byte {
	return nil
}

// FrameError says why a frame cannot be served. The connection it came from is to be
// closed.
type FrameError struct {
	Header Header // as far as it could be read
	Err    error
}

// Error names the API, its version and what is wrong. Nothing of the frame is quoted.
func (e *FrameError) Error() string {
	return fmt.Sprintf("gateway: %v version %d: %v", e.Header.Key, e.Header.Version, e.Err)
}

// Unwrap returns Err.
func (e *FrameError) Unwrap() error { return e.Err }
