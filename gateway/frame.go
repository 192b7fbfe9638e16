package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// DefaultMaxFrame is the size, in bytes, of the largest request that a Kafka broker
// accepts by default (socket.request.max.bytes).
const DefaultMaxFrame = 100 << 20

// firstRead is how many bytes are allocated for a frame before any of it has arrived.
// Nearly every request except Produce fits.
const firstRead = 16 << 10

// ReadFrame reads the next frame, without its four length bytes. The error is io.EOF if
// there is no other frame, and io.ErrUnexpectedEOF if the frame ends early. If the
// length is negative or above limit bytes, the error names the limit; after that
// nothing more can be read. Memory grows with the bytes that have arrived, not with the
// announced length. The caller owns the frame.
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

// AppendFrame appends the length and the frame to dst, in the form in which they are
// sent.
func AppendFrame(dst, frame []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(frame)))
	return append(dst, frame...)
}

// Header is the header of a request. The zero Header belongs to no request.
type Header struct {
	Key           ops.APIKey
	Version       int16
	CorrelationID int32
	ClientID      string // "" if the request has none

	size    int   // in bytes
	loose   bool  // not in the form that Kafka's own clients use
	decoded int64 // bytes that the request takes in memory in addition to its frame
	left    int64 // bytes of its budget that are left once it is decided and refused
	worst   int64 // bytes that it takes at the most, decided and refused, in addition to its frame
}

// ParseHeader reads the header of a request. The error is a *FrameError if the frame is
// too short, or if kmsg does not know the API or the version, because then the end of
// the header cannot be found. The Header then has Key, Version and CorrelationID only.
// ApiVersions with an unknown version is not an error, but its ClientID is not read.
func ParseHeader(frame []byte) (Header, error) { return parseHeader(frame, "") }

// parseHeader is ParseHeader with the client id of the previous request. Nearly all
// clients send the same id each time, which then needs no allocation.
func parseHeader(frame []byte, clientID string) (Header, error) {
	if len(frame) < 8 {
		return Header{}, &FrameError{Err: fmt.Errorf("malformed: %d bytes hold no header of a request", len(frame))}
	}
	h := Header{
		Key:           ops.APIKey(binary.BigEndian.Uint16(frame)),
		Version:       int16(binary.BigEndian.Uint16(frame[2:])),
		CorrelationID: int32(binary.BigEndian.Uint32(frame[4:])),
		size:          8,
	}
	known := h.known()
	switch {
	case !known && h.Key == ops.APIVersionsKey:
		return h, nil
	case !known:
		return Header{}, &FrameError{Header: h, Err: errUnknown}
	case h.Key == ops.ControlledShutdownKey && h.Version == 0: // the only request whose header ends here
		return h, nil
	}
	w := walker{data: frame, at: h.size, foreign: true}
	text := w.characters(w.take(max(w.length(2), 0)))
	if h.ClientID = clientID; string(text) != clientID {
		h.ClientID = string(text)
	}
	if h.Version >= requests[h.Key].flexible && w.problem == "" {
		w.flexible = true
		w.tags(&noTags)
	}
	if w.problem != "" {
		return Header{}, &FrameError{Header: h, Err: w.err()}
	}
	h.size, h.loose = w.at, w.loose
	return h, nil
}

// noTags is the layout of a structure without known tags.
var noTags layout

// requests are the requests that kmsg knows, by API key: the number of versions,
// counted from 0, and the first flexible version. The number is 0 for an unknown API.
var requests = func() (known [kmsg.MaxKey + 1]struct{ versions, flexible int16 }) {
	for key := range known {
		r := kmsg.RequestForKey(int16(key))
		if r == nil {
			continue
		}
		known[key].versions = r.MaxVersion() + 1
		for r.SetVersion(0); !r.IsFlexible() && r.GetVersion() <= r.MaxVersion(); {
			r.SetVersion(r.GetVersion() + 1)
		}
		known[key].flexible = r.GetVersion()
	}
	return known
}()

// known reports whether kmsg knows this API and version.
func (h Header) known() bool {
	return h.Key >= ops.ProduceKey && int(h.Key) < len(requests) && h.Version >= 0 && h.Version < requests[h.Key].versions
}

