//go:build !js

package playground

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the page without its engine
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/webpage"
)

var (
	//go:embed page/playground.html
	pageHTML string
	//go:embed page/playground.css
	pageStyle string
	//go:embed page/playground.js
	pageScript string
	//go:embed page/worker.js
	workerScript string

	pageTemplate = template.Must(template.New("playground").Parse(pageHTML))
)

// WritePage compiles the engine with the go command, in the directory of a checkout of this
// repository, and writes the page. The page shows the version, if it is not "".
func WritePage(w io.Writer, dir, version string) error {
	engine, runtime, err := compile(dir)
	if err != nil {
		return err
	}
	engine, err = limitMemory(engine)
	if err != nil {
		return err
	}
	packed, err := pack(engine)
	if err != nil {
		return err
	}
	worker := runtime + workerScript
	if strings.Contains(strings.ToLower(worker), "</script") || strings.Contains(worker, "<!--") {
		return errors.New("the script of the worker would end its element in the page")
	}
	style := webpage.Style + pageStyle
	return pageTemplate.Execute(w, struct {
		Policy                         string
		Style                          template.CSS
		Script                         template.JS
		Worker, Engine                 template.HTML // inert text in the page
		Formats, Semantics, Operations []string
		Resources                      []cli.ResourceFlag
		MaxInput                       int
		Version                        string
	}{
		// The worker is made from text of the page and inherits the policy. WebAssembly needs a
		// word of its own; it does not allow eval.
		webpage.Policy(style, pageScript, "'wasm-unsafe-eval'", "worker-src blob:"),
		template.CSS(style), template.JS(pageScript), template.HTML(worker), template.HTML(packed),
		formats.Readable, aclset.Semantics, cli.OperationNames(), slices.Clone(cli.ResourceFlags), MaxInput, version,
	})
}

// compile returns the engine and Go's script that runs it.
func compile(dir string) (engine []byte, runtime string, err error) {
	temporary, err := os.MkdirTemp("", "playground")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(temporary)
	file := filepath.Join(temporary, "engine.wasm")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "github.com/portcullis-authz/portcullis/cmd/portcullis/internal/playground/wasm")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	if engine, err = os.ReadFile(file); err != nil {
		return nil, "", err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, "", err
	}
	script, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	return engine, string(script), err
}

// pack compresses the engine, as DecompressionStream reads it, and writes it as base64.
func pack(engine []byte) (string, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(engine); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}
