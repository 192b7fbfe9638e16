// Command build writes the playground: one page with the engine, as a file.
//
//	go run ./cmd/portcullis/internal/playground/build playground.html
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/playground"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: build FILE")
		os.Exit(2)
	}
	var page bytes.Buffer
	err := playground.WritePage(&page, ".")
	if err == nil {
		err = os.WriteFile(os.Args[1], page.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}