// errUnknown rejects a request that kmsg does not know.
var errUnknown = errors.New("unknown API or version")

// request returns a blank request of this API and version, or nil if kmsg does not know
// it.
func (h Header) request() kmsg.Request {
	if !h.known() {
		return nil
	}
	r := kmsg.RequestForKey(int16(h.Key))
	r.SetVersion(h.Version)
	return r
}

// Request decodes the body of the request whose header was read from frame. It is for
// programs that answer some requests themselves, such as the SASL handshake. Byte
// slices of the request share memory with the frame. The error is a *FrameError.
func (h Header) Request(frame []byte) (kmsg.Request, error) {
	r := h.request()
	if r == nil || h.size > len(frame) {
		return nil, &FrameError{Header: h, Err: errUnknown}
	}
	h, frame, err := headerLayouts().canonical(h, frame)
	if err != nil {
		return nil, err
	}
	if err := h.decode(frame, r); err != nil {
		return nil, err
	}
	return r, nil
}

// headerLayouts caches the layouts for [Header.Request].
var headerLayouts = sync.OnceValue(newLayouts)

// decode decodes the body of a canonical request into r, a blank request of its kind.
func (h Header) decode(frame []byte, r kmsg.Request) error {
	if err := r.ReadFrom(frame[h.size:]); err != nil {
		return &FrameError{Header: h, Err: fmt.Errorf("malformed: %w", err)}
	}
	return nil
}

// Response encodes r, in its version, as the frame that answers the request.
func (h Header) Response(r kmsg.Response) []byte {
	return h.appendResponse(nil, r)
}

func (h Header) appendResponse(dst []byte, r kmsg.Response) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.CorrelationID))
	if kindOf(r).hasHeaderTags() {
		dst = append(dst, 0)
	}
	return r.AppendTo(dst)
}

// encode is [Header.Response] with one allocation of the right size, since an answer
// that refuses a large request is large.
func (l *layouts) encode(h Header, r kmsg.Response) []byte {
	k := kindOf(r)
	size := l.of(k).sizeOf(reflect.ValueOf(r).Elem(), k.flexible())
	return h.appendResponse(make([]byte, 0, 5+size), r)
}

// hasHeaderTags reports whether the header of a response has tags. The header of
// ApiVersions never has them, so that a client can read the answer before it knows the
// versions.
//
// Source: KIP-511.
func (k kind) hasHeaderTags() bool {
	return k.flexible() && k.key != ops.APIVersionsKey
}

// decodeResponse decodes a frame of the cluster into r, whose version is set, and
// checks that it answers the request.
func (l *layouts) decodeResponse(h Header, frame []byte, r kmsg.Response) error {
	body, _, err := l.checkResponse(h, frame, kindOf(r))
	if err != nil {
		return err
	}
	return r.ReadFrom(body)
}

// checkResponse returns the body of a response, and whether it ends with tags. It
// checks that the response answers the request and is valid for its kind.
func (l *layouts) checkResponse(h Header, frame []byte, k kind) (body []byte, tagged bool, err error) {
	if body, err = responseBody(h, frame, k.hasHeaderTags()); err != nil {
		return nil, false, err
	}
	tagged, err = l.checkReply(k, body)
	return body, tagged, err
}

// responseBody returns what follows the header of a response.
func responseBody(h Header, frame []byte, tags bool) ([]byte, error) {
	if len(frame) < 4 || int32(binary.BigEndian.Uint32(frame)) != h.CorrelationID {
		return nil, fmt.Errorf("the response does not answer request %d", h.CorrelationID)
	}
	w := walker{data: frame, at: 4, left: maxDecodedResponse, flexible: true}
	if tags {
		w.tags(&noTags)
	}
	if w.problem != "" {
		return nil, w.err()
	}
	return frame[w.at:], nil
}

// FrameError says why a request cannot be served. Close the connection that it came
// from.
type FrameError struct {
	Header Header // the part that could be read
	Err    error
}

// Error names the API, its version and the problem. It quotes nothing from the frame.
func (e *FrameError) Error() string {
	return fmt.Sprintf("gateway: %v version %d: %v", e.Header.Key, e.Header.Version, e.Err)
}

// Unwrap returns Err.
func (e *FrameError) Unwrap() error { return e.Err }
