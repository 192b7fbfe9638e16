package ldap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync/atomic"

	client "github.com/go-ldap/ldap/v3"

	"github.com/portcullis-authz/portcullis/role/groups"
)

// Limits of what a server sends. The library for LDAP reads messages of 2 GiB, and takes a few
// hundred bytes for each of their parts.
const (
	// maxMessage limits a message: an entry with the names of a user or a group is a few kilobytes.
	maxMessage = 256 << 10
	// maxParts limits the parts of a message: an entry with one value has ten, each value is one more.
	maxParts = 128
	// maxMessages limits the answer to one request: an entry is a message, and a page has at most as
	// many as a user may have groups. The rest is for referrals and the end.
	maxMessages = 2 * groups.MaxGroups
	// maxAnswer limits its bytes: 16 KiB for each entry of the largest page.
	maxAnswer = 16 << 20
)

// The parts of a message, as their first byte has it.
//
// Source: RFC 4511, sections 4.1.1, 4.12 and 4.14; X.690, section 8.1.
const (
	tagInteger          = 0x02
	tagEnumerated       = 0x0a
	tagSequence         = 0x30
	tagExtendedRequest  = 0x77
	tagExtendedResponse = 0x78
	tagRequestName      = 0x80
	constructed         = 0x20 // a bit: the part has parts
	highTag             = 0x1f // bits: the number of the tag follows, which LDAP has no use for
	longLength          = 0x80 // a bit: the other bits say how many bytes of a length follow
	mostLengthBytes     = 4
)

// startTLSName is the name of the request to begin TLS.
const startTLSName = "1.3.6.1.4.1.1466.20037"

// conn is a connection to a server.
type conn struct {
	*client.Conn
	wire *wire
}

// explain returns err, or why the connection was given up if that is the reason.
func (c *conn) explain(err error) error {
	if fault := c.wire.fault.Load(); err != nil && fault != nil {
		return client.NewError(client.ErrorNetwork, *fault)
	}
	return err
}

// wire is a connection from which whole messages are read, within the limits.
type wire struct {
	net.Conn
	message bytes.Reader // what was not read of the current message

	messages, bytes atomic.Int64 // that the server may still send
	fault           atomic.Pointer[error]
}

func newWire(c net.Conn) *wire { return &wire{Conn: c} }

// expectAnswer lets the server answer one more request.
func (w *wire) expectAnswer() {
	w.messages.Store(maxMessages)
	w.bytes.Store(maxAnswer)
}

// Read reads a part of a message. One goroutine at a time reads.
func (w *wire) Read(p []byte) (int, error) {
	if w.message.Len() == 0 {
		text, err := readMessage(w.Conn)
		if err == nil && (w.messages.Add(-1) < 0 || w.bytes.Add(-int64(len(text))) < 0) {
			err = fmt.Errorf("the server sends more than %d messages or %d bytes in one answer", maxMessages, maxAnswer)
		}
		if err != nil {
			w.fault.CompareAndSwap(nil, &err)
			return 0, err
		}
		w.message.Reset(text)
	}
	return w.message.Read(p)
}

// readMessage reads one message, and nothing after it.
func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 2, 2+mostLengthBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if more := int(head[1] &^ longLength); head[1]&longLength != 0 && more <= mostLengthBytes {
		head = head[:2+more]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, err
		}
	}
	tag, start, length, err := header(head)
	if err != nil || tag != tagSequence || start != len(head) {
		return nil, errors.New("the server does not speak LDAP: expected a message with its length")
	}
	if length > maxMessage {
		return nil, fmt.Errorf("the server announces a message of %d bytes: expected at most %d", length, maxMessage)
	}
	text := make([]byte, start+length)
	copy(text, head)
	if _, err := io.ReadFull(r, text[start:]); err != nil {
		return nil, err
	}
	return text, checkParts(text)
}

// header returns the tag of the part that text begins with, where its content begins and how long
// that is.
func header(text []byte) (tag byte, start, length int, err error) {
	if len(text) < 2 || text[0]&highTag == highTag {
		return 0, 0, 0, errors.New("a part of a message has no header")
	}
	start, length = 2, int(text[1])
	if text[1]&longLength != 0 {
		more := int(text[1] &^ longLength)
		if more == 0 || more > mostLengthBytes || len(text) < start+more {
			return 0, 0, 0, errors.New("a part of a message has no definite length")
		}
		long := uint64(0)
		for _, b := range text[start : start+more] {
			long = long<<8 | uint64(b)
		}
		start, length = start+more, int(min(long, math.MaxInt32))
	}
	return text[0], start, length, nil
}

// checkParts returns an error unless the parts of a message end where it ends, and are not too many.
func checkParts(text []byte) error {
	ends := []int{len(text)}
	at := 0
	for parts := 0; ; parts++ {
		for len(ends) > 0 && at == ends[len(ends)-1] {
			ends = ends[:len(ends)-1]
		}
		if len(ends) == 0 {
			return nil
		}
		if parts == maxParts {
			return fmt.Errorf("the server sends a message of more than %d parts", maxParts)
		}
		end := ends[len(ends)-1]
		tag, start, length, err := header(text[at:end])
		if err != nil || length > end-at-start {
			return errors.New("the server sends a message whose parts are longer than it is")
		}
		at += start
		if tag&constructed == 0 {
			at += length
		} else {
			ends = append(ends, at+length)
		}
	}
}

// startTLS asks the server to begin TLS. What follows on the connection is the handshake: not a byte
// of it is read.
func startTLS(c net.Conn) error {
	const id = 1
	name := append([]byte{tagRequestName, byte(len(startTLSName))}, startTLSName...)
	request := append([]byte{tagInteger, 1, id, tagExtendedRequest, byte(len(name))}, name...)
	if _, err := c.Write(append([]byte{tagSequence, byte(len(request))}, request...)); err != nil {
		return err
	}
	text, err := readMessage(c)
	if err != nil {
		return err
	}
	_, at, _, _ := header(text) // the parts are checked
	rest := text[at:]
	response, ok := bytes.CutPrefix(rest, []byte{tagInteger, 1, id})
	if ok && len(response) > 0 && response[0] == tagExtendedResponse {
		_, at, _, err = header(response)
		if code := response[at:]; err == nil && len(code) >= 3 && code[0] == tagEnumerated && code[1] == 1 {
			if code[2] == client.LDAPResultSuccess {
				return nil
			}
			return fmt.Errorf("the server refuses StartTLS: result %d, %s", code[2], client.LDAPResultCodeMap[uint16(code[2])])
		}
	}
	return errors.New("the server does not answer StartTLS as LDAP servers do")
}
