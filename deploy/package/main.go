// Package builds the Debian package of the tool. In the folder deploy:
//
//	go run ./package -binary FILE -version 1.2.3 [-arch amd64] -out FOLDER
//
// It prints the name of the package.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
)

func main() {
	binary := flag.String("binary", "", "the tool, a `file`")
	version := flag.String("version", "", "its `version`")
	arch := flag.String("arch", runtime.GOARCH, "its `architecture`, as Go calls it")
	out := flag.String("out", ".", "`folder` of the package")
	flag.Parse()
	name, err := build(*binary, *version, *arch, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
	fmt.Println(name)
}

// build builds the package and returns its name.
func build(binary, version, arch, out string) (name string, err error) {
	if binary == "" || version == "" {
		return "", errors.New("expected -binary and -version")
	}
	values := map[string]string{"BINARY": binary, "VERSION": version, "ARCH": arch}
	config, err := nfpm.ParseFileWithEnvMapping(filepath.Join("debian", "nfpm.yaml"), func(key string) string { return values[key] })
	if err != nil {
		return "", err
	}
	info, err := config.Get("deb")
	if err != nil {
		return "", err
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return "", err
	}
	name = filepath.Join(out, deb.Default.ConventionalFileName(info))
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return name, deb.Default.Package(info, file)
}
