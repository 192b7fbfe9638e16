package auditlog

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"
)

// Rotation says when a file is put aside and a new one begun. The zero Rotation never does.
type Rotation struct {
	MiB   int           // size; 0 means any
	Every time.Duration // age, from the start of the process or the last rotation; 0 means any
	Keep  int           // files that were put aside; 0 means all
}

// maxFileMiB is the size of a file that is not rotated: more than any disk has.
const maxFileMiB = math.MaxInt32

// File writes lines to a file that only its owner can read.
//
// Rotation is that of timberjack, which is lumberjack with its faults mended: its goroutines
// end, and a rotation that fails leaves the file where it was. What it does not know is what a
// line is. Here a line that was written in part is completed, or ended before the file is
// opened again, so that a full disk leaves no line that cannot be read.
type File struct {
	path     string
	rotation Rotation

	mu    sync.Mutex
	to    *timberjack.Logger
	began time.Time // when the file was opened or rotated
	lines lineWriter
}

// OpenFile opens a file to append to.
func OpenFile(path string, rotation Rotation) (*File, error) {
	f := &File{path: path, rotation: rotation}
	return f, f.Reopen()
}

// Reopen opens the file again, by its name: who has moved it away gets a new one. After an
// error the file that was open is still written to.
func (f *File) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.prepare(); err != nil {
		return err
	}
	if f.to != nil {
		_ = f.to.Close() // what it has, is written: it has no buffer
	}
	f.to = &timberjack.Logger{
		Filename: f.path, FileMode: 0o600, MaxSize: maxFileMiB, MaxBackups: f.rotation.Keep, Compression: "none",
	}
	if f.rotation.MiB > 0 {
		f.to.MaxSize = f.rotation.MiB
	}
	f.began, f.lines = time.Now(), lineWriter{}
	return nil
}

// prepare creates the file, if it is not there, and ends a line that was written in part.
func (f *File) prepare() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		if f.rotation != (Rotation{}) {
			return fmt.Errorf("%s is not a regular file, and cannot be rotated", f.path)
		}
		return nil
	case info.Size() == 0:
		return nil
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = file.Write([]byte{'\n'})
	}
	return err
}

func (f *File) check(context.Context) error { return nil }

func (f *File) write(_ context.Context, lines [][]byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if every := f.rotation.Every; every > 0 && time.Since(f.began) >= every && f.lines.written == 0 {
		if err := f.to.RotateWithReason("age"); err != nil {
			return 0, err
		}
		f.began = time.Now()
	}
	return f.lines.write(f.to, lines)
}

func (f *File) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.to.Close()
}

// stream writes lines to standard output.
type stream struct {
	to    io.Writer
	lines lineWriter
}

// NewStream returns a sink that writes to w, which it does not close.
func NewStream(w io.Writer) sink { return &stream{to: w} }

func (s *stream) check(context.Context) error { return nil }

func (s *stream) write(_ context.Context, lines [][]byte) (int, error) {
	return s.lines.write(s.to, lines)
}

func (s *stream) close() error { return nil }

// maxWrite is how much is written at once. It is less than the smallest size of a file.
const maxWrite = 256 << 10

// lineWriter writes whole lines, with few writes. It continues a line that was written in
// part.
type lineWriter struct {
	written int // bytes of the line that the next call begins with
}

// write writes lines, and returns how many are written in full.
func (w *lineWriter) write(to io.Writer, lines [][]byte) (done int, err error) {
	for done < len(lines) {
		// The rest of a line is written alone: a file has room for it then, since it had room
		// for the line, and is not rotated in the middle.
		part, next := lines[done][w.written:], done+1
		if w.written == 0 {
			part = append([]byte{}, part...)
			for ; next < len(lines) && len(part)+len(lines[next]) <= maxWrite; next++ {
				part = append(part, lines[next]...)
			}
		}
		n, err := to.Write(part)
		if err == nil && n < len(part) {
			err = io.ErrShortWrite
		}
		for n += w.written; done < next && n >= len(lines[done]); done++ {
			n -= len(lines[done])
		}
		if w.written = n; err != nil {
			return done, err
		}
	}
	return done, nil
}
