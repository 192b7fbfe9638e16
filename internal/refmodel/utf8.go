package refmodel

import "strings"

// wellFormed are the byte sequences that begin a character, each byte as a range: those
// in Unicode's table 3-7, and encoded surrogates, which are not characters.
var wellFormed = [][][2]byte{
	{{0x00, 0x7F}},
	{{0xC2, 0xDF}, {0x80, 0xBF}},
	{{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}},
	{{0xE1, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}},
}

// javaString is the result of Java's new String(b, UTF_8): as many bytes as could begin
// a character become one U+FFFD, and so do the three of a surrogate.
//
// Source: JDK 17, java.lang.String; Unicode 15, section 3.9.
func javaString(b []byte) string {
	var text strings.Builder
	for len(b) > 0 {
		longest, whole := 1, false
		for _, sequence := range wellFormed {
			n := 0
			for n < len(sequence) && n < len(b) && sequence[n][0] <= b[n] && b[n] <= sequence[n][1] {
				n++
			}
			if n > 0 { // no two sequences begin with the same byte
				longest, whole = n, n == len(sequence)
			}
		}
		if surrogate := longest == 3 && b[0] == 0xED && b[1] >= 0xA0; whole && !surrogate {
			text.Write(b[:longest])
		} else {
			text.WriteString("\uFFFD")
		}
		b = b[longest:]
	}
	return text.String()
}
