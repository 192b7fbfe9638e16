// Modules works on all modules of this repository together. They require each other in one
// version, the one that is released next, which nobody can download yet. So that plain
// "go mod tidy" does not work in most of them. In the folder tools:
//
//	go run ./modules list              # the tags of a release, one for each module
//	go run ./modules download          # what each module needs, to the module cache
//	go run ./modules tidy [-w]         # what "go mod tidy" would change; -w changes it
//	go run ./modules proxy FOLDER      # the tree as a module proxy, for GOPROXY=file://FOLDER
//	go run ./modules version [VERSION] # the version; given one, sets it everywhere
//
// The files of a module are those that Git has, or would add.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/zip"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "modules:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	r, err := load()
	if err != nil {
		return err
	}
	switch {
	case slices.Equal(args, []string{"list"}):
		for _, m := range r.modules {
			fmt.Println(path.Join(m.folder, r.version))
		}
		return nil
	case slices.Equal(args, []string{"download"}):
		return r.download()
	case slices.Equal(args, []string{"tidy"}):
		return r.tidy(false)
	case slices.Equal(args, []string{"tidy", "-w"}):
		return r.tidy(true)
	case len(args) == 2 && args[0] == "proxy":
		return r.proxy(args[1])
	case slices.Equal(args, []string{"version"}):
		fmt.Println(r.version)
		return nil
	case len(args) == 2 && args[0] == "version":
		return r.setVersion(args[1])
	}
	return errors.New("expected list, download, tidy [-w], proxy FOLDER or version [VERSION]")
}

// repository is the tree of this repository.
type repository struct {
	root    string // absolute
	version string // in which the modules require each other
	modules []*ownModule
}

// ownModule is one module of the repository.
type ownModule struct {
	folder string // from the root, with slashes; "" is the root
	file   *modfile.File
	files  []zip.File // all files of the module, and of no nested one
}

func (m *ownModule) path() string { return m.file.Module.Mod.Path }

// load reads every go.mod, and checks what must hold between them.
func load() (*repository, error) {
	root, err := output("", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	r := &repository{root: strings.TrimSpace(root)}
	list, err := output(r.root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		// Git also lists files that are deleted but not yet removed from the index.
		if info, err := os.Lstat(filepath.Join(r.root, name)); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names) // a file in a conflict is listed three times
	byFolder := map[string]*ownModule{}
	for _, name := range names {
		if path.Base(name) != "go.mod" || strings.Contains(name, "testdata/") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			return nil, err
		}
		m := &ownModule{folder: strings.TrimSuffix(strings.TrimSuffix(name, "go.mod"), "/"), file: file}
		byFolder[m.folder] = m
		r.modules = append(r.modules, m)
	}
	for _, name := range names {
		folder := path.Dir(name)
		for byFolder[strings.TrimPrefix(folder, ".")] == nil {
			folder = path.Dir(folder)
		}
		folder = strings.TrimPrefix(folder, ".")
		m := byFolder[folder]
		m.files = append(m.files, treeFile{filepath.Join(r.root, name), strings.TrimPrefix(strings.TrimPrefix(name, folder), "/")})
	}
	slices.SortFunc(r.modules, func(a, b *ownModule) int { return strings.Compare(a.folder, b.folder) })
	return r, r.check()
}

// check returns all violations of the rules between the modules: a module can be fetched
// only if its requirements can.
func (r *repository) check() error {
	if len(r.modules) == 0 || r.modules[0].folder != "" {
		return errors.New("the root has no go.mod")
	}
	var errs []error
	for _, m := range r.modules {
		if want := path.Join(r.modules[0].path(), m.folder); m.path() != want {
			errs = append(errs, fmt.Errorf("%s: the module is %s, expected %s", m.file.Syntax.Name, m.path(), want))
		}
		if len(m.file.Replace)+len(m.file.Exclude) > 0 {
			errs = append(errs, fmt.Errorf("%s: replace and exclude keep \"go install\" from working; replacements for development are in go.work", m.file.Syntax.Name))
		}
	}
	for _, m := range r.modules {
		for _, required := range m.file.Require {
			switch {
			case r.find(required.Mod.Path) == nil:
			case !isRelease(required.Mod.Version):
				errs = append(errs, fmt.Errorf("%s: requires %v, which is no release", m.file.Syntax.Name, required.Mod))
			case r.version == "":
				r.version = required.Mod.Version
			case r.version != required.Mod.Version:
				errs = append(errs, fmt.Errorf("%s: requires %v, other modules require %s", m.file.Syntax.Name, required.Mod, r.version))
			}
		}
	}
	if r.version == "" {
		errs = append(errs, errors.New("no module requires another one, so that there is no version"))
	}
	return errors.Join(errs...)
}

// find returns the module with a path, or nil.
func (r *repository) find(modulePath string) *ownModule {
	for _, m := range r.modules {
		if m.path() == modulePath {
			return m
		}
	}
	return nil
}

