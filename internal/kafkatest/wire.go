package kafkatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// The few requests that the package itself sends, in versions that all brokers from 2.8
// to 4.4 support and that have no tagged fields.
const (
	metadataKey, metadataVersion         = 3, 1
	handshakeKey, handshakeVersion       = 17, 1
	apiVersionsKey, apiVersionsVersion   = 18, 0
	createTopicsKey, createTopicsVersion = 19, 2
	describeACLsKey                      = 29
	createACLsKey                        = 30
	deleteACLsKey                        = 31
	aclsVersion                          = 1
	authenticateKey, authenticateVersion = 36, 0
)

// The codes of an ACL filter that matches everything.
const anyCode = 1

// askLimit is how long a broker may take for one response.
const askLimit = 30 * time.Second

// conn is a connection to a broker as [Admin].
type conn struct{ net.Conn }

// dial connects to the broker and logs in. It fails unless the broker answers
// ApiVersions.
func (b *Broker) dial() (*conn, error) {
	c, err := net.DialTimeout("tcp", b.Address(Internal), time.Second)
	if err != nil {
		return nil, err
	}
	conn := &conn{c}
	if err := conn.login(); err != nil {
		c.Close()
		return nil, err
	}
	return conn, nil
}

func (c *conn) login() error {
	if _, err := c.ask(apiVersionsKey, apiVersionsVersion, nil); err != nil {
		return fmt.Errorf("ApiVersions: %w", err)
	}
	var w writer
	w.text("PLAIN")
	answer, err := c.ask(handshakeKey, handshakeVersion, w)
	if err != nil {
		return err
	}
	if code := answer.i16(); code != 0 {
		return fmt.Errorf("SaslHandshake: error %d", code)
	}
	w = nil
	token := "\x00" + Admin + "\x00" + AdminPassword
	w.i32(int32(len(token)))
	w = append(w, token...)
	if answer, err = c.ask(authenticateKey, authenticateVersion, w); err != nil {
		return err
	}
	if code := answer.i16(); code != 0 {
		return fmt.Errorf("SaslAuthenticate: error %d", code)
	}
	return answer.err
}

// brokers returns how many brokers this broker knows.
func (c *conn) brokers() (int, error) {
	var w writer
	w.i32(0) // no topics
	answer, err := c.ask(metadataKey, metadataVersion, w)
	if err != nil {
		return 0, err
	}
	return int(answer.i32()), answer.err
}

// ask sends a request and returns the body of the response.
func (c *conn) ask(key, version int16, body writer) (*reader, error) {
	const correlation = 7
	var w writer
	w.i16(key)
	w.i16(version)
	w.i32(correlation)
	w.text("kafkatest")
	w = append(w, body...)
	_ = c.SetDeadline(time.Now().Add(askLimit))
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(w))), w...)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 100<<20 {
		return nil, fmt.Errorf("invalid response size of %d bytes", n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(c, frame); err != nil {
		return nil, err
	}
	r := &reader{rest: frame}
	if got := r.i32(); got != correlation {
		return nil, fmt.Errorf("correlation id %d, expected %d", got, correlation)
	}
	return r, r.err
}

// writer is the body of a request.
type writer []byte

func (w *writer) i8(v int8)   { *w = append(*w, byte(v)) }
func (w *writer) i16(v int16) { *w = binary.BigEndian.AppendUint16(*w, uint16(v)) }
func (w *writer) i32(v int32) { *w = binary.BigEndian.AppendUint32(*w, uint32(v)) }
func (w *writer) text(s string) {
	w.i16(int16(len(s)))
	*w = append(*w, s...)
}

// reader reads the body of a response. After an error all values are zero.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.err = errors.Join(r.err, io.ErrUnexpectedEOF)
		r.rest = nil
		return make([]byte, max(0, min(n, 8)))
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) i8() int8   { return int8(r.take(1)[0]) }
func (r *reader) i16() int16 { return int16(binary.BigEndian.Uint16(r.take(2))) }
func (r *reader) i32() int32 { return int32(binary.BigEndian.Uint32(r.take(4))) }

// text returns a string; null is returned as "".
func (r *reader) text() string {
	n := r.i16()
	if n < 0 {
		return ""
	}
	return string(r.take(int(n)))
}

// Topic is a topic to create.
type Topic struct {
	Name string
	// Partitions is the number of partitions; 0 means 1.
	Partitions int
	// Configs are settings of the topic, such as "cleanup.policy".
	Configs map[string]string
}

