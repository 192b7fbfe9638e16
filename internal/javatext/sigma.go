package javatext

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errUnclearSigma refuses a capital sigma next to characters that Java releases may or
// may not count as part of a word.
var errUnclearSigma = errors.New("cannot lower-case capital sigma (Σ) beside a character that is neither a cased letter nor ASCII: Java releases disagree on where the word ends")

// lowerSigmas returns s with every capital sigma in lower case as in Java: it becomes a
// final sigma if the same word has a cased letter before it and none after it. Java's
// words are not Unicode's: "aΣ1b" is one.
//
// Source: JDK 17, ConditionalSpecialCasing.isFinalCased, and the word rules of
// java.text.BreakIterator.
func lowerSigmas(s string) (string, error) {
	if !strings.ContainsRune(s, 'Σ') {
		return s, nil
	}
	text := []rune(s)
	clear := true
	for _, r := range text {
		clear = clear && (r < utf8.RuneSelf || isCasedLetter(r))
	}
	for begin := 0; begin < len(text); {
		end := begin + 1
		if clear {
			end = wordEnd(text, begin)
		} else if !isSeparator(text[begin]) {
			for end < len(text) && !isSeparator(text[end]) {
				end++
			}
			if !isPlainWord(text[begin:end]) {
				return "", errUnclearSigma
			}
		}
		lowerWord(text, begin, end)
		begin = end
	}
	return string(text), nil
}

// lowerWord converts the capital sigmas of the word from begin to end.
//
// Java searches backwards from the sigma for a cased letter, and checks before each
// character whether the word begins after it. It checks one UTF-16 unit too early,
// which is wrong for a character above U+FFFF: such a character always seems to end a
// word, unless it begins the text.
func lowerWord(text []rune, begin, end int) {
	last := end - 1
	for last >= begin && !isCasedLetter(text[last]) {
		last--
	}
	seen := false
	for i := begin; i < end; i++ {
		r := text[i]
		if r == 'Σ' {
			text[i] = 'σ'
			if seen && i == last {
				text[i] = 'ς'
			}
		}
		if r > 0xFFFF && i > 0 {
			seen = false
			continue
		}
		seen = seen || isCasedLetter(r)
	}
}

// isPlainWord reports whether all Java releases agree that text is a word, or it has no
// sigma.
func isPlainWord(text []rune) bool {
	plain, sigma := true, false
	for _, r := range text {
		plain = plain && isCasedLetter(r)
		sigma = sigma || r == 'Σ'
	}
	return plain || !sigma
}

func isCasedLetter(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt) }

func isSeparator(r rune) bool { return strings.ContainsRune(` ,=+;<>\/@`, r) }

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// wordEnd returns the end of the word that begins at i and consists of cased letters
// and ASCII: words and numbers alternate, and a sign may come first. A word may contain
// single marks, such as "-" and "_", and a number may contain others, such as ",":
// hence the two lists.
func wordEnd(text []rune, i int) int {
	at := run(text, i, isCasedLetter, `-"'._`)
	if at == i && strings.ContainsRune("$#.", text[i]) {
		at++
	}
	for {
		number := run(text, at, isDigit, `"',.`)
		if number == at {
			return max(at, i+1)
		}
		if at = run(text, number, isCasedLetter, `-"'._`); at == number {
			if at < len(text) && strings.ContainsRune("%&", text[at]) {
				at++
			}
			return at
		}
	}
}

// run returns the end of the members from i on, with single characters of inner
// between them.
func run(text []rune, i int, member func(rune) bool, inner string) int {
	for i < len(text) && member(text[i]) {
		i++
		if i+1 < len(text) && strings.ContainsRune(inner, text[i]) && member(text[i+1]) {
			i++
		}
	}
	return i
}
