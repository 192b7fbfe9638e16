package proxy_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/kdctest"
)

// TestAttackReplayCacheGrows: whoever has one ticket of the realm sends first messages of a
// login, and never finishes one. The replay cache of gokrb5 keeps each for five to ten minutes,
// and nothing bounds or counts it.
func TestAttackReplayCacheGrows(t *testing.T) {
	const logins = 20_000
	now := time.Now()
	keys := keytab.New()
	require.NoError(t, keys.AddEntry(serviceName, kdctest.Realm, "secret", now, 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	mallory := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, "mallory")
	none := asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}
	ticket, session, err := messages.NewTicket(mallory, kdctest.Realm, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, serviceName), kdctest.Realm,
		none, keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1, now.Add(-time.Minute), now.Add(-time.Minute), now.Add(time.Hour), now.Add(time.Hour))
	require.NoError(t, err)
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	require.NoError(t, err)
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, proxy.GSSAPI
	begin := kmsg.NewRequestFormatter().AppendRequest(nil, handshake, 1)
	message := func(i int) []byte {
		proof, err := types.NewAuthenticator(kdctest.Realm, mallory)
		require.NoError(t, err)
		proof.CTime, proof.Cusec = now.Truncate(time.Second), i
		request, err := messages.NewAPReq(ticket, session, proof)
		require.NoError(t, err)
		sent, err := request.Marshal()
		require.NoError(t, err)
		m := kmsg.NewPtrSASLAuthenticateRequest()
		m.Version = 1
		m.SASLAuthBytes = asn1tools.AddASNAppTag(append(append(append([]byte{}, oid...), 1, 0), sent...), 0)
		return append(append([]byte{}, begin...), kmsg.NewRequestFormatter().AppendRequest(nil, m, 2)...)
	}
	p := kerberosProxy(t, keys, serviceName+"@"+kdctest.Realm)
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, began, accepted := heap(), time.Now(), 0
	for i := 0; i < logins; {
		w := dial(t, p.Addresses()[0])
		for range 12 { // 24 requests before the login
			w.write(message(i))
			i++
			for range 2 {
				answer, err := gateway.ReadFrame(w, 1<<20)
				require.NoError(t, err)
				if len(answer) > 20 && binary.BigEndian.Uint16(answer[4:]) == 0 && binary.BigEndian.Uint32(answer) == 2 {
					accepted++
				}
			}
		}
		_ = w.Close()
	}
	took := time.Since(began)
	time.Sleep(200 * time.Millisecond)
	kept := (heap() - before) / logins
	t.Logf("%d first messages on %d connections, %d accepted, in %v (client and proxy on the same machine): each keeps %d bytes; nothing in the log says so: %q", logins, logins/12, accepted, took, kept, p.log.with("login"))
	assert.Less(t, kept, int64(100), "bytes that one first message keeps") // the lines of the test's log are a part of it
}

// TestAttackReplayRace: the same first message, sent over several connections at once, is accepted
// more than once: gokrb5 looks whether it knows the message, and adds it later.
func TestAttackReplayRace(t *testing.T) {
	const rounds, copies = 300, 8
	now := time.Now()
	keys := keytab.New()
	require.NoError(t, keys.AddEntry(serviceName, kdctest.Realm, "secret", now, 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	victim := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, "victim")
	none := asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}
	ticket, session, err := messages.NewTicket(victim, kdctest.Realm, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, serviceName), kdctest.Realm,
		none, keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1, now.Add(-time.Minute), now.Add(-time.Minute), now.Add(time.Hour), now.Add(time.Hour))
	require.NoError(t, err)
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	require.NoError(t, err)
	p := kerberosProxy(t, keys, serviceName+"@"+kdctest.Realm)
	twice := 0
	for i := range rounds {
		proof, err := types.NewAuthenticator(kdctest.Realm, victim)
		require.NoError(t, err)
		proof.CTime, proof.Cusec = now.Truncate(time.Second), i
		request, err := messages.NewAPReq(ticket, session, proof)
		require.NoError(t, err)
		sent, err := request.Marshal()
		require.NoError(t, err)
		token := string(asn1tools.AddASNAppTag(append(append(append([]byte{}, oid...), 1, 0), sent...), 0))
		var accepted atomic.Int32
		var ready, done sync.WaitGroup
		ready.Add(copies)
		for range copies {
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.GSSAPI, 1)
			done.Go(func() {
				ready.Done()
				ready.Wait()
				if w.token(token).ErrorCode == 0 {
					accepted.Add(1)
				}
				_ = w.Close()
			})
		}
		done.Wait()
		if accepted.Load() > 1 {
			twice++
		}
	}
	t.Logf("%d of %d first messages were accepted more than once", twice, rounds)
	assert.Zero(t, twice)
}