// CreateTopics creates topics with a replica on every broker.
func (c *Cluster) CreateTopics(t testing.TB, topics ...Topic) {
	t.Helper()
	var w writer
	w.i32(int32(len(topics)))
	for _, topic := range topics {
		w.text(topic.Name)
		w.i32(int32(max(1, topic.Partitions)))
		w.i16(int16(len(c.Brokers)))
		w.i32(0) // assignments
		w.i32(int32(len(topic.Configs)))
		for _, key := range sorted(topic.Configs) {
			w.text(key)
			w.text(topic.Configs[key])
		}
	}
	w.i32(int32(askLimit.Milliseconds()))
	w.i8(0) // not only validated
	const notController = 41
	var err error
	for _, b := range c.Brokers { // with ZooKeeper only the controller creates topics
		var code int16
		if code, err = b.createTopics(w); err == nil || code != notController {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (b *Broker) createTopics(request writer) (code int16, err error) {
	conn, err := b.dial()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	answer, err := conn.ask(createTopicsKey, createTopicsVersion, request)
	if err != nil {
		return 0, err
	}
	answer.i32() // throttle time
	for range answer.i32() {
		name := answer.text()
		code = answer.i16()
		if message := answer.text(); code != 0 {
			return code, fmt.Errorf("create topic %q: error %d %s", name, code, message)
		}
	}
	return 0, answer.err
}

// SetACLs replaces all ACLs of the cluster by bindings, and returns when every running
// broker has exactly these in force.
func (c *Cluster) SetACLs(t testing.TB, bindings ...acl.Binding) {
	t.Helper()
	if err := c.setACLs(bindings); err != nil {
		t.Fatalf("set ACLs: %v", err)
	}
}

func (c *Cluster) setACLs(bindings []acl.Binding) error {
	want := slices.Clone(bindings)
	slices.SortFunc(want, acl.Binding.Compare)
	want = slices.Compact(want)
	changed := false
	for _, b := range c.Brokers {
		if b.p.ended() {
			continue
		}
		if err := b.setACLs(want, !changed); err != nil {
			return fmt.Errorf("broker %d: %w", b.Node, err)
		}
		changed = true
	}
	return nil
}

// setACLs changes the ACLs through this broker if change is true, and waits until the
// broker has them in force.
func (b *Broker) setACLs(want []acl.Binding, change bool) error {
	conn, err := b.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	if change {
		if err := conn.change(want); err != nil {
			return err
		}
	}
	return conn.awaitACLs(want)
}

// change deletes the ACLs that are not wanted and creates those that are missing.
func (c *conn) change(want []acl.Binding) error {
	have, err := c.acls()
	if err != nil {
		return err
	}
	var surplus, missing []acl.Binding
	for _, b := range have {
		if _, ok := slices.BinarySearchFunc(want, b, acl.Binding.Compare); !ok {
			surplus = append(surplus, b)
		}
	}
	for _, b := range want {
		if _, ok := slices.BinarySearchFunc(have, b, acl.Binding.Compare); !ok {
			missing = append(missing, b)
		}
	}
	for part := range slices.Chunk(surplus, 1000) {
		if err := c.send(deleteACLsKey, part); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(missing, 1000) {
		if err := c.send(createACLsKey, part); err != nil {
			return err
		}
	}
	return nil
}

// send creates or deletes ACLs. Both requests are a list of the same fields.
func (c *conn) send(key int16, bindings []acl.Binding) error {
	var w writer
	w.i32(int32(len(bindings)))
	for _, b := range bindings {
		w.i8(int8(b.Pattern.Type))
		w.text(b.Pattern.Name)
		w.i8(int8(b.Pattern.PatternType))
		w.text(b.Entry.Principal)
		w.text(b.Entry.Host)
		w.i8(int8(b.Entry.Operation))
		w.i8(int8(b.Entry.Permission))
	}
	answer, err := c.ask(key, aclsVersion, w)
	if err != nil {
		return err
	}
	answer.i32() // throttle time
	for range answer.i32() {
		code, message := answer.i16(), answer.text()
		if code != 0 {
			return fmt.Errorf("error %d %s", code, message)
		}
		if key == deleteACLsKey {
			for range answer.i32() {
				answer.i16()
				answer.text()
				answer.binding()
			}
		}
	}
	return answer.err
}

func (r *reader) binding() acl.Binding {
	var b acl.Binding
	b.Pattern.Type, b.Pattern.Name, b.Pattern.PatternType = resource.Type(r.i8()), r.text(), resource.PatternType(r.i8())
	r.entry(&b.Entry)
	return b
}

func (r *reader) entry(e *acl.Entry) {
	e.Principal, e.Host = r.text(), r.text()
	e.Operation, e.Permission = ops.Operation(r.i8()), acl.PermissionType(r.i8())
}

// acls returns the ACLs that the broker has in force, sorted.
func (c *conn) acls() ([]acl.Binding, error) {
	var w writer
	w.i8(anyCode)
	w.i16(-1)
	w.i8(anyCode)
	w.i16(-1)
	w.i16(-1)
	w.i8(anyCode)
	w.i8(anyCode)
	answer, err := c.ask(describeACLsKey, aclsVersion, w)
	if err != nil {
		return nil, err
	}
	answer.i32() // throttle time
	if code, message := answer.i16(), answer.text(); code != 0 {
		return nil, fmt.Errorf("DescribeAcls: error %d %s", code, message)
	}
	var found []acl.Binding
	for range answer.i32() {
		var b acl.Binding
		b.Pattern.Type, b.Pattern.Name, b.Pattern.PatternType = resource.Type(answer.i8()), answer.text(), resource.PatternType(answer.i8())
		for range answer.i32() {
			answer.entry(&b.Entry)
			found = append(found, b)
		}
	}
	slices.SortFunc(found, acl.Binding.Compare)
	return found, answer.err
}

// awaitACLs waits until the broker has exactly these ACLs in force.
func (c *conn) awaitACLs(want []acl.Binding) error {
	for deadline := time.Now().Add(askLimit); ; time.Sleep(2 * time.Millisecond) {
		have, err := c.acls()
		if err != nil {
			return err
		}
		if slices.Equal(have, want) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d ACLs are in force after %v, expected %d", len(have), askLimit, len(want))
		}
	}
}
