// Package webpage has what the pages of portcullis share: their look, and the policy by
// which a page can run no other script and send nothing. A page is one file.
package webpage

import (
	"crypto/sha256"
	_ "embed" // the style
	"encoding/base64"
	"strings"
)

// Style is the style that all pages begin with: colours for light and dark, fonts, and how
// the focus is shown.
//
//go:embed base.css
var Style string

// Policy returns the Content-Security-Policy of a page with one style and one script. Only
// these apply, and no request is possible. Even a name that became markup in spite of the
// escapes would do nothing. scripts and others are what the page needs in addition: sources of
// scripts, and whole directives.
//
// Source: Content Security Policy Level 3.
func Policy(style, script string, scripts string, others ...string) string {
	directives := append([]string{
		"default-src 'none'", strings.TrimSpace("script-src " + hashSource(script) + " " + scripts), "style-src " + hashSource(style),
		"base-uri 'none'", "form-action 'none'",
	}, others...)
	return strings.Join(directives, "; ")
}

// hashSource returns the hash of a text in the form of a Content-Security-Policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
