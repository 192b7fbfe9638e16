package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// StandardInput is the name that stands for standard input instead of a file.
const StandardInput = "-"

// MaxConfigBytes is the size limit for a file of settings or certificates, a hundred
// times the size of real ones.
const MaxConfigBytes = 1 << 20

// ReadFile reads a file or standard input. Without stdin, "-" is the name of a file.
func ReadFile[T any](file string, stdin io.Reader, read func(io.Reader) (T, error)) (T, error) {
	if file == StandardInput && stdin != nil {
		return read(stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		var none T
		return none, err
	}
	defer f.Close() // it was only read
	return read(f)
}

// ReadConfig reads a file or standard input of at most MaxConfigBytes. Without stdin, "-"
// is the name of a file.
func ReadConfig(file string, stdin io.Reader) ([]byte, error) {
	return ReadFile(file, stdin, func(r io.Reader) ([]byte, error) {
		text, err := io.ReadAll(io.LimitReader(r, MaxConfigBytes+1))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", FileName(file), err)
		}
		if len(text) > MaxConfigBytes {
			return nil, fmt.Errorf("%s: expected no more than %d bytes", FileName(file), MaxConfigBytes)
		}
		return text, nil
	})
}

// FileName returns the name of file for errors.
func FileName(file string) string {
	if file == StandardInput {
		return "standard input"
	}
	return lines.Escape(file)
}

// CheckStandardInput refuses standard input for more than one file.
func CheckStandardInput(files ...string) error {
	n := 0
	for _, file := range files {
		if file == StandardInput {
			n++
		}
	}
	if n > 1 {
		return errors.New("standard input (-) can be read only once: use files for the other inputs")
	}
	return nil
}
