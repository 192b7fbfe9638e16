// Command build writes the playground: one page with the engine, as a file.
//
//	go run ./cmd/portcullis/internal/playground/build playground.html
//
// .ci/release writes the page of a release with -version, which the page shows.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/playground"
)

func main() {
	version := flag.String("version", "", "the `version` that the page shows")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: build [-version VERSION] FILE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	var page bytes.Buffer
	err := playground.WritePage(&page, ".", *version)
	if err == nil {
		err = os.WriteFile(flag.Arg(0), page.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}
