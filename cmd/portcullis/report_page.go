package main

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
)

// pageFiles is the page without its data. The page loads nothing else.
//
//go:embed page/report.html page/report.css page/report.js
var pageFiles embed.FS

// page is the input of the template. The style and the script are trusted and inserted
// unchanged. Data has untrusted names, and the template escapes it.
type page struct {
	Policy string // the Content-Security-Policy
	Style  template.CSS
	Script template.JS
	Data   pageData
}

// writePage writes the page. The output depends only on data.
func writePage(w io.Writer, data pageData) error {
	parts := make(map[string][]byte)
	for _, name := range []string{"report.html", "report.css", "report.js"} {
		text, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return err
		}
		parts[name] = text
	}
	t, err := template.New("report").Parse(string(parts["report.html"]))
	if err != nil {
		return err
	}
	style, script := parts["report.css"], parts["report.js"]
	return t.Execute(w, page{
		// Only this script may run, and no request is possible. Even a name that became markup
		// in spite of the escapes would do nothing.
		Policy: "default-src 'none'; script-src " + hashSource(script) + "; style-src " + hashSource(style) + "; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(style),
		Script: template.JS(script),
		Data:   data,
	})
}

// hashSource returns the hash of a text in the form of a Content-Security-Policy.
//
// Source: Content Security Policy Level 3, "hash-source".
func hashSource(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
