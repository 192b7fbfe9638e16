package main

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
)

// pageFiles is the page without its data. Nothing else is ever loaded by it.
//
//go:embed page/report.html page/report.css page/report.js
var pageFiles embed.FS

// page is what the template shows. The style and the script are ours and stand in it as
// they are; Data holds what others have named, and the template escapes it.
type page struct {
	Policy string // the Content-Security-Policy
	Style  template.CSS
	Script template.JS
	Data   pageData
}

// writePage writes the page. It depends on data alone.
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
		// No script runs but this one, and no request is ever made: a name that turned
		// into markup in spite of the escapes would do nothing.
		Policy: "default-src 'none'; script-src " + hashSource(script) + "; style-src " + hashSource(style) + "; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(style),
		Script: template.JS(script),
		Data:   data,
	})
}

// hashSource names a text as a Content-Security-Policy does.
//
// Source: Content Security Policy Level 3, "hash-source".
func hashSource(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
