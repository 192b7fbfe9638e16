// Package jaas reads login modules as Kafka reads sasl.jaas.config.
package jaas

import (
	"errors"
	"fmt"
	"strings"
)

// Module is an entry of sasl.jaas.config. Errors about it have no values, which may be
// passwords.
type Module struct {
	Class   string
	Options map[string]string
}

// Classes of the login modules of Kafka and of Java.
const (
	Plain    = "org.apache.kafka.common.security.plain.PlainLoginModule"
	Scram    = "org.apache.kafka.common.security.scram.ScramLoginModule"
	OAuth    = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
	Kerberos = "com.sun.security.auth.module.Krb5LoginModule"
)

// userPrefix begins the options of PlainLoginModule that have the passwords of users.
//
// Source: Kafka's PlainServerCallbackHandler.
const userPrefix = "user_"

// Users returns the passwords of the users that PlainLoginModule knows.
func (m Module) Users() map[string]string {
	users := map[string]string{}
	for key, value := range m.Options {
		if name, ok := strings.CutPrefix(key, userPrefix); ok {
			users[name] = value
		}
	}
	return users
}

// WithRealm returns the name of a Kerberos principal with its realm: the default realm if it
// has none. An empty name stays empty.
func WithRealm(name, defaultRealm string) string {
	if name == "" || strings.Contains(name, "@") {
		return name
	}
	return name + "@" + defaultRealm
}

// controlFlags are the flags of a login module. With one module all of them mean the same.
var controlFlags = map[string]bool{"REQUIRED": true, "REQUISITE": true, "SUFFICIENT": true, "OPTIONAL": true}

// Parse reads a value of sasl.jaas.config, which has one login module: its
// class, a flag, and options, ended by a semicolon.
//
// Source: Kafka's JaasConfig and JaasContext, which read it with java.io.StreamTokenizer.
func Parse(text string) (Module, error) {
	t := tokenizer{text: []rune(text)}
	class := t.next()
	if class.kind == end {
		return Module{}, errors.New("no login module")
	}
	flag := t.next()
	if flag.kind != word || !controlFlags[strings.ToUpper(flag.text)] {
		return Module{}, errors.New("expected required after the class of the login module")
	}
	m := Module{Class: class.text, Options: map[string]string{}}
	for {
		key := t.next()
		switch {
		case key.kind == end:
			return Module{}, errors.New("expected a semicolon at the end")
		case key.kind == sign && key.text == ";":
			if t.next().kind != end {
				return Module{}, errors.New("expected one login module")
			}
			if class.kind != word || class.text == "" {
				return Module{}, errors.New("expected the class of a login module at the beginning")
			}
			return m, nil
		}
		equals, value := t.next(), t.next()
		if key.kind != word || equals.kind != sign || equals.text != "=" || value.kind != word {
			return Module{}, fmt.Errorf("expected option=value, with a value that is not a plain word in quotes, after %d options", len(m.Options))
		}
		m.Options[key.text] = value.text
	}
}

// tokenKind is the kind of a token.
type tokenKind uint8

const (
	end    tokenKind = iota
	word             // also a text in quotes
	number           // a word that begins like a number is none
	sign             // one other character
)

type token struct {
	kind tokenKind
	text string
}

// tokenizer splits a text as java.io.StreamTokenizer does with the settings of Kafka's
// JaasConfig.
type tokenizer struct {
	text []rune
	at   int
}

// none is what peek returns at the end.
const none rune = -1

func (t *tokenizer) peek() rune {
	if t.at >= len(t.text) {
		return none
	}
	return t.text[t.at]
}

func isNumeric(r rune) bool { return '0' <= r && r <= '9' || r == '.' || r == '-' }

func isLetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r >= 128+32 || r == '-' || r == '_' || r == '$'
}

// next returns the next token. Blanks and comments are skipped.
func (t *tokenizer) next() token {
	for {
		r := t.peek()
		switch {
		case r == none:
			return token{kind: end}
		case r >= 0 && r <= ' ':
			t.at++
		case r == '/':
			t.skipComment()
		case isNumeric(r):
			return t.number()
		case isLetter(r):
			begin := t.at
			for isLetter(t.peek()) || isNumeric(t.peek()) {
				t.at++
			}
			return token{word, string(t.text[begin:t.at])}
		case r == '"' || r == '\'':
			return t.quoted(r)
		default:
			t.at++
			return token{sign, string(r)}
		}
	}
}

// skipComment skips "//…" and "/…" to the end of the line, and "/*…*/". In Java the single
// slash begins a comment, too.
func (t *tokenizer) skipComment() {
	t.at++
	if t.peek() == '*' {
		t.at++
		for before := none; t.peek() != none; {
			r := t.peek()
			t.at++
			if before == '*' && r == '/' {
				return
			}
			before = r
		}
		return
	}
	if t.peek() != '/' && t.peek() != none {
		t.at++ // whatever it is: Java takes a line feed here for a part of the comment
	}
	for r := t.peek(); r != none && r != '\n' && r != '\r'; r = t.peek() {
		t.at++
	}
}

// number reads a number, after which a word can begin at once.
func (t *tokenizer) number() token {
	if t.peek() == '-' {
		t.at++
		if next := t.peek(); next != '.' && (next < '0' || next > '9') {
			return token{sign, "-"}
		}
	}
	for dots := 0; ; t.at++ {
		switch r := t.peek(); {
		case r == '.' && dots == 0:
			dots++
		case '0' <= r && r <= '9':
		default:
			return token{kind: number}
		}
	}
}

// quoted reads a text in quotes, which ends at the line at the latest.
func (t *tokenizer) quoted(quote rune) token {
	t.at++
	var b strings.Builder
	for {
		r := t.peek()
		if r == none || r == '\n' || r == '\r' {
			return token{word, b.String()}
		}
		t.at++
		switch {
		case r == quote:
			return token{word, b.String()}
		case r == '\\' && t.peek() != none:
			b.WriteRune(t.escaped())
		default:
			b.WriteRune(r)
		}
	}
}

// letters are what follows a backslash and stands for something else.
var letters = map[rune]rune{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// escaped reads what follows a backslash: up to three octal digits, or one character.
func (t *tokenizer) escaped() rune {
	r := t.peek()
	t.at++
	if r < '0' || r > '7' {
		if special, ok := letters[r]; ok {
			return special
		}
		return r
	}
	value := r - '0'
	for digits := 1; digits < 3; digits++ {
		next := t.peek()
		if next < '0' || next > '7' || digits == 2 && r > '3' {
			break
		}
		value = value*8 + next - '0'
		t.at++
	}
	return value
}
