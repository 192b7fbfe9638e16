package cases

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
)

// Rows calls use for every line of a file of captured rows, except blank ones. Lines
// are counted from 1. A file whose name ends in ".gz" is decompressed.
func Rows(path string, use func(line int, row []byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		row, err := lines.ReadBytes('\n')
		if row = bytes.TrimSpace(row); len(row) > 0 {
			use(n, row)
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
