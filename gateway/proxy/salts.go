package proxy

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math/big"
	rand2 "math/rand/v2"
	"slices"
	"strings"

	"github.com/xdg-go/scram"
)

// SCRAM shows the salt and the iterations of a user before the user has proved anything. A
// name that is no user's gets a stand-in, so that nobody learns who is a user without a login.
// A stand-in has to look like what users have, and must not change when theirs do not:
//
//   - It is made of a secret, the mechanism and the name. It does not depend on the credentials
//     of users. Whoever knew how it depends on them could test passwords without a login.
//   - It has the form of some user's, in both mechanisms: a name whose forms differ between them
//     may be that of a user or not. A user of one mechanism alone has the same form in the other.
//     Each form of the users has the same part of all names.
//     Users who come or go with a form that others have change no stand-in. A form that is new
//     among n others takes the (n+1)th part of the names, and a form that nobody has any more
//     gives its names to the others. No other stand-in changes (rendezvous hashing).
//   - All listeners have the same secret: users have the same salts on all of them.
//   - To find it takes the same work for all names.
//
// Users with a password have salts that are made in the same way.

// minSaltSecret is the least size of SASL.SaltSecret: that of a key of HMAC-SHA-256 which
// nobody can guess.
const minSaltSecret = 32

// saltsOf returns the secret that the salts of a listener are made of. own is for a listener
// without a secret of its configuration.
func (s *SASL) saltsOf(own []byte) []byte {
	if s.SaltSecret != nil {
		return s.SaltSecret
	}
	return own
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails: see crypto/rand
	return b
}

// saltBits is the size of the numbers that Kafka's salts are, and saltBase the base in which
// they are written. A number with fewer than leastSaltDigits digits comes once in 10⁷ salts.
//
// Source: Kafka's ScramFormatter and UserScramCredentialUpsertion.
const (
	saltBits        = 130
	saltBase        = 36
	leastSaltDigits = 22
	saltDigits      = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// saltForm is what a salt and the number of iterations look like. Salts that Kafka makes have
// one form whatever their length is: a stand-in for one has a length drawn as Kafka draws it.
type saltForm struct {
	kafka      bool // a number of saltBits bits
	bytes      int  // the size of any other salt
	digits     bool // which has only the digits of saltBase
	iterations int
}

// ownForm is the form of users whose passwords are given.
var ownForm = saltForm{kafka: true, iterations: scramIterations}

// formOf returns the form of a user's salt and iterations.
func formOf(f scram.KeyFactors) saltForm {
	form := saltForm{bytes: len(f.Salt), digits: strings.Trim(f.Salt, saltDigits) == "", iterations: f.Iters}
	if !form.digits || form.bytes < leastSaltDigits {
		return form
	}
	number, _ := new(big.Int).SetString(f.Salt, saltBase)
	if number.BitLen() <= saltBits && number.Text(saltBase) == f.Salt {
		return saltForm{kafka: true, iterations: f.Iters}
	}
	return form
}

// userForm is the form of what a user has in each mechanism, also in one that a listener does not
// offer: another one may, and a name that is no user's would have other forms there.
type userForm struct{ sha256, sha512 saltForm }

// in returns the form in one mechanism.
func (f userForm) in(mechanism string) saltForm {
	if mechanism == ScramSHA256 {
		return f.sha256
	}
	return f.sha512
}

// formsOfUsers are the forms of the users of a listener.
type formsOfUsers struct {
	of  map[string]userForm
	all []userForm // each once; never empty
}

func (s *SASL) formsOfUsers() *formsOfUsers {
	forms := &formsOfUsers{of: map[string]userForm{}}
	for user, list := range s.Credentials {
		var f userForm
		for _, c := range list {
			form := formOf(scram.KeyFactors{Salt: string(c.Salt), Iters: c.Iterations})
			if c.Mechanism == ScramSHA256 {
				f.sha256 = form
			} else {
				f.sha512 = form
			}
		}
		none := saltForm{}
		if f.sha256 == none {
			f.sha256 = f.sha512
		}
		if f.sha512 == none {
			f.sha512 = f.sha256
		}
		if f.sha256 != none {
			forms.of[user] = f
		}
	}
	for user := range s.Users {
		forms.of[user] = userForm{ownForm, ownForm}
	}
	for _, f := range forms.of {
		if !slices.Contains(forms.all, f) {
			forms.all = append(forms.all, f)
		}
	}
	if len(forms.all) == 0 {
		forms.all = []userForm{{ownForm, ownForm}}
	}
	return forms
}

// salt returns a salt of this form, made of a seed.
func (f saltForm) salt(seed [sha256.Size]byte) string {
	stream := rand2.NewChaCha8(seed)
	if f.kafka {
		number := make([]byte, (saltBits+7)/8)
		_, _ = stream.Read(number) // never fails
		number[0] >>= 8*len(number) - saltBits
		return new(big.Int).SetBytes(number).Text(saltBase)
	}
	made := make([]byte, f.bytes)
	_, _ = stream.Read(made)
	if f.digits {
		for i, b := range made {
			made[i] = saltDigits[int(b)%len(saltDigits)]
		}
	}
	return string(made)
}

// factors returns the salt and the iterations for a name: those of a user, or a stand-in.
// A form takes a tenth of a microsecond, of which all users of a cluster have one or two.
func (m *scramMechanism) factors(name string) scram.KeyFactors {
	mac := hmac.New(sha512.New, m.secret)
	mac.Write([]byte(name))
	drawn := mac.Sum(nil)
	chosen := m.forms.draw(drawn[:sha256.Size])
	if f, ok := m.forms.of[name]; ok {
		chosen = f
	}
	form := chosen.in(m.name)
	// A user has another salt for each mechanism.
	seed := sha256.Sum256(append(drawn[sha256.Size:], m.name...))
	factors := scram.KeyFactors{Salt: form.salt(seed), Iters: form.iterations}
	if user := m.users[name]; user != nil && user.client == nil {
		factors = user.keys.KeyFactors
	}
	return factors
}

// draw returns the form whose hash with a key is the greatest.
func (f *formsOfUsers) draw(key []byte) (drawn userForm) {
	var most [sha256.Size]byte
	for _, form := range f.all {
		sum := sha256.Sum256(fmt.Appendf(key[:len(key):len(key)], "%v", form))
		if bytes.Compare(sum[:], most[:]) > 0 {
			most, drawn = sum, form
		}
	}
	return drawn
}
