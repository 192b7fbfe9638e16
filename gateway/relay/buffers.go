package relay

import (
	"bufio"
	"io"
	"sync"
)

// Buffers that are not used are shared by all connections: most connections are idle, and
// would keep 48 KiB each.
var (
	idleReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferBytes) }}
	idleWriters = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, bufferBytes) }}
)

// lentReader is a bufio.Reader that has a buffer only from the first use to release. What it
// returns is valid until then, too.
type lentReader struct {
	from   io.Reader
	buffer *bufio.Reader
}

func (r *lentReader) lend() *bufio.Reader {
	if r.buffer == nil {
		r.buffer = idleReaders.Get().(*bufio.Reader)
		r.buffer.Reset(r.from)
	}
	return r.buffer
}

// release gives the buffer back, unless there is something in it.
func (r *lentReader) release() {
	if r.buffer != nil && r.buffer.Buffered() == 0 {
		r.buffer.Reset(nil)
		idleReaders.Put(r.buffer)
		r.buffer = nil
	}
}

func (r *lentReader) Read(into []byte) (int, error) { return r.lend().Read(into) }
func (r *lentReader) Peek(n int) ([]byte, error)    { return r.lend().Peek(n) }
func (r *lentReader) Discard(n int) (int, error)    { return r.lend().Discard(n) }

// Buffered returns the number of bytes that can be read at once.
func (r *lentReader) Buffered() int {
	if r.buffer == nil {
		return 0
	}
	return r.buffer.Buffered()
}

// lentWriter is a bufio.Writer that has a buffer only while there is something in it. It looks
// like lentReader: bufio's two types share no interface that one type could be written for.
type lentWriter struct {
	to     io.Writer
	buffer *bufio.Writer
}

func (w *lentWriter) lend() *bufio.Writer {
	if w.buffer == nil {
		w.buffer = idleWriters.Get().(*bufio.Writer)
		w.buffer.Reset(w.to)
	}
	return w.buffer
}

func (w *lentWriter) Write(p []byte) (int, error)         { return w.lend().Write(p) }
func (w *lentWriter) ReadFrom(r io.Reader) (int64, error) { return w.lend().ReadFrom(r) }
func (w *lentWriter) AvailableBuffer() []byte             { return w.lend().AvailableBuffer() }

// Buffered returns the number of bytes that are not written yet.
func (w *lentWriter) Buffered() int {
	if w.buffer == nil {
		return 0
	}
	return w.buffer.Buffered()
}

// Flush writes what is in the buffer, and gives the buffer back. After an error it is kept,
// since a later write must fail, too.
func (w *lentWriter) Flush() error {
	if w.buffer == nil {
		return nil
	}
	if err := w.buffer.Flush(); err != nil {
		return err
	}
	w.buffer.Reset(nil)
	idleWriters.Put(w.buffer)
	w.buffer = nil
	return nil
}