// each does something in every module, with a copy of its go.mod and go.sum in a folder of its
// own, in which the other modules of the repository are replaced by their folders. So the go
// command takes no module of the repository from the network, and needs no hash of them in
// go.sum: that would change with each commit.
func (r *repository) each(do func(m *ownModule, copied string) error) error {
	temp, err := os.MkdirTemp("", "modules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var errs []error
	for i, m := range r.modules {
		copied := filepath.Join(temp, fmt.Sprint(i), "go.mod")
		err := r.copyModule(m, copied)
		if err == nil {
			err = do(m, copied)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.file.Syntax.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *repository) copyModule(m *ownModule, copied string) error {
	if err := os.Mkdir(filepath.Dir(copied), 0o700); err != nil {
		return err
	}
	for _, other := range r.modules {
		if other != m {
			if err := m.file.AddReplace(other.path(), "", filepath.Join(r.root, other.folder), ""); err != nil {
				return err
			}
		}
	}
	text, err := m.file.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(r.root, m.folder, "go.sum"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(copied), "go.sum"), sums, 0o600)
}

// goCommand runs the go command in the folder of a module, outside the workspace.
func (r *repository) goCommand(m *ownModule, stdout io.Writer, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = filepath.Join(r.root, m.folder), append(os.Environ(), "GOWORK=off")
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	return cmd.Run()
}

// download puts what the packages of each module need into the module cache, unless it is there.
// The versions can differ from those of the workspace.
func (r *repository) download() error {
	return r.each(func(m *ownModule, copied string) error {
		return r.goCommand(m, io.Discard, "list", "-deps", "-modfile="+copied, "./...")
	})
}

// tidy runs "go mod tidy" in every module. Without write it prints what would change, and that is
// an error.
func (r *repository) tidy(write bool) error {
	return r.each(func(m *ownModule, copied string) error {
		if !write {
			return r.goCommand(m, os.Stdout, "mod", "tidy", "-modfile="+copied, "-diff")
		}
		if err := r.goCommand(m, os.Stdout, "mod", "tidy", "-modfile="+copied); err != nil {
			return err
		}
		return r.copyBack(m, copied)
	})
}

// copyBack replaces go.mod and go.sum of a module by the copies, without the replacements.
func (r *repository) copyBack(m *ownModule, copied string) error {
	text, err := os.ReadFile(copied)
	if err != nil {
		return err
	}
	tidied, err := modfile.Parse(m.file.Syntax.Name, text, nil)
	if err != nil {
		return err
	}
	for _, replaced := range slices.Clone(tidied.Replace) {
		if err := tidied.DropReplace(replaced.Old.Path, replaced.Old.Version); err != nil {
			return err
		}
	}
	folder := filepath.Join(r.root, m.folder)
	if err := writeModFile(filepath.Join(folder, "go.mod"), tidied); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(filepath.Dir(copied), "go.sum"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o644)
}

// proxy writes every module in the layout that the go command reads from a file-system
// module proxy. The zip files are those of a release of this tree: a file that cannot be
// in a module, by its name or its size, is an error.
func (r *repository) proxy(target string) error {
	for _, m := range r.modules {
		escaped, err := module.EscapePath(m.path())
		if err != nil {
			return err
		}
		folder := filepath.Join(target, filepath.FromSlash(escaped), "@v")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		mod, err := os.ReadFile(filepath.Join(r.root, m.file.Syntax.Name))
		if err != nil {
			return err
		}
		var archive bytes.Buffer
		if err := zip.Create(&archive, module.Version{Path: m.path(), Version: r.version}, m.files); err != nil {
			return err
		}
		for name, data := range map[string][]byte{
			"list":              []byte(r.version + "\n"),
			r.version + ".info": fmt.Appendf(nil, `{"Version":%q}`, r.version),
			r.version + ".mod":  mod,
			r.version + ".zip":  archive.Bytes(),
		} {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// setVersion sets the version in which the modules require each other, in every go.mod and
// in go.work.
func (r *repository) setVersion(version string) error {
	if !isRelease(version) {
		return fmt.Errorf("%q: expected v0.MINOR.PATCH or v1.MINOR.PATCH", version)
	}
	for _, m := range r.modules {
		for _, required := range m.file.Require {
			if r.find(required.Mod.Path) != nil {
				if err := m.file.AddRequire(required.Mod.Path, version); err != nil {
					return err
				}
			}
		}
		if err := writeModFile(filepath.Join(r.root, m.file.Syntax.Name), m.file); err != nil {
			return err
		}
	}
	name := filepath.Join(r.root, "go.work")
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(name, data, nil)
	if err != nil {
		return err
	}
	for _, replaced := range slices.Clone(work.Replace) {
		// Changed in its line, so that the comment of the block stays.
		line := replaced.Syntax
		for i, token := range line.Token {
			if token == replaced.Old.Version {
				line.Token[i] = version
			}
		}
	}
	return os.WriteFile(name, modfile.Format(work.Syntax), 0o644)
}

// isRelease reports whether a version is one that a release can have without another module
// path.
func isRelease(version string) bool {
	return semver.Canonical(version) == version && semver.Prerelease(version) == "" && semver.Build(version) == "" &&
		version != "v0.0.0" && semver.Compare(version, "v2.0.0") < 0
}

func writeModFile(name string, file *modfile.File) error {
	file.Cleanup()
	text, err := file.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// output runs a command in a folder and returns what it prints.
func output(folder, command string, args ...string) (string, error) {
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	return string(out), nil
}

// treeFile is a file of the tree in a module.
type treeFile struct {
	name     string // absolute
	inModule string // from the root of the module
}

func (f treeFile) Path() string                 { return f.inModule }
func (f treeFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.name) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(f.name) }
